"""A request's `segments:`: rows that are time ranges of longer recordings.

segments: {start: begin_time, end: end_time}     columns of the table, in seconds
segments: {start: begin, duration: length}
segments: {beside: srt}                          srt, vtt or rttm beside each recording
segments: {channel: 1}                           one channel, from 0; also with the others
segments: {beside: srt, keep: true}              recordings stay whole; the ranges are a column
segments: keep                                   the same, of Kaldi's ranges and those of recipes
"""

import json
from dataclasses import asdict
from typing import Any, Final, Self

from hugflow.late_dataclass import dataclass
from hugflow.requests.grammar import FieldInvalid, column, refuse_unknown_keys

BESIDE: Final = ("srt", "vtt", "rttm")
MAX_CHANNEL: Final = 63
# The column of recordings that stay whole, and two fields of each range in it.
SEGMENTS: Final = "segments"
START: Final = "start"
END: Final = "end"
_KEYS: Final = ("start", "end", "duration", "beside", "channel", "keep")


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """Where the time ranges are; see the module."""

    start: str | None = None
    end: str | None = None
    duration: str | None = None
    beside: str | None = None
    channel: int | None = None
    keep: bool = False

    def to_text(self) -> str:
        """One line of JSON; the same segments give the same text."""
        told = {
            name: each for name, each in asdict(self).items() if not (each is None or each is False)
        }
        return json.dumps(told, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The segments of what `to_text` gave."""
        return cls(**json.loads(text))


def segment_spec(value: object) -> SegmentSpec:
    """Read `segments:`. Raises FieldInvalid."""
    if isinstance(value, SegmentSpec):
        return value
    if value == "keep":
        return SegmentSpec(keep=True)
    mend = "segments: {start: begin_time, end: end_time}"
    if not isinstance(value, dict) or not value:
        raise FieldInvalid("is no mapping", mend=mend)
    refuse_unknown_keys(value, _KEYS)
    told: dict[str, Any] = {key: each for key, each in value.items() if each is not None}
    for name in ("start", "end", "duration"):
        if name in told:
            if not isinstance(told[name], str):
                raise FieldInvalid(f"{name} is no column's name", mend="put it in quotes")
            column(told[name])
    if "beside" in told and told["beside"] not in BESIDE:
        raise FieldInvalid("beside is none that is read", mend=f"write {', '.join(BESIDE)}")
    channel = told.get("channel")
    is_channel = channel is None or (type(channel) is int and 0 <= channel <= MAX_CHANNEL)
    if not is_channel:
        raise FieldInvalid("channel is no number from 0", mend="channel: 0 is the left one")
    if "keep" in told and not isinstance(told["keep"], bool):
        raise FieldInvalid("keep is neither true nor false", mend="keep: true")
    spec = SegmentSpec(**told)
    if spec.keep and channel is not None:
        raise FieldInvalid("keeps recordings whole, and names one channel", mend="delete channel")
    if spec.start is not None and (spec.end is None) == (spec.duration is None):
        raise FieldInvalid("has a start without end or duration, or with both", mend=mend)
    if spec.start is None and (spec.end is not None or spec.duration is not None):
        raise FieldInvalid("has no start", mend=mend)
    if spec.start is not None and spec.beside is not None:
        raise FieldInvalid("names columns and files", mend="keep start and end, or beside")
    return spec


_NAME: Final = {"type": "string", "minLength": 1}
_MAPPING: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        "start": _NAME,
        "end": _NAME,
        "duration": _NAME,
        "beside": {"enum": list(BESIDE)},
        "channel": {"type": "integer", "minimum": 0, "maximum": MAX_CHANNEL},
        "keep": {"type": "boolean"},
    },
}
SEGMENTS_SCHEMA: Final[dict[str, Any]] = {"anyOf": [{"const": "keep"}, _MAPPING]}
