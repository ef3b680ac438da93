"""Datasets with every shape of audio column, and with every rare kind of audio.

    publish_shapes(hub)                      one repository per shape: `shapes/struct` and so on
    publish_shape(hub, "array", rows=3)      one of them

    struct         struct<bytes, path>, as `datasets.push_to_hub` writes it
    binary         the bare bytes
    large-binary   the same, with 64-bit offsets
    paths          struct<path>; the files lie beside, as `clips/0001.wav`
    unembedded     struct<bytes, path> without bytes; the files lie beside
    strings        the path alone, declared as Audio; the files lie beside
    hostile-paths  struct<path>: one file of the repository, then paths that lead out of it
    array          struct<array: list<float>, sampling_rate, path>
    array-2d       the same with list<list<float>>: channels first, frames first, and one channel
    mixed          one struct<bytes, path, array, sampling_rate>, filled differently in each row
    odd            struct<bytes, path>: sampling rates, widths and channels that are rare

Every dataset has the columns `audio` and `text`, and one split, `train`; if rows differ, `text`
describes each.
"""

import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, Literal, Unpack, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import soundfile

from hugflow.late_dataclass import dataclass
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import (
    SPEECH_CARD,
    Publication,
    sentence,
    to_audio_column,
)
from hugflow.testing.speech import encode, speech_like
from hugflow.testing.tables import (
    DEFAULT_CONFIG,
    Feature,
    audio_feature,
    to_repository,
    with_features,
)

Shape = Literal[
    "struct",
    "binary",
    "large-binary",
    "paths",
    "unembedded",
    "strings",
    "hostile-paths",
    "array",
    "array-2d",
    "mixed",
    "odd",
]
SHAPES: tuple[Shape, ...] = get_args(Shape)
OWNER = "shapes"

RATE_HZ = 16_000
CLIP_S = 0.5
# Long for a clip, short as a file: silence of this length takes a few kilobytes of FLAC.
SILENCE_S = 600.0
SILENCE_BLOCK_S = 60.0
HEADER_BYTES = 256

# Targets that a path must never reach: this machine, another repository, another host.
HOSTILE_PATHS = (
    "/etc/passwd",
    "/dev/zero",
    "/proc/self/environ",
    "../../../../etc/passwd",
    "clips/../../../etc/passwd",
    "..\\..\\secret.wav",
    "~/.bashrc",
    "file:///etc/passwd",
    "http://127.0.0.1:9/clip.wav",
    "https://example.invalid/clip.wav",
    "hf://datasets/other/repo/clips/0000.wav",
    "zip://0000.wav::https://example.invalid/clips.zip",
    "concat:/etc/hostname|/etc/passwd",
    "clips/nowhere.wav",
    "clips",
    "clips/0000.wav\x00.mp3",
)

