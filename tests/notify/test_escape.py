"""Words of strangers stay words, on GitHub and on Slack."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.notify.escape import (
    html_code,
    md_block,
    md_cell,
    md_code,
    safe_url,
    slack_code,
    slack_text,
    to_line,
)
from tests.notify.rendered import render
from tests.notify.strangers import words


@given(text=st.text() | words, most=st.integers(1, 50))
def test_a_line_is_one_line_of_what_can_be_seen_and_no_longer(text: str, most: int):
    line = to_line(text, most)
    assert len(line) <= most
    assert all(unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for each in line)
    assert line == line.strip()


@given(text=st.text("abc é日🦊|`*<&", max_size=50).map(" ".join).map(str.strip))
def test_what_can_be_seen_stays_as_it_is(text: str):
    assert to_line(text) == " ".join(text.split())


def test_what_is_cut_says_so():
    assert to_line("abcdef", 4) == "abc…"
    assert to_line(" " * 30 + "a", 4) == "…"


@given(text=words)
def test_in_a_paragraph_it_is_code_and_reads_as_it_was_written(text: str):
    rendered = render(f"before {md_code(text)} after")
    assert rendered.codes == [to_line(text)]
    assert rendered.text.strip() == "before  after"


@given(text=words)
def test_in_a_table_it_is_one_cell_of_code(text: str):
    rendered = render(f"| a | b |\n| --- | --- |\n| {md_cell(text)} | {md_cell(text)} |")
    assert rendered.codes == [to_line(text)] * 2
    assert rendered.layout.count("<td {}>") == 2
    assert rendered.layout.count("<tr {}>") == 2


@given(lines=st.lists(words, min_size=1, max_size=4))
def test_as_a_block_it_is_code_to_its_last_line(lines: list[str]):
    rendered = render(f"before\n\n{md_block(lines)}\n\nafter")
    assert rendered.codes == ["".join(f"{to_line(each)}\n" for each in lines)]
    assert rendered.text.split() == ["before", "after"]


@given(text=words)
def test_in_html_it_is_code_too(text: str):
    rendered = render(f"<details><summary>a {html_code(text)} b</summary>\n\nc\n\n</details>")
    assert rendered.codes == [to_line(text)]
    assert rendered.text.split() == ["a", "b", "c"]


@given(text=words)
def test_on_slack_nothing_is_a_mention_or_a_link(text: str):
    for shown in (slack_text(text), slack_code(text)):
        assert not set(shown) & set("<>\n")
        assert re.sub("&(amp|lt|gt);", "", shown).count("&") == 0
    assert set(re.findall("`", slack_code(text)[1:-1])) == set()


@given(text=st.text("<>&a", max_size=50), most=st.integers(5, 30))
def test_on_slack_nothing_is_longer_than_it_may_be_and_nothing_is_cut_in_the_middle(
    text: str, most: int
):
    shown = slack_text(text, most)
    assert len(shown) <= most
    assert re.fullmatch("(?:&(?:amp|lt|gt);|[a…])*", shown)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/requests/actions/runs/1?check_suite_focus=true",
        "http://127.0.0.1:3000/runs/1#logs",
    ],
)
def test_a_plain_address_may_be_shown(url: str):
    assert safe_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://host/x",
        "https://ana:secret@host/x",
        "https:///x",
        "https://host/a b",
        "https://host/)[x](y",
        "https://host/>",
        "https://host/|x",
        "https://host/\n",
        "https://[::1",
        "https://host/" + "x" * 1_000,
        "https://h\u03bfst/",
    ],
)
def test_no_other_address_is_shown(url: str | None):
    assert safe_url(url) is None
