"""The result of a query as a table of text that is safe to show.

Texts and names of columns come from strangers: each cell is one line, without signs that a terminal
obeys or that turn the order of the letters. Dates are written as in a row's JSON, because Polars
ends with a panic for those beyond the year 262,143.
"""

import json
import re
from typing import Any, Final

import polars as pl

from hugflow.rows.record import column_values

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f|\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]",
)
_MOST_LETTERS: Final = 120


def show_table(found: pl.DataFrame, most_rows: int) -> str:
    """The table in Markdown; of more than `most_rows` rows the first and the last half."""
    shown = found
    if len(found) > most_rows:
        # One row more than is shown, so that Polars marks the gap.
        shown = pl.concat([found.head(most_rows // 2 + 1), found.tail(most_rows // 2)])
    with pl.Config(
        tbl_formatting="ASCII_MARKDOWN",
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        tbl_rows=most_rows,
        tbl_cols=-1,
        tbl_width_chars=65_535,
        fmt_str_lengths=_MOST_LETTERS,
    ):
        return str(_as_text(shown))


def in_a_cell(text: str) -> str:
    """The text in one line; `|`, and what a terminal would obey, is escaped as in Python."""
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    sign = match[0]
    return r"\|" if sign == "|" else sign.encode("unicode_escape").decode()


def _as_text(found: pl.DataFrame) -> pl.DataFrame:
    columns: dict[str, pl.Series] = {}
    for column, arrow in zip(found.get_columns(), found.to_arrow().columns, strict=True):
        name = in_a_cell(column.name)
        while name in columns:
            name += " "
        if column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Duration, pl.Time):
            columns[name] = column
        elif column.dtype == pl.Binary:
            cells = [None if data is None else in_a_cell(str(data)) for data in column]
            columns[name] = pl.Series(cells, dtype=pl.String)
        else:
            cells = [_cell(value) for value in column_values(arrow.combine_chunks())]
            columns[name] = pl.Series(cells, dtype=pl.String)
    return pl.DataFrame(columns)


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    return in_a_cell(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
