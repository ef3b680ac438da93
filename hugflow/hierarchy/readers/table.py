"""A sheet as rows: the first row names the columns, every later row is a dict of texts."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, time, timedelta

from hugflow.hierarchy.readers.cells import Place, Value, WorkbookInvalid, cell_text

MAX_CELLS = 2_000_000
MAX_SHEETS = 1_000

Rows = list[dict[str, str]]


def to_rows(grid: Iterable[Sequence[Value]], sheet: Place) -> Rows:
    """The rows of a sheet, without empty ones.

    grid: rows of cells from A1 on; they may differ in length.
    Raises WorkbookInvalid, with the cell, for an unnamed or repeated column, a header that is not
    text or a number, a failed formula, an empty sheet, and more than MAX_CELLS cells.
    """
    rows: Rows = []
    names: list[str] = []
    cells = 0
    for number, values in enumerate(grid, 1):
        cells += len(values)
        if cells > MAX_CELLS:
            raise _too_large(sheet)
        if number == 1:
            names = _read_header(values, sheet)
            continue
        texts = [
            cell_text(value, replace(sheet, row=number, column=column))
            for column, value in enumerate(values, 1)
        ]
        if not any(text.strip() for text in texts):
            continue
        for column in range(len(names), len(texts)):
            if texts[column].strip():
                raise _unnamed(replace(sheet, row=1, column=column + 1), f"row {number}")
        padded = [*texts, *[""] * (len(names) - len(texts))]
        rows.append(dict(zip(names, padded, strict=False)))
    if not names:
        raise WorkbookInvalid(
            f"{sheet} is empty",
            why="its first row should name the columns",
            mend="delete the sheet, or write the names of its columns into row 1",
        )
    return rows


def _read_header(values: Sequence[Value], sheet: Place) -> list[str]:
    names: list[str] = []
    for column, value in enumerate(values, 1):
        place = replace(sheet, row=1, column=column)
        if isinstance(value, bool | date | time | timedelta):
            raise WorkbookInvalid(
                f"{place}: the column's name is no text",
                why="a date or a truth value is written differently from program to program",
                mend="format the cell as text",
            )
        names.append(cell_text(value, place))
    while names and not names[-1].strip():
        names.pop()
    for column, name in enumerate(names, 1):
        place = replace(sheet, row=1, column=column)
        if not name.strip():
            raise _unnamed(place, "the columns after it")
        first = names.index(name) + 1
        if first != column:
            raise WorkbookInvalid(
                f"{place}: the column {name!r} is there twice",
                why=f"column {first} has the same name, and a row could keep only one of the values",
                mend="rename one of the two columns, or delete it",
            )
    return names


def _unnamed(place: Place, what: str) -> WorkbookInvalid:
    return WorkbookInvalid(
        f"{place}: the column has no name",
        why=f"its first cell is empty, but {what} have values",
        mend="write the column's name into row 1, or delete the column",
    )


def _too_large(sheet: Place) -> WorkbookInvalid:
    return WorkbookInvalid(
        f"{sheet} is too large",
        why=f"it has more than {MAX_CELLS:,} cells",
        mend="split it, and delete formatted rows and columns that hold nothing",
    )
