"""The time ranges of recordings that stay whole, as exports write them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hugflow.late_dataclass import dataclass
from hugflow.requests.segments import END, SEGMENTS, START
from hugflow.shards.plan import Plan
from hugflow.shards.plan_request import segments_of

if TYPE_CHECKING:
    from hugflow.exports.rows import ExportRow


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A part of a recording, in seconds.

    stem: of the recording, with the number of the range; no other range has it.
    columns: those of the range itself.
    """

    stem: str
    start: float
    duration: float
    text: str | None
    columns: Mapping[str, Any]


def beside(columns: Mapping[str, Any], ours: frozenset[str]) -> dict[str, Any]:
    """Columns under names that are not in `ours`."""
    # Imported here: it loads pyarrow.
    from hugflow.shards.features import names_beside

    names = names_beside(tuple(columns), ours)
    return dict(zip(names, columns.values(), strict=True))


def has_ranges(plan: Plan) -> bool:
    """Whether the rows of a dataset are whole recordings with time ranges."""
    spec = segments_of(plan.request)
    return spec is not None and spec.keep


def ranges_of(plan: Plan, row: "ExportRow") -> list[TimeRange]:
    """The ranges of a row, by their begin; none without times or behind the end."""
    found = []
    for number, fields in enumerate(row.columns.get(SEGMENTS) or ()):
        start, end = fields[START], fields[END]
        if start is None:
            continue
        stop = row.clip.duration if end is None else min(end, row.clip.duration)
        if start < stop:
            columns = {name: each for name, each in fields.items() if name not in (START, END)}
            text = columns.pop(plan.text_column or "text", None)
            said = text if isinstance(text, str) else None
            stem = f"{row.clip.stem}_{number:05d}"
            found.append(TimeRange(stem, start, round(stop - start, 6), said, columns))
    return found
