"""What libsndfile is given of a WAV: its bytes, with sizes that fit; of an MP3 inside, its frames."""

from dataclasses import replace
from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.behind import find_sound, is_sampled, sound_behind
from hugflow.audio.decoders.framing import Framing
from hugflow.audio.decoders.mp3_parts import mp3_parts
from hugflow.audio.decoders.parts import Part
from hugflow.audio.riff import Wave, chunks_end, is_tag_or_padding, read_wave

WAV_SIZE: Final = "wav_size"

_MOST_TOLD: Final = 0xFFFF_FFFF
# More zeros than these behind a header that counts no sample are silence, not padding.
_MOST_PADDING: Final = 1024
_MPEG: Final = (0x50, 0x55)
# PCM, Microsoft's ADPCM, float, A-law, mu-law, IMA ADPCM, GSM 6.10, NMS ADPCM, G.721.
_READ: Final = frozenset({0x01, 0x02, 0x03, 0x06, 0x07, 0x11, 0x31, 0x38, 0x40})
_CODINGS: Final = {
    0x10: "OKI ADPCM",
    0x14: "G.723 ADPCM",
    0x22: "TrueSpeech",
    0x42: "G.723.1",
    0x45: "G.726",
    0x57: "AMR",
    0x58: "AMR-WB",
    0x64: "G.726",
    0x65: "G.722",
    0x83: "G.729",
    0xFF: "AAC",
    0x111: "G.723.1",
    0x133: "G.729",
    0x160: "WMA",
    0x161: "WMA",
    0x162: "WMA Pro",
    0x163: "WMA lossless",
    0x28F: "G.722",
    0x1602: "AAC",
    0x1610: "AAC",
    0x2000: "AC-3",
    0x2001: "DTS",
    0x674F: "Vorbis",
    0x704F: "Opus",
    0xA109: "Speex",
    0xF1AC: "FLAC",
}


def wav_parts(view: memoryview) -> Framing:
    """The sound of a WAV.

    Raises AudioBad: `audio_truncated` where samples are missing, `audio_unsupported` for a coding
    that libsndfile does not read.
    """
    wave = read_wave(view)
    if wave is None:
        return Framing((Part((view,)),))
    if wave.coding is not None and wave.coding not in (*_READ, *_MPEG):
        name = _CODINGS.get(wave.coding, f"the coding {wave.coding:#06x}")
        raise AudioBad("audio_unsupported", f"the wav holds {name}")
    size, is_repaired = _samples_size(view, wave)
    end = wave.start + size
    behind = chunks_end(view, end, wave.order)
    other = None
    if behind < len(view):
        other = sound_behind(view, behind) or find_sound(view, behind)
    # Behind an odd number of bytes, some programs leave out the byte that makes it even.
    is_chunk = behind > end + 1 or chunks_end(view[end:], 0, wave.order) > 0
    is_pcm_next = wave.coding not in _MPEG and not is_chunk
    if is_pcm_next and not is_repaired and is_sampled(view[end:other]):
        # The sizes are those of an earlier moment: a recorder writes its header now and then.
        left = len(view[wave.start : other])
        size, is_repaired = left - left % wave.block_size, True
    return replace(_own_parts(view[:other], wave, size, is_repaired), end=other)


def _own_parts(view: memoryview, wave: Wave, size: int, is_repaired: bool) -> Framing:
    repaired = (WAV_SIZE,) if is_repaired else ()
    end = wave.start + size
    if wave.coding in _MPEG:
        inside = mp3_parts(view[wave.start : end])
        return Framing(inside.parts, (*repaired, *inside.repaired), "wav")
    if not is_repaired:
        return Framing((Part((view,)),), source_format=wave.source_format)
    told = min(size, _MOST_TOLD).to_bytes(4, "big" if wave.order == ">" else "little")
    # Of an RF64, the size that counts is another one.
    name = b"RIFF" if bytes(view[:4]) == b"RF64" else view[:4]
    part = Part((name, view[4 : wave.start - 4], told, view[wave.start : end]))
    return Framing((part,), repaired, wave.source_format)


def _samples_size(view: memoryview, wave: Wave) -> tuple[int, bool]:
    """Bytes of the samples that are there, and whether the header says another number.

    Raises AudioBad where more are missing than a wrong count explains.
    """
    left = len(view) - wave.start
    if wave.size is None:
        return left, False
    if wave.size == 0 or wave.size < left:
        rest = view[wave.start + wave.size :]
        is_chunk = chunks_end(view, wave.start + wave.size, wave.order) > wave.start + wave.size + 1
        is_all = wave.size == 0 or wave.whole in (len(view), len(view) + 8)
        is_silence = wave.size == 0 and len(rest) > _MOST_PADDING and not any(rest)
        is_nothing = not is_silence and (len(rest) <= 1 or is_tag_or_padding(rest))
        if is_chunk or not is_all or is_nothing:
            return wave.size, False
        return left - left % wave.block_size, True
    if wave.size > left:
        is_whole = wave.whole in (len(view), len(view) + 8)
        if not is_whole or wave.size not in (len(view), len(view) - 8):
            raise AudioBad("audio_truncated", f"the wav has {left} of {wave.size} bytes of samples")
        return left - left % wave.block_size, True
    return wave.size, False
