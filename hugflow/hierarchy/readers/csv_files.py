"""Workbooks of csv files: a file is a sheet, and a folder of files is a workbook."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from hugflow.hierarchy.readers.cells import Place, WorkbookInvalid
from hugflow.hierarchy.readers.packed import MAX_UNPACKED_BYTES, too_large
from hugflow.hierarchy.readers.table import Rows, to_rows

SUFFIX = ".csv"


def read_csv_files(data_by_name: Mapping[str, bytes], workbook: str) -> dict[str, Rows]:
    """A sheet for each file, called as the file without `.csv`, in the order of their names."""
    if not data_by_name:
        raise WorkbookInvalid(
            f"{workbook} holds no sheet",
            why="there is no .csv file in the folder",
            mend="put a .csv file for each sheet into it",
        )
    if sum(map(len, data_by_name.values())) > MAX_UNPACKED_BYTES:
        raise too_large(workbook, f"its files have more than {MAX_UNPACKED_BYTES:,} bytes")
    sheets: dict[str, Rows] = {}
    for name in sorted(data_by_name):
        place = Place(workbook, PurePosixPath(name).name.removesuffix(SUFFIX))
        sheets[place.sheet] = to_rows(_read_grid(data_by_name[name], place), place)
    return sheets


def _read_grid(data: bytes, place: Place) -> Iterator[Sequence[str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise WorkbookInvalid(
            f"{place}: line {line} is not UTF-8",
            why="the file must read the same on every machine",
            mend="save it as UTF-8",
        ) from error
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from lines
    except csv.Error as error:
        raise WorkbookInvalid(
            f"{place}: line {lines.line_num} is no csv",
            why=str(error),
            mend="check the quotes there",
        ) from error
