"""What libsndfile is given of an AIFF, AU, W64, CAF or NIST SPHERE: its bytes, up to another file."""

import struct

from hugflow.audio.bad import AudioBad
from hugflow.audio.behind import find_sound, is_sampled
from hugflow.audio.decoders.framing import Framing
from hugflow.audio.decoders.parts import Part
from hugflow.audio.lengths import SizeField, find_size, has_chunk, sound_end


def plain_parts(body: memoryview, container: str) -> Framing:
    """The sound of a file whose header says how long it is.

    Raises AudioBad: `audio_truncated` where samples are missing, `audio_undecodable` where more
    follow than the header says, `audio_unsupported` for a coding that libsndfile does not read.
    """
    field = find_size(body, container)
    if field is not None and field.size is None:
        return Framing((_with_size(body, field),))
    end = sound_end(body, container)
    if end is not None and end > len(body):
        raise AudioBad("audio_truncated", f"the {container} lacks a part that its framing names")
    if not end or end == len(body):
        return Framing((Part((body,)),))
    other = find_sound(body, end)
    if field is not None and _has_more(body[:other], end, container):
        words = f"the {container} has {len(body[end:other])} bytes of samples that its header lacks"
        raise AudioBad("audio_undecodable", words)
    # Of a w64, libsndfile takes all that follows for samples.
    return Framing((Part((body[: end if container == "w64" else other],)),), end=other)


def _with_size(body: memoryview, field: SizeField) -> Part:
    """The file with the size of all that follows in place of one that says nothing."""
    size = struct.pack(field.form, len(body) - field.start)
    return Part((body[: field.at], size, body[field.at + len(size) :]))


def _has_more(body: memoryview, end: int, container: str) -> bool:
    # Chunks begin at an even byte, of a w64 at a multiple of eight.
    begin = end + (-end % 8 if container == "w64" else end % 2)
    return not has_chunk(body, begin, container) and is_sampled(body[end:])
