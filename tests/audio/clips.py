"""Small clips to try things on, and what decoders say of them."""

import io

import lameenc
import numpy as np
import numpy.typing as npt
import soundfile

RATES_HZ = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)

# Every container we read, and within them what carries no more, just, and more than 16 bits.
FORMATS = (
    ("WAV", "PCM_16"),
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAV", "ULAW"),
    ("WAV", "ALAW"),
    ("WAVEX", "PCM_16"),
    ("RF64", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
)


def tone(num_samples: int, rate_hz: int = 16_000, channels: int = 1) -> npt.NDArray[np.float64]:
    """A voice-like sound that is loud and never repeats: shape (num_samples, channels)."""
    time_s = np.arange(num_samples)[:, None] / rate_hz
    pitch_hz = 180 + 40 * np.arange(channels)
    noise = np.random.default_rng(7).uniform(-0.05, 0.05, (num_samples, channels))
    return 0.5 * np.sin(2 * np.pi * pitch_hz * time_s * (1 + 0.1 * time_s)) + noise


def write(
    samples: npt.NDArray[np.generic],
    rate_hz: int = 16_000,
    format: str = "WAV",  # noqa: A002  # soundfile's word
    subtype: str | None = None,
) -> bytes:
    """The samples as a file of libsndfile's making."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=format, subtype=subtype)
    return file.getvalue()


def write_bare_mp3(
    samples: npt.NDArray[np.float64], rate_hz: int = 16_000, *, kbps: int = 64, is_vbr: bool = False
) -> bytes:
    """The samples as an MP3 without an Info tag."""
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_channels(samples.shape[1])
    encoder.set_in_sample_rate(rate_hz)
    encoder.set_out_sample_rate(rate_hz)
    if is_vbr:
        encoder.set_vbr(lameenc.VBR_MTRH)
        encoder.set_vbr_quality(4)
    else:
        encoder.set_bit_rate(kbps)
    pcm = (samples * 32_000).astype(np.int16)
    return bytes(encoder.encode(pcm) + encoder.flush())


def id3v2(size: int = 1000) -> bytes:
    """A tag for the front of a file, with a comment of so many bytes."""
    sevens = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00\x00" + sevens + b"c" * size


def id3v1() -> bytes:
    """A tag for the end of a file."""
    return b"TAG" + b"title".ljust(125, b"\x00")


def decode(data: bytes) -> npt.NDArray[np.float64]:
    """What libsndfile makes of a whole file: shape (frames, channels)."""
    samples: npt.NDArray[np.float64] = soundfile.read(io.BytesIO(data), always_2d=True)[0]
    return samples
