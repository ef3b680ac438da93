"""The least that making an MP3 can cost: libsndfile decodes, and the system's LAME encodes.

libmp3lame by ctypes (Debian: `apt install libmp3lame0`), at the bitrate and quality that Hugflow
takes, after the same mix to one channel. Nothing is checked, and nothing is written.
"""

import ctypes
import ctypes.util
import io
import sys

import numpy as np
import numpy.typing as npt
import soundfile

from hugflow.audio.encoding import BITRATE_KBPS_BY_RATE, QUALITY
from hugflow.audio.mono import to_mono_pcm16

_MONO = 3
_PIECE = 1 << 16


def decode_and_encode(clip: bytes) -> int:
    """Make an MP3 of a clip; its size in bytes."""
    samples, rate_hz = soundfile.read(io.BytesIO(clip), dtype="int16", always_2d=True)
    return encode(to_mono_pcm16(samples), rate_hz)


def encode(pcm: npt.NDArray[np.int16], rate_hz: int, quality: int = QUALITY) -> int:
    """Encode one channel with LAME; the size in bytes."""
    lame = _load()
    state = lame.lame_init()
    lame.lame_set_in_samplerate(state, rate_hz)
    lame.lame_set_out_samplerate(state, rate_hz)
    lame.lame_set_num_channels(state, 1)
    lame.lame_set_mode(state, _MONO)
    lame.lame_set_brate(state, BITRATE_KBPS_BY_RATE[rate_hz])
    lame.lame_set_quality(state, quality)
    lame.lame_set_bWriteVbrTag(state, 0)
    if lame.lame_init_params(state) < 0:
        sys.exit("LAME refuses its parameters")
    buffer = ctypes.create_string_buffer(_PIECE * 5 // 4 + 7200)
    size = 0
    for at in range(0, len(pcm), _PIECE):
        piece = np.ascontiguousarray(pcm[at : at + _PIECE])
        address = piece.ctypes.data_as(ctypes.POINTER(ctypes.c_short))
        size += lame.lame_encode_buffer(state, address, None, len(piece), buffer, len(buffer))
    size += lame.lame_encode_flush(state, buffer, len(buffer))
    lame.lame_close(state)
    return size


_loaded: list[ctypes.CDLL] = []


def _load() -> ctypes.CDLL:
    if not _loaded:
        name = ctypes.util.find_library("mp3lame")
        if name is None:
            sys.exit("the floor needs LAME's library: apt install libmp3lame0")
        library = ctypes.CDLL(name)
        library.lame_init.restype = ctypes.c_void_p
        for setter in ("in_samplerate", "out_samplerate", "num_channels", "mode", "brate",
                       "quality", "bWriteVbrTag"):  # fmt: skip
            getattr(library, f"lame_set_{setter}").argtypes = [ctypes.c_void_p, ctypes.c_int]
        library.lame_init_params.argtypes = library.lame_close.argtypes = [ctypes.c_void_p]
        short = ctypes.POINTER(ctypes.c_short)
        library.lame_encode_buffer.argtypes = [
            ctypes.c_void_p, short, short, ctypes.c_int, ctypes.c_char_p, ctypes.c_int,
        ]  # fmt: skip
        library.lame_encode_flush.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        _loaded.append(library)
    return _loaded[0]