PATH_STRUCT = pa.struct({"path": pa.string()})
UNEMBEDDED_STRUCT = pa.struct({"bytes": pa.binary(), "path": pa.string()})
ARRAY_STRUCT = pa.struct(
    {"path": pa.string(), "array": pa.list_(pa.float32()), "sampling_rate": pa.int64()}
)
ARRAY_2D_STRUCT = pa.struct(
    {"path": pa.string(), "array": pa.list_(pa.list_(pa.float32())), "sampling_rate": pa.int64()}
)
MIXED_STRUCT = pa.struct(
    {
        "bytes": pa.binary(),
        "path": pa.string(),
        "array": pa.list_(pa.float32()),
        "sampling_rate": pa.int64(),
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """An audio column with the texts of its rows, and the files that its paths lead to."""

    audio: pa.Array
    texts: Sequence[str]
    feature: Feature | None = None
    files: dict[str, bytes] = field(default_factory=dict)


def publish_shapes(
    hub: LoopbackHub, *, rows: int = 4, **publication: Unpack[Publication]
) -> dict[str, str]:
    """Every shape in a repository of its own, `shapes/<shape>`; the commit by repository."""
    return {
        f"{OWNER}/{shape}": publish_shape(hub, shape, rows=rows, **publication) for shape in SHAPES
    }


def publish_shape(
    hub: LoopbackHub,
    shape: Shape,
    repo_id: str | None = None,
    *,
    rows: int = 4,
    **publication: Unpack[Publication],
) -> str:
    """One shape, by default as `shapes/<shape>`.

    rows: for shapes with similar rows; the others have one row per case.
    """
    column = compose_column(shape, rows)
    known = {} if column.feature is None else {"audio": column.feature}
    table = with_features(pa.table({"audio": column.audio, "text": list(column.texts)}), known)
    configs = {DEFAULT_CONFIG: {"train": table}}
    files = to_repository(configs, title=f"Audio as {shape}", card=SPEECH_CARD) | column.files
    return hub.publish(repo_id or f"{OWNER}/{shape}", files, **publication)


def compose_column(shape: Shape, rows: int) -> Column:
    """The audio column of a shape."""
    cases: dict[Shape, Callable[[int], Column]] = {
        "struct": _struct_column,
        "binary": lambda rows: _bytes_column(rows, pa.binary()),
        "large-binary": lambda rows: _bytes_column(rows, pa.large_binary()),
        "paths": lambda rows: _path_column(rows, PATH_STRUCT),
        "unembedded": lambda rows: _path_column(rows, UNEMBEDDED_STRUCT),
        "strings": _string_column,
        "hostile-paths": lambda _: _hostile_column(),
        "array": _array_column,
        "array-2d": lambda _: _array_2d_column(),
        "mixed": lambda _: _mixed_column(),
        "odd": lambda _: _odd_column(),
    }
    return cases[shape](rows)


def odd_clips() -> dict[str, tuple[str, bytes]]:
    """Rare but valid audio: file name and bytes by description."""
    clip = _clip(0)
    fast = {
        f"{rate_hz} Hz": (f"rate-{rate_hz}.wav", write_audio(_clip(1, rate_hz), rate_hz))
        for rate_hz in (192_000, 96_000, 88_200, 64_000, 37_800, 11_025, 8_000)
    }
    loud = 4.0 * clip / np.abs(clip).max()
    both = np.stack([clip, -clip], axis=1)
    six = np.stack([np.roll(clip, 40 * channel) for channel in range(6)], axis=1)
    one = np.zeros_like(six)
    one[:, 0] = clip
    return fast | {
        "24-bit WAV": ("wide.wav", write_audio(clip, RATE_HZ, "WAV", "PCM_24")),
        "24-bit FLAC": ("wide.flac", write_audio(clip, RATE_HZ, "FLAC", "PCM_24")),
        "32-bit WAV": ("wider.wav", write_audio(clip, RATE_HZ, "WAV", "PCM_32")),
        "float WAV, four times too loud": ("loud.wav", write_audio(loud, RATE_HZ, "WAV", "FLOAT")),
        "unsigned 8-bit WAV": ("narrow.wav", write_audio(clip, RATE_HZ, "WAV", "PCM_U8")),
        "mu-law WAV": ("mu-law.wav", write_audio(clip, RATE_HZ, "WAV", "ULAW")),
        "A-law WAV": ("a-law.wav", write_audio(clip, RATE_HZ, "WAV", "ALAW")),
        "stereo in anti-phase": ("anti-phase.wav", write_audio(both, RATE_HZ)),
        "six channels": ("six.wav", write_audio(six, RATE_HZ, "WAVEX", "PCM_16")),
        "six channels, five silent": ("one-of-six.wav", write_audio(one, RATE_HZ, "WAVEX")),
        "one frame": ("one-frame.wav", write_audio(clip[:1], RATE_HZ)),
        "AIFF": ("clip.aiff", write_audio(clip, RATE_HZ, "AIFF", "PCM_16")),
        "AU": ("clip.au", write_audio(clip, RATE_HZ, "AU", "PCM_16")),
        "very long silence": ("silence.flac", long_silence()),
    }


@functools.lru_cache(maxsize=4)
def long_silence(seconds: float = SILENCE_S, rate_hz: int = RATE_HZ) -> bytes:
    """Silence as FLAC, a few bytes a second, made in blocks of a minute."""
    file = io.BytesIO()
    left = round(seconds * rate_hz)
    block = np.zeros(round(SILENCE_BLOCK_S * rate_hz), np.int16)
    with soundfile.SoundFile(file, "w", rate_hz, 1, "PCM_16", format="FLAC") as sound:
        while left:
            sound.write(block[:left])
            left -= min(left, len(block))
    return file.getvalue()


def write_audio(
    samples: npt.NDArray[np.float32],
    rate_hz: int,
    container: str = "WAV",
    width: str | None = None,
) -> bytes:
    """Samples as a file, with libsndfile's names of formats: shape (frames,) or (frames, channels).

    The same samples always give the same bytes.
    """
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=container, subtype=width)
    content = file.getvalue()
    # A float WAV has its peak and, after size and version, the time of writing.
    peak = content.find(b"PEAK", 0, HEADER_BYTES)
    if peak < 0:
        return content
    return content[: peak + 12] + bytes(4) + content[peak + 16 :]


def _struct_column(rows: int) -> Column:
    names = [f"clip-{row:04d}.wav" for row in range(rows)]
    audio = to_audio_column(list(_wavs(rows)), names)
    return Column(audio, _sentences(rows), audio_feature(RATE_HZ))


def _bytes_column(rows: int, type_: pa.DataType) -> Column:
    return Column(pa.array(_wavs(rows), type_), _sentences(rows))


def _path_column(rows: int, type_: pa.StructType) -> Column:
    files = _repository_wavs(rows)
    audio = pa.array([{"path": path} for path in files], type_)
    return Column(audio, _sentences(rows), audio_feature(RATE_HZ), files)


def _string_column(rows: int) -> Column:
    files = _repository_wavs(rows)
    audio = pa.array(list(files), pa.string())
    return Column(audio, _sentences(rows), audio_feature(RATE_HZ), files)


def _hostile_column() -> Column:
    files = _repository_wavs(1)
    paths = [*files, *HOSTILE_PATHS]
    audio = pa.array([{"path": path} for path in paths], PATH_STRUCT)
    texts = ["a file of this repository", *(repr(path) for path in HOSTILE_PATHS)]
    return Column(audio, texts, audio_feature(RATE_HZ), files)


def _array_column(rows: int) -> Column:
    values = [_array_value(_clip(row), f"clip-{row:04d}.wav") for row in range(rows)]
    return Column(pa.array(values, ARRAY_STRUCT), _sentences(rows))


def _array_2d_column() -> Column:
    left, right = _clip(0), _clip(1)
    arrays = {
        "two channels, channels first": np.stack([left, right]),
        "two channels, frames first": np.stack([left, right], axis=1),
        "one channel, channels first": left[None, :],
        "one channel, frames first": left[:, None],
    }
    values = [
        _array_value(array, f"clip-{row:04d}.wav") for row, array in enumerate(arrays.values())
    ]
    return Column(pa.array(values, ARRAY_2D_STRUCT), list(arrays))


def _mixed_column() -> Column:
    """Eight rows, of which six can be made."""
    wav = _wavs(1)[0]
    files = {"clips/0003.wav": encode(_clip(3), RATE_HZ, "wav")}
    stereo = write_audio(np.stack([_clip(4), _clip(5)], axis=1), RATE_HZ)
    holed = _clip(7).copy()
    holed[100:200] = np.nan
    rows: dict[str, dict[str, Any]] = {
        "bytes and path": {"bytes": wav, "path": "clip-0000.wav"},
        "bytes alone": {"bytes": encode(_clip(1), RATE_HZ, "flac")},
        "array": _array_value(_clip(2), None),
        "path alone, of this repository": {"path": "clips/0003.wav"},
        "stereo bytes": {"bytes": stereo, "path": "clip-0004.wav"},
        "corrupt": {"bytes": wav[:8] + b"this was audio once", "path": "clip-0005.wav"},
        "without a frame": {"bytes": write_audio(_clip(6)[:0], RATE_HZ)},
        "float WAV with NaN": {"bytes": write_audio(holed, RATE_HZ, "WAV", "FLOAT")},
    }
    return Column(pa.array(list(rows.values()), MIXED_STRUCT), list(rows), files=files)


def _odd_column() -> Column:
    clips = odd_clips()
    names, contents = zip(*clips.values(), strict=True)
    return Column(to_audio_column(list(contents), list(names)), list(clips), audio_feature())


def _array_value(array: npt.NDArray[np.float32], path: str | None) -> dict[str, Any]:
    return {"path": path, "array": array.tolist(), "sampling_rate": RATE_HZ}


def _repository_wavs(rows: int) -> dict[str, bytes]:
    return {f"clips/{row:04d}.wav": wav for row, wav in enumerate(_wavs(rows))}


def _wavs(rows: int) -> tuple[bytes, ...]:
    return tuple(encode(_clip(row), RATE_HZ, "wav") for row in range(rows))


def _sentences(rows: int) -> list[str]:
    return [sentence(row) for row in range(rows)]


@functools.lru_cache(maxsize=256)
def _clip(seed: int, rate_hz: int = RATE_HZ) -> npt.NDArray[np.float32]:
    return speech_like(CLIP_S, rate_hz, seed=seed)
