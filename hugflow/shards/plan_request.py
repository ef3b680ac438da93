"""A request as a plan keeps it: the only list of the fields that affect rows."""

from collections.abc import Mapping
from dataclasses import MISSING, field, fields
from typing import Any, Final, Literal, Self

from hugflow.audio.encoding import QUALITY, Encoding
from hugflow.late_dataclass import dataclass
from hugflow.requests.model import AddRequest
from hugflow.requests.segments import SegmentSpec
from hugflow.requests.sources import SourceSpec, TableForm

Alters = Literal["audio", "json"]


def _row_field(alters: Alters, default: Any = MISSING) -> Any:
    """A field of a request that affects rows, and which part of a row it affects.

    default: with this value a plan has the same id as without the field.
    """
    return field(default=default, metadata={"alters": alters})


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The fields of a request that affect rows, with the defaults filled in.

    Each has its name in the request. Everything that compares, writes or reads these fields uses
    this list.
    audio_columns: all audio columns, the main one first; empty if there is only that one.
    source: the text of its `source:`, see `SourceSpec.to_text`.
    segments: the text of its `segments:`, see `SegmentSpec.to_text`.
    asked: the fields that the request names itself.
    """

    hf_id: str
    subset: str | None
    split: str
    revision: str
    audio_column: str = _row_field("audio")
    text_column: str = _row_field("json")
    mp3_source: str = _row_field("audio")
    text_join: str | None = _row_field("json", default=None)
    audio_columns: tuple[str, ...] = _row_field("audio", default=())
    source: str | None = _row_field("audio", default=None)
    segments: str | None = _row_field("audio", default=None)
    measure: str = _row_field("audio", default="false")
    mp3_quality: int = _row_field("audio", default=QUALITY)
    mp3_bitrate: int | None = _row_field("audio", default=None)
    sample_rate: int | None = _row_field("audio", default=None)
    asked: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: AddRequest, defaults: Mapping[str, Any]) -> Self:
        """The fields of a request; defaults: values of the fields that it does not name."""
        told: dict[str, Any] = {name: getattr(request, name) for name in ROW_FIELDS}
        if request.source is not None:
            told["source"] = request.source.to_text()
        if request.segments is not None:
            told["segments"] = request.segments.to_text()
        told |= {
            name: defaults.get(name, _DEFAULTS.get(name))
            for name, value in told.items()
            if value is None
        }
        asked = [name for name in ROW_FIELDS if request.is_asked(name)]
        if request.audio_columns:
            told["audio_column"] = request.audio_columns[0]
            told["audio_columns"] = request.audio_columns if request.audio_columns[1:] else ()
            # A column that is named must exist, here as there.
            asked = ["audio_column", *asked]
        return cls(
            hf_id=request.hf_id,
            subset=request.subset,
            split=request.split,
            revision=request.revision,
            asked=tuple(asked),
            **told,
        )

    @property
    def all_audio(self) -> tuple[str, ...]:
        """The audio columns that are asked for, the main one first."""
        return self.audio_columns or (self.audio_column,)

    @property
    def asked_audio(self) -> tuple[str, ...]:
        """The audio columns that the request names itself, the main one first."""
        return self.all_audio if "audio_column" in self.asked else ()

    @property
    def encoding(self) -> Encoding:
        """How MP3s are encoded."""
        return Encoding(self.mp3_quality, self.mp3_bitrate, self.sample_rate)

    def differing(self, other: "PlanRequest", alters: Alters | None = None) -> list[str]:
        """The fields that differ; alters: only the fields that affect this part of a row."""
        return [
            name
            for name, part in ROW_FIELDS.items()
            if alters in (None, part) and getattr(self, name) != getattr(other, name)
        ]


# The part of a row that each field of a request affects.
ROW_FIELDS: Final[Mapping[str, Alters]] = {
    each.name: each.metadata["alters"] for each in fields(PlanRequest) if each.metadata
}

_DEFAULTS: Final[Mapping[str, Any]] = {
    each.name: each.default for each in fields(PlanRequest) if each.default is not MISSING
}


def form_of(request: PlanRequest) -> TableForm | None:
    """The form in which a request's files are read; None if nothing is said of it."""
    return SourceSpec.from_text(request.source).form if request.source is not None else None


def segments_of(request: PlanRequest) -> SegmentSpec | None:
    """What a request says of time ranges; None if rows are whole clips."""
    return SegmentSpec.from_text(request.segments) if request.segments is not None else None


def is_imported(request: PlanRequest) -> bool:
    """Whether a request's source is an archive that a person imported, and not the Hub."""
    return request.source is not None and SourceSpec.from_text(request.source).archive is not None


def later_fields(request: PlanRequest) -> list[Any]:
    """The fields that are newer than version 2 and do not have their defaults."""
    later = [each for each in fields(request) if each.metadata and each.default is not MISSING]
    found = [[each.name, getattr(request, each.name)] for each in later]
    return [pair for pair, each in zip(found, later, strict=True) if pair[1] != each.default]
