"""One cell of a workbook: from the value that the file holds to text.

Every format ends in the same text, so that a sheet saved as xlsx and as ods gives the same rows:

    text        as it is
    number      all its digits: 42, 3.5, 4e-10; a whole number has no ".0"
    truth       TRUE, FALSE
    date        2024-01-31
    moment      2024-01-31T13:05:00, to the millisecond
    duration    27:04:05, to the millisecond
    nothing     an empty text
"""

import math
import re
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

from hugflow.hierarchy.errors import ConfigError
from hugflow.late_dataclass import dataclass

# Excel counts a 29 February 1900, which never was; programs disagree about the days before.
FIRST_DATE = date(1900, 3, 1)
_LARGEST_PLAIN = 1e21
_ERROR_CODE = re.compile(
    r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!|ERROR!|SPILL!|CALC!)|Err:\d+"
)


class WorkbookInvalid(ConfigError):
    """A workbook cannot be read without losing or changing data; says sheet and cell."""


@dataclass(frozen=True, slots=True)
class CellError:
    """A cell whose formula failed. code: what the program shows, as `#N/A`."""

    code: str


Value: TypeAlias = str | int | float | bool | date | datetime | time | timedelta | CellError | None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a workbook, for messages. row, column: from 1; 0 for the whole sheet."""

    workbook: str
    sheet: str
    row: int = 0
    column: int = 0

    def __str__(self) -> str:
        """`data.xlsx, sheet 'a', cell B7`."""
        cell = f", cell {column_letters(self.column)}{self.row}" if self.row else ""
        return f"{self.workbook}, sheet {self.sheet!r}{cell}"


def column_letters(column: int) -> str:
    """The letters of a column from 1: A ... Z, AA ..."""
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def cell_text(value: Value, place: Place) -> str:
    """The text of a cell. Raises WorkbookInvalid for a failed formula, or an ambiguous date."""
    if value is None:
        return ""
    if isinstance(value, CellError):
        raise _failed_formula(value.code, place)
    if isinstance(value, str):
        if _ERROR_CODE.fullmatch(value.strip()):
            raise _failed_formula(value.strip(), place)
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number_text(value, place)
    if isinstance(value, time):
        value = timedelta(
            hours=value.hour,
            minutes=value.minute,
            seconds=value.second,
            microseconds=value.microsecond,
        )
    if isinstance(value, timedelta):
        return _duration_text(value)
    return _date_text(value, place)


def _number_text(value: float, place: Place) -> str:
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise _failed_formula(str(value), place)
    if value.is_integer() and abs(value) < _LARGEST_PLAIN:
        return str(int(value))
    return repr(value)


def _duration_text(value: timedelta) -> str:
    milliseconds = round(value / timedelta(milliseconds=1))
    sign, milliseconds = ("-", -milliseconds) if milliseconds < 0 else ("", milliseconds)
    seconds, rest = divmod(milliseconds, 1000)
    clock = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{clock}.{rest:03d}" if rest else clock


def _date_text(value: date, place: Place) -> str:
    moment = value if isinstance(value, datetime) else datetime(*value.timetuple()[:3])  # noqa: DTZ001  # sheets know no time zones
    if moment.date() < FIRST_DATE:
        raise WorkbookInvalid(
            f"{place}: the date {moment.date()} is ambiguous",
            why="programs count the days before 1900-03-01 differently",
            mend="format the cell as text, and write the date or time out",
        )
    moment += timedelta(microseconds=500)
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    if (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0):
        return moment.date().isoformat()
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def _failed_formula(code: str, place: Place) -> WorkbookInvalid:
    return WorkbookInvalid(
        f"{place}: the cell holds the error {code}",
        why="its formula failed, so its value is unknown",
        mend="fix the formula, or empty the cell, in the sheet itself; then pull again",
    )
