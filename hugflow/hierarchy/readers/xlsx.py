"""Workbooks of Excel: the type and the value of each cell as the file holds them."""

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hugflow.errors import HugflowError
from hugflow.hierarchy.readers.cells import CellError, Place, Value, WorkbookInvalid
from hugflow.hierarchy.readers.packed import open_packed
from hugflow.hierarchy.readers.table import Rows, to_rows

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet


class ReaderMissing(HugflowError):
    """The library that reads a format is not installed."""


def read_xlsx(data: bytes, workbook: str) -> dict[str, Rows]:
    """The sheets of a workbook, hidden ones too, in order; sheets that are charts are left out."""
    load, unescape = _bring_library()
    with open_packed(data, workbook) as packed, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        has_formulas = _has_formulas(packed)
        try:
            book = load(io.BytesIO(data), read_only=True, data_only=True)
            formulas = load(io.BytesIO(data), read_only=True) if has_formulas else None
            return {
                sheet.title: to_rows(
                    _read_grid(
                        sheet,
                        formulas[sheet.title] if formulas is not None else None,
                        Place(workbook, sheet.title),
                        unescape,
                    ),
                    Place(workbook, sheet.title),
                )
                for sheet in book.worksheets
            }
        except WorkbookInvalid:
            raise
        # openpyxl raises whatever its reading of a damaged part runs into.
        except Exception as error:
            raise WorkbookInvalid(
                f"{workbook} is damaged",
                why=f"its parts do not fit together ({type(error).__name__}: {error})",
                mend="save it again in its program",
            ) from error


def _bring_library() -> tuple[Any, Any]:
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.escape import unescape
    except ImportError as error:
        raise ReaderMissing(
            "xlsx workbooks cannot be read",
            why="the library openpyxl is not installed",
            mend="pip install 'hugflow[sheets]'",
        ) from error
    return load_workbook, unescape


def _has_formulas(packed: zipfile.ZipFile) -> bool:
    return any(
        b"<f>" in data or b"<f " in data or b":f>" in data or b":f " in data
        for member in packed.infolist()
        if member.filename.startswith("xl/worksheets/")
        for data in (packed.read(member),)
    )


def _read_grid(
    sheet: "ReadOnlyWorksheet", formulas: "ReadOnlyWorksheet | None", place: Place, unescape: Any
) -> Iterator[Sequence[Value]]:
    """The rows of a sheet. The size that a sheet declares is ignored: it is often wrong."""
    sheet.reset_dimensions()
    if formulas is not None:
        formulas.reset_dimensions()
    texts = formulas.iter_rows() if formulas is not None else None
    for number, cells in enumerate(sheet.iter_rows(), 1):
        asked = next(texts) if texts is not None else ()
        row = [_to_value(cell, unescape) for cell in cells]
        for column, cell in enumerate(asked, 1):
            if (
                cell.data_type == "f"
                and row[column - 1] is None
                and cells[column - 1].value is None
            ):
                raise _no_result(Place(place.workbook, place.sheet, number, column))
        yield row


def _to_value(cell: Any, unescape: Any) -> Value:
    if cell.data_type == "e":
        return CellError(str(cell.value))
    value: Value = cell.value
    return str(unescape(value)) if isinstance(value, str) else value


def _no_result(place: Place) -> WorkbookInvalid:
    return WorkbookInvalid(
        f"{place}: the formula has no result",
        why="the workbook was written by a program that calculates nothing",
        mend="open it in a spreadsheet program and save it, or write the value instead",
    )
