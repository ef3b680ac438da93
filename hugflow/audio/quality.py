"""What was measured of a clip and its text: `audio_info.quality`, in JSON and index."""

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, Literal, TypeAlias

from hugflow.late_dataclass import dataclass

Measure: TypeAlias = Literal["false", "true", "all"]


@dataclass(frozen=True, slots=True)
class Quality:
    """The figures of one clip; None where there is nothing to measure, such as the peak of silence.

    peak_dbfs, rms_dbfs: levels, where 0 is full scale; a full-scale sine has an RMS of -3.01.
    clipped, silence: shares of samples and of frames. snr: dB. dc_offset: mean, full scale is 1.
    pcm: 32 hex of XXH3 of the decoded samples, mono, 16 bits, little-endian. A hash that withstands
    an attack would take most of the time of measuring; whoever wants to look like another clip may
    as well copy it.
    chars_per_second, script: of the row's text; None without text. script: most letters' script.
    """

    peak_dbfs: float | None
    rms_dbfs: float | None
    clipped: float
    silence: float
    snr: float | None
    bandwidth_hz: int
    dc_offset: float
    pcm: str
    chars_per_second: float | None = None
    script: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The figures by name, in order; `asdict` takes nine times as long."""
        return dict(zip(NAMES, _VALUES(self), strict=True))


NAMES: Final = tuple(field.name for field in fields(Quality))
_VALUES: Final = attrgetter(*NAMES)
_NUMBERS: Final = (float, int)
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "peak_dbfs": (*_NUMBERS, type(None)),
    "rms_dbfs": (*_NUMBERS, type(None)),
    "clipped": _NUMBERS,
    "silence": _NUMBERS,
    "snr": (*_NUMBERS, type(None)),
    "bandwidth_hz": (int,),
    "dc_offset": _NUMBERS,
    "pcm": (str,),
    "chars_per_second": (*_NUMBERS, type(None)),
    "script": (str, type(None)),
}


def read_quality(value: Any) -> Quality | None:
    """The figures from their JSON value, null for a clip that was not measured.

    Raises TypeError for any other value. Figures of later versions are ignored.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TypeError(value)
    known: dict[str, Any] = {name: value.get(name) for name in NAMES}
    for name, types in _TYPES.items():
        if type(known[name]) not in types:
            raise TypeError(value)
    return Quality(**known)
