"""Workbooks of OpenDocument: the type and the value of each cell as the file holds them.

https://docs.oasis-open.org/office/OpenDocument/v1.3/os/part3-schema/, `<table:table-cell>`.
"""

import io
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from xml.etree.ElementTree import Element, iterparse

from hugflow.hierarchy.readers.cells import CellError, Place, Value, WorkbookInvalid
from hugflow.hierarchy.readers.packed import open_packed
from hugflow.hierarchy.readers.table import MAX_CELLS, Rows, to_rows

_NAMESPACE = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_TABLE, _OFFICE, _TEXT = (_NAMESPACE % name for name in ("table", "office", "text"))
_CALC_TYPE = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"
_CELLS = (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell")
_DURATION = re.compile(
    r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d+))?S)?)?", re.ASCII
)
# Of one paragraph: more characters than any program allows in a cell.
MOST_SPACES = 100_000
_SPACES = re.compile("[ \t\r\n]+")
_NUMBERS = frozenset({"float", "percentage", "currency"})


def read_ods(data: bytes, workbook: str) -> dict[str, Rows]:
    """The sheets of a workbook, hidden ones too, in order."""
    with open_packed(data, workbook) as packed:
        try:
            content = packed.read("content.xml")
        except KeyError:
            raise WorkbookInvalid(
                f"{workbook} is no ods workbook",
                why="it holds no content.xml",
                mend="save it as .ods in its program, or correct the source's subformat",
            ) from None
    sheets: dict[str, Rows] = {}
    inside = 0
    # S314: entities were refused when the file was opened.
    for event, element in iterparse(io.BytesIO(content), ("start", "end")):  # noqa: S314
        if element.tag != f"{_TABLE}table":
            continue
        inside += 1 if event == "start" else -1
        if inside:
            continue
        place = Place(workbook, element.get(f"{_TABLE}name", ""))
        try:
            sheets[place.sheet] = to_rows(_read_grid(element, place), place)
        except (RecursionError, ValueError) as error:
            raise WorkbookInvalid(
                f"{place} is damaged",
                why="a text in it is nested too deeply, or a count is no number",
                mend="save the workbook again in its program",
            ) from error
        element.clear()
    return sheets


def _read_grid(table: Element, place: Place) -> Iterator[Sequence[Value]]:
    """The rows of a table; repeated rows are written out, empty ones at its end are not."""
    empty = number = 0
    for row in table.iter(f"{_TABLE}table-row"):
        cells = _read_row(row, Place(place.workbook, place.sheet, number + empty + 1))
        repeated = _repeated(row, "rows")
        if not cells:
            empty += repeated
            continue
        if (empty + repeated) * len(cells) > MAX_CELLS:
            raise _too_many(place)
        for _ in range(empty):
            yield ()
        number, empty = number + empty + repeated, 0
        for _ in range(repeated):
            yield cells


def _read_row(row: Element, place: Place) -> list[Value]:
    """The cells of a row, without the empty ones at its end."""
    values: list[Value] = []
    empty = 0
    for cell in row:
        if cell.tag not in _CELLS:
            continue
        repeated = _repeated(cell, "columns")
        column = len(values) + empty + 1
        value = _read_cell(cell, Place(place.workbook, place.sheet, place.row, column))
        if value is None or value == "":
            empty += repeated
            continue
        if column + repeated > MAX_CELLS:
            raise _too_many(place)
        values += [None] * empty + [value] * repeated
        empty = 0
    return values


def _repeated(element: Element, what: str) -> int:
    text = element.get(f"{_TABLE}number-{what}-repeated", "1")
    return int(text) if text.isascii() and text.isdigit() else 1


def _read_cell(cell: Element, place: Place) -> Value:
    kind = cell.get(f"{_OFFICE}value-type")
    shown = "\n".join(_paragraph(part, place) for part in cell if part.tag == f"{_TEXT}p")
    is_formula = cell.get(f"{_TABLE}formula") is not None
    if cell.get(_CALC_TYPE) == "error" or (is_formula and shown.startswith(("#", "Err:"))):
        return CellError(shown)
    try:
        if kind in _NUMBERS:
            return _to_number(cell.attrib[f"{_OFFICE}value"])
        if kind == "boolean":
            return cell.attrib[f"{_OFFICE}boolean-value"] == "true"
        if kind == "date":
            return _to_date(cell.attrib[f"{_OFFICE}date-value"])
        if kind == "time":
            return _to_duration(cell.attrib[f"{_OFFICE}time-value"])
    except (KeyError, ValueError, OverflowError) as error:
        raise WorkbookInvalid(
            f"{place}: the cell is damaged",
            why=f"it is called a {kind}, and its value is none",
            mend="write its value again in its program",
        ) from error
    if kind is None and not shown:
        return None
    return cell.get(f"{_OFFICE}string-value", shown)


def _paragraph(part: Element, place: Place) -> str:
    """The text of a paragraph: white space is one space, and `text:s` stands for more."""
    pieces: list[str] = []
    spaces = 0

    def add(text: str | None) -> None:
        collapsed = _SPACES.sub(" ", text or "")
        if collapsed.startswith(" ") and (not pieces or pieces[-1].endswith(" ")):
            collapsed = collapsed[1:]
        if collapsed:
            pieces.append(collapsed)

    def walk(element: Element) -> None:
        nonlocal spaces
        add(element.text)
        for child in element:
            if child.tag == f"{_TEXT}s":
                count = int(child.get(f"{_TEXT}c", "1"))
                spaces += count
                if spaces > MOST_SPACES:
                    raise _too_many(place)
                pieces.append(" " * count)
            elif child.tag == f"{_TEXT}tab":
                pieces.append("\t")
            elif child.tag == f"{_TEXT}line-break":
                pieces.append("\n")
            elif child.tag != f"{_OFFICE}annotation":
                walk(child)
            add(child.tail)

    walk(part)
    return "".join(pieces)


def _to_number(text: str) -> int | float:
    return float(text) if set(text) & set(".eE") else int(text)


def _to_date(text: str) -> date:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def _to_duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(text)
    sign, days, hours, minutes, seconds, fraction = found.groups(default="0")
    duration = timedelta(
        days=int(days),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int(fraction.ljust(6, "0")[:6]),
    )
    return -duration if sign == "-" else duration


def _too_many(place: Place) -> WorkbookInvalid:
    return WorkbookInvalid(
        f"{place} is too large",
        why=f"written out, it has more than {MAX_CELLS:,} cells, or {MOST_SPACES:,} spaces in one",
        mend="delete formatted rows and columns that hold nothing",
    )
