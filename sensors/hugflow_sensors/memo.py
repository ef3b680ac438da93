"""The sensor's memo as the text of its cursor.

{
  "version": 2,
  "troubles": {
    "acme__speech__split_train__rev_main": ["<request>", 2, 1793000000.0, 1793000120.0, "..."]
  },
  "reloaded": ["<catalogue>", 1793000000.0]
}
"""

from dataclasses import dataclass

from hugflow.store.records import RecordForm
from hugflow_sensors.decide import Memo, Trouble


@dataclass(frozen=True, slots=True)
class _Cursor:
    """The text; troubles: the fields of each `Trouble`, in order."""

    troubles: dict[str, tuple[str, int, float, float, str]]
    reloaded: tuple[str, float] | None


CURSOR = RecordForm(
    _Cursor, "the cursor", version=2, mend="reset the sensor's cursor", is_compact=True
)


def read_memo(cursor: str | None) -> Memo:
    """The memo of a cursor; an empty memo when the cursor is missing or unreadable."""
    try:
        found = CURSOR.parse(cursor or "")
    except ValueError:
        return Memo({})
    troubles = {name: Trouble(*fields) for name, fields in found.troubles.items()}
    return Memo(troubles, found.reloaded)


def write_memo(memo: Memo) -> str:
    """The JSON form of the cursor."""
    troubles = {
        name: (trouble.request, trouble.failures, trouble.at, trouble.not_before, trouble.what)
        for name, trouble in memo.troubles.items()
    }
    return CURSOR.render(_Cursor(troubles, memo.reloaded))
