"""What libsndfile is given of a FLAC, of several one behind the other, and of FLAC in Ogg."""

from collections.abc import Sequence
from itertools import dropwhile, pairwise
from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.behind import find_sound
from hugflow.audio.container import find_words
from hugflow.audio.decoders.framing import Framing
from hugflow.audio.decoders.parts import Part
from hugflow.audio.flac import (
    INFO_SIZE,
    FlacInfo,
    Frame,
    are_in_sequence,
    first_frame,
    is_whole,
    last_frame,
    read_info,
    with_samples,
)
from hugflow.audio.ogg import Page

# libsndfile knows no wider ones.
_MOST_BITS: Final = 24
# In Ogg, STREAMINFO stands behind `\x7fFLAC`, the version, and how many headers follow.
_OGG_MAPPING: Final = 9


def flac_parts(view: memoryview) -> Framing:
    """The sound of a FLAC, and of those that stand behind it.

    Raises AudioBad (`audio_unsupported`) for more than 24 bits a sample.
    """
    begins = [at for at in find_words(view, (b"fLaC",)) if at == 0 or read_info(view[at:])]
    ends, parts = [*begins, len(view)], []
    for start, end in pairwise(ends):
        part, size = _to_part(view[start:end])
        parts.append(part)
        if size is not None:
            # What follows that file is read with it.
            return Framing(tuple(parts), end=start + size)
    return Framing(tuple(parts))


def flac_in_ogg(view: memoryview, pages: Sequence[Page], head: bytes) -> Framing:
    """The sound of a FLAC whose packets are those of an Ogg stream.

    head: the first packet. It and other headers are on pages of their own, without a time.
    """
    info = head[_OGG_MAPPING : _OGG_MAPPING + INFO_SIZE]
    found = read_info(memoryview(info))
    if found is None:
        raise AudioBad("audio_undecodable", "the FLAC in the ogg has no header")
    _check_bits(found.bits)
    sound = list(dropwhile(lambda page: not _begins_frame(view, page), pages[1:]))
    samples = found.samples or max((page.granule for page in sound), default=0)
    # No other header follows: comments and pictures are left out.
    header = b"".join((info[:4], b"\x80", info[5:]))
    header = with_samples(memoryview(header), samples)
    bodies = (view[page.body : page.end] for page in sound)
    return Framing((Part((header, *bodies), samples or None),), source_format="flac")


def _to_part(view: memoryview) -> tuple[Part, int | None]:
    """The sound of one FLAC, and where another file begins behind it; None where none does."""
    info = read_info(view)
    if info is None:
        return Part((view,)), None
    _check_bits(info.bits)
    last = last_frame(view, info)
    other = find_sound(view, INFO_SIZE if last is None else last.at + 1)
    if other is not None:
        part, _ = _to_part(view[:other])
        return part, other
    return _count_frames(view, info, last), None


def _count_frames(view: memoryview, info: FlacInfo, last: Frame | None) -> Part:
    """A FLAC with the number of its samples, where its frames say another one than its header."""
    first = first_frame(view, info)
    if first is None or last is None:
        return Part((view,))
    if not are_in_sequence(view, info, first, last):
        raise AudioBad("audio_truncated", "a frame of the flac is missing, or out of its order")
    if first.first == 0 and last.end == info.samples:
        return Part((view,))
    # The length was not known when the header was written; or the frames are cut out of a longer file.
    is_cut_out = first.first > 0 or last.end < info.samples
    if is_cut_out and not is_whole(view, last):
        return Part((view,), max(info.samples, last.end))
    samples = last.end - first.first
    return Part((with_samples(view, samples), view[INFO_SIZE:]), samples)


def _check_bits(bits: int) -> None:
    if bits > _MOST_BITS:
        raise AudioBad("audio_unsupported", f"the audio is FLAC of {bits} bits a sample")


def _begins_frame(view: memoryview, page: Page) -> bool:
    return bytes(view[page.body : page.body + 1]) == b"\xff"
