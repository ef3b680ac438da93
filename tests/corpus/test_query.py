"""What a query shows: values of strangers as a table that a terminal can show, and far dates."""

import polars as pl
import pyarrow as pa
import pytest

from hugflow.corpus.query import run_query
from hugflow.corpus.query_text import show_table
from hugflow.errors import UsageWrong


def test_a_date_beyond_the_calendar_is_shown_and_cast_to_text_is_refused():
    far = run_query("select cast(2147483000 as date) as d", [])
    assert "+5881578-10-03" in show_table(far, 10)
    with pytest.raises(UsageWrong, match="out-of-range date") as refused:
        run_query("select cast(cast(2147483000 as date) as varchar) as d", [])
    assert "without functions" in refused.value.mend
    times = pa.table({"at": pa.array([2**53, None], pa.timestamp("ms"))})
    lines = show_table(pl.DataFrame(times), 10).splitlines()
    assert "+287396-10-12T08:59:00.992000" in lines[2]
    assert "null" in lines[3]


def test_a_value_or_an_alias_is_one_cell_and_moves_no_cursor():
    hostile = "\x1b[2Jred\x07\u202e\nnext | cell"
    found = pl.DataFrame(
        {
            f"a{hostile}": [hostile],
            "in": [{"list": [hostile]}],
            "data": [b"\x1b|\n"],
            "kind": pl.Series([hostile], dtype=pl.Categorical),
        }
    )
    lines = show_table(found, 10).splitlines()
    assert len(lines) == 3
    assert lines[2].replace(r"\|", "").count("|") == len(found.columns) + 1
    text = "".join(lines)
    assert r"\x1b[2Jred\x07\u202e\nnext \| cell" in text
    assert text.isprintable()


def test_names_that_look_alike_stay_columns_of_their_own():
    found = pl.DataFrame({"a\x1b": [1], r"a\x1b": [2]})
    assert show_table(found, 10).splitlines()[2].split("|")[1:3] == [" 1     ", " 2      "]


def test_of_a_long_table_the_first_and_the_last_rows_are_shown():
    shown = show_table(pl.DataFrame({"row": range(50)}), 4).splitlines()[2:]
    assert [line.strip("| ") for line in shown] == ["0", "1", "...", "48", "49"]
