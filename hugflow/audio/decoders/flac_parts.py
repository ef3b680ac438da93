"""What libsndfile is given of a FLAC, of several one behind the other, and of FLAC in Ogg."""

from collections.abc import Sequence
from itertools import dropwhile, pairwise
from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.container import find_words
from hugflow.audio.decoders.framing import Framing
from hugflow.audio.decoders.parts import Part
from hugflow.audio.flac import INFO_SIZE, last_sample, read_info, with_samples
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
    ends = [*begins, len(view)]
    return Framing(tuple(_to_part(view[start:end]) for start, end in pairwise(ends)))


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


def _to_part(view: memoryview) -> Part:
    info = read_info(view)
    if info is None:
        return Part((view,))
    _check_bits(info.bits)
    end = last_sample(view, info)
    if end <= info.samples:
        return Part((view,))
    # It was not known yet when the header was written; or more was written than it says.
    return Part((with_samples(view, end), view[INFO_SIZE:]), end)


def _check_bits(bits: int) -> None:
    if bits > _MOST_BITS:
        raise AudioBad("audio_unsupported", f"the audio is FLAC of {bits} bits a sample")


def _begins_frame(view: memoryview, page: Page) -> bool:
    return bytes(view[page.body : page.body + 1]) == b"\xff"
