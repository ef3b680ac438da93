"""Workbooks for tests, written by the libraries that people use."""

import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from odf import table, text
from odf.opendocument import OpenDocumentSpreadsheet
from openpyxl import Workbook

Grid = Sequence[Sequence[Any]]


def write_xlsx(sheets: Mapping[str, Grid]) -> bytes:
    """A workbook of Excel, as openpyxl writes it."""
    book = Workbook()
    book.remove(book.active)
    for name, grid in sheets.items():
        sheet = book.create_sheet(name)
        for row in grid:
            sheet.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def write_ods(sheets: Mapping[str, Grid]) -> bytes:
    """A workbook of OpenDocument, as odfpy writes it."""
    book = OpenDocumentSpreadsheet()
    for name, grid in sheets.items():
        sheet = table.Table(name=name)
        for row in grid:
            line = table.TableRow()
            for value in row:
                line.addElement(_ods_cell(value))
            sheet.addElement(line)
        book.spreadsheet.addElement(sheet)
    file = io.BytesIO()
    book.write(file)
    return file.getvalue()


def _ods_cell(value: Any) -> table.TableCell:
    if value is None:
        return table.TableCell()
    if isinstance(value, bool):
        kinds = {"valuetype": "boolean", "booleanvalue": str(value).lower()}
    elif isinstance(value, int | float):
        kinds = {"valuetype": "float", "value": repr(value)}
    elif isinstance(value, date | datetime):
        kinds = {"valuetype": "date", "datevalue": value.isoformat()}
    elif isinstance(value, time | timedelta):
        at = (
            timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
            if isinstance(value, time)
            else value
        )
        seconds = int(at.total_seconds())
        kinds = {
            "valuetype": "time",
            "timevalue": f"PT{seconds // 3600}H{seconds // 60 % 60}M{seconds % 60}S",
        }
    else:
        kinds = {"valuetype": "string", "stringvalue": str(value)}
    cell = table.TableCell(**kinds)
    cell.addElement(text.P(text=str(value)))
    return cell
