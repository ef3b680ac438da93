"""Questions are read as the Hub reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.testing.exchange import Ask, Refusal, answer_file, parse_range
from hugflow.testing.repository import read_file

CONTENT = bytes(range(100))
FILE = read_file(CONTENT, is_large=True)


def test_an_escaped_slash_is_part_of_a_name_and_not_between_two():
    ask = Ask("api", "GET", "/api/datasets/a/b/revision/refs%2Fconvert%2Fparquet")
    assert ask.segments[-1] == "refs/convert/parquet"


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=90-200", (90, 100)),
        ("bytes=40-", (40, 100)),
        ("bytes=-5", (95, 100)),
        ("bytes=-500", (0, 100)),
        ("", None),
        ("bytes=-", None),
        ("bytes=0-1,4-5", None),
        ("rows=0-1", None),
    ],
)
def test_a_range_says_where_to_start_and_stop(header: str, wanted: tuple[int, int] | None):
    assert parse_range(header, 100) == wanted


@given(first=st.integers(0, 120), last=st.integers(0, 120))
def test_a_range_gives_the_bytes_that_it_names_or_is_refused(first: int, last: int):
    ask = Ask("api", "GET", "/x", headers={"range": f"bytes={first}-{last}"})
    expected = CONTENT[first : last + 1]
    if expected:
        answer = answer_file(FILE, ask, {})
        assert answer.status == 206
        assert answer.size_bytes == len(expected)
        assert answer.headers["Content-Range"] == f"bytes {first}-{min(last, 99)}/100"
    else:
        with pytest.raises(Refusal, match="range") as refusal:
            answer_file(FILE, ask, {})
        assert refusal.value.to_answer().headers["Content-Range"] == "bytes */100"


def test_a_refusal_names_itself_in_the_headers_that_clients_read():
    answer = Refusal(404, "No such thing", code="EntryNotFound").to_answer()
    assert answer.headers["X-Error-Code"] == "EntryNotFound"
    assert answer.headers["X-Error-Message"] == "No such thing"
