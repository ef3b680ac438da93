"""What a request asks for, as a plan keeps it: the one list of the fields that alter rows."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Final, Literal, Self

from hugflow.requests.model import AddRequest

Alters = Literal["audio", "json"]


def _row_field(alters: Alters, default: Any = MISSING) -> Any:
    """A field of a request that decides which rows there are, and what of a row it decides.

    default: a plan that has it keeps the id that it would have without the field.
    """
    return field(default=default, metadata={"alters": alters})


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The fields of a request that decide which rows there are, with the defaults filled in.

    Each has the name that it has in the request. The one list of those that alter rows: whatever
    compares, writes or reads them goes by it.
    asked: those of them that the request names itself.
    """

    hf_id: str
    subset: str | None
    split: str
    revision: str
    audio_column: str = _row_field("audio")
    text_column: str = _row_field("json")
    mp3_source: str = _row_field("audio")
    asked: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: AddRequest, defaults: Mapping[str, Any]) -> Self:
        """What a request asks for; defaults: by field, where the request names none."""
        told: dict[str, Any] = {name: getattr(request, name) for name in ROW_FIELDS}
        told |= {name: defaults.get(name) for name, value in told.items() if value is None}
        return cls(
            hf_id=request.hf_id,
            subset=request.subset,
            split=request.split,
            revision=request.revision,
            asked=tuple(name for name in ROW_FIELDS if request.is_asked(name)),
            **told,
        )

    def differing(self, other: "PlanRequest", alters: Alters | None = None) -> list[str]:
        """The fields that would give other rows; alters: only those that alter that part of one."""
        return [
            name
            for name, part in ROW_FIELDS.items()
            if alters in (None, part) and getattr(self, name) != getattr(other, name)
        ]


# What of a row each field of a request alters.
ROW_FIELDS: Final[Mapping[str, Alters]] = {
    each.name: each.metadata["alters"] for each in fields(PlanRequest) if each.metadata
}


def later_fields(request: PlanRequest) -> list[Any]:
    """The fields that came after version 2, where they are not left to their defaults."""
    later = [each for each in fields(request) if each.metadata and each.default is not MISSING]
    found = [[each.name, getattr(request, each.name)] for each in later]
    return [pair for pair, each in zip(found, later, strict=True) if pair[1] != each.default]
