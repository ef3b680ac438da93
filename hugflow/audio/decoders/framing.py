"""What the framing of a file says of its sound, ready to be decoded."""

from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.decoders.parts import Part
from hugflow.late_dataclass import dataclass

# What is wrong with a framing that is not repaired, and the code of the row then.
_REFUSED: Final = {
    "wav_size": ("audio_truncated", "the sizes in the wav's header do not fit the file"),
    "ogg_end": ("audio_truncated", "the ogg does not mark its last page"),
    "ogg_granule": ("audio_undecodable", "the times in the ogg's pages do not fit its packets"),
    "mp3_junk": ("audio_undecodable", "something stands before or between the mp3's frames"),
    "mp3_id3_size": ("audio_undecodable", "the mp3's ID3 tag is of another size than it says"),
}
REPAIRS: Final = tuple(_REFUSED)


@dataclass(frozen=True, slots=True)
class Framing:
    """The parts of a file's sound, in order, and which repairs of its framing they need.

    source_format: what the file is called where libsndfile sees only what is inside it.
    end: where another file begins, whose sound belongs to this one; None if there is none.
    """

    parts: tuple[Part, ...]
    repaired: tuple[str, ...] = ()
    source_format: str | None = None
    end: int | None = None


def refuse_repairs(framing: Framing) -> None:
    """Raise AudioBad where a framing needs a repair."""
    if framing.repaired:
        code, words = _REFUSED[framing.repaired[0]]
        raise AudioBad(code, f"{words}, and repair_audio is false")
