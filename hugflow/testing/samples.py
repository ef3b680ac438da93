"""Datasets made from code, published on a loopback Hub. The same call makes the same commit.

    with LoopbackHub() as hub:
        commit = publish_speech(hub, rows=24, shards=3, container="opus", private=True)

Each also takes the parameters of `LoopbackHub.publish`: see `Publication`.
"""

import functools
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

import numpy as np
import pyarrow as pa

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.repository import Gate
from hugflow.testing.speech import Container, encode, speech_like
from hugflow.testing.tables import (
    DEFAULT_CONFIG,
    Splits,
    audio_feature,
    class_label_feature,
    to_repository,
    with_features,
)

SPEAKERS = ("anna", "bo", "chen")
WORDS = [
    "the",
    "a",
    "river",
    "light",
    "morning",
    "seven",
    "paper",
    "asked",
    "slowly",
    "into",
    "house",
    "green",
    "said",
    "before",
    "water",
    "and",
    "small",
    "under",
    "every",
    "listen",
    "window",
    "far",
    "again",
    "quiet",
    "road",
    "letter",
    "almost",
    "bring",
    "stone",
    "evening",
]
SPEECH_CARD = {"license": "cc0-1.0", "task_categories": ["automatic-speech-recognition"]}
TEXT_CARD = {"license": "cc0-1.0", "task_categories": ["text-generation"]}
AUDIO_STRUCT = pa.struct({"bytes": pa.binary(), "path": pa.string()})

# Bytes that replace a row's audio; None for no audio.
BrokenRows = Mapping[int, bytes | None]


class Publication(TypedDict, total=False):
    """The parameters of `LoopbackHub.publish` except the files."""

    branch: str
    message: str
    from_empty: bool
    private: bool
    gated: Gate | bool


def publish_speech(
    hub: LoopbackHub,
    repo_id: str = "acme/tiny-speech",
    *,
    rows: int = 24,
    shards: int = 3,
    seconds: float = 1.0,
    container: Container = "flac",
    as_struct: bool = True,
    sampling_rate: int = 16_000,
    channels: int = 1,
    with_filenames: bool = True,
    row_group_rows: int | None = None,
    broken_rows: BrokenRows | None = None,
    seed: int = 0,
    **publication: Unpack[Publication],
) -> str:
    """A speech dataset with one split, `train`, in the files `data/train-*.parquet`.

    For the columns and the other parameters see `speech_table`.
    """
    table = speech_table(
        rows,
        seconds=seconds,
        container=container,
        as_struct=as_struct,
        sampling_rate=sampling_rate,
        channels=channels,
        with_filenames=with_filenames,
        broken_rows=broken_rows,
        seed=seed,
    )
    return publish_tables(
        hub,
        repo_id,
        {DEFAULT_CONFIG: {"train": table}},
        shards=shards,
        row_group_rows=row_group_rows,
        **publication,
    )


def publish_text(
    hub: LoopbackHub,
    repo_id: str = "acme/tiny-text",
    *,
    rows: int = 20,
    shards: int = 2,
    row_group_rows: int | None = None,
    seed: int = 0,
    **publication: Unpack[Publication],
) -> str:
    """A dataset without audio: the columns `id` and `text`, one split, `train`."""
    table = pa.table({"id": range(rows), "text": [sentence(seed + row) for row in range(rows)]})
    return publish_tables(
        hub,
        repo_id,
        {DEFAULT_CONFIG: {"train": with_features(table)}},
        shards=shards,
        row_group_rows=row_group_rows,
        card=TEXT_CARD,
        **publication,
    )


def publish_subsets(
    hub: LoopbackHub,
    repo_id: str = "acme/two-languages",
    *,
    rows: Mapping[str, int] | None = None,
    shards: int = 1,
    **publication: Unpack[Publication],
) -> str:
    """A speech dataset with the configs `ms` and `en`, each with the splits of `rows`.

    By default 8 rows of `train`, 3 of `validation` and 2 of `test`; no two clips are the same.
    """
    rows = rows or {"train": 8, "validation": 3, "test": 2}
    configs: dict[str, dict[str, pa.Table]] = {}
    seed = 0
    for config in ("ms", "en"):
        configs[config] = {}
        for split, count in rows.items():
            configs[config][split] = speech_table(count, seed=seed)
            seed += count
    return publish_tables(hub, repo_id, configs, shards=shards, **publication)


def publish_tables(
    hub: LoopbackHub,
    repo_id: str,
    configs: Mapping[str, Splits],
    *,
    shards: int = 1,
    row_group_rows: int | None = None,
    card: Mapping[str, Any] | None = None,
    **publication: Unpack[Publication],
) -> str:
    """Any tables as a dataset, by config and split: `{"default": {"train": table}}`.

    Every split is cut into `shards` files. `card` replaces the licence and tasks of the card.
    """
    files = to_repository(
        configs,
        title=repo_id.partition("/")[2],
        shards=shards,
        row_group_rows=row_group_rows,
        card=SPEECH_CARD if card is None else card,
    )
    return hub.publish(repo_id, files, **publication)


def speech_table(
    rows: int,
    *,
    seconds: float = 1.0,
    container: Container = "flac",
    as_struct: bool = True,
    sampling_rate: int = 16_000,
    channels: int = 1,
    with_filenames: bool = True,
    broken_rows: BrokenRows | None = None,
    seed: int = 0,
) -> pa.Table:
    """Clips with the columns `audio`, `text`, `speaker` and, if wanted, `audio_filename`.

    Lengths vary from half of `seconds` to one and a half. `audio` is a struct of bytes and path,
    declared as Audio, or with `as_struct=False` the bare bytes. `broken_rows` replaces clips with
    your own bytes, with no bytes, or with None. Another `seed` gives other clips.
    """
    names = [f"clip-{row:05d}.{container}" for row in range(rows)]
    contents: list[bytes | None] = [
        _clip(seed + row, seconds * (0.5 + row % 5 / 4), sampling_rate, channels, container)
        for row in range(rows)
    ]
    for row, content in (broken_rows or {}).items():
        contents[row] = content
    speakers = [row % len(SPEAKERS) for row in range(rows)]
    columns = {
        "audio": to_audio_column(contents, names) if as_struct else pa.array(contents, pa.binary()),
        "text": pa.array([sentence(seed + row) for row in range(rows)], pa.string()),
        "speaker": pa.array(speakers, pa.int64()),
        **({"audio_filename": pa.array(names, pa.string())} if with_filenames else {}),
    }
    features = {"speaker": class_label_feature(*SPEAKERS)}
    if as_struct:
        features["audio"] = audio_feature(sampling_rate)
    return with_features(pa.table(columns), features)


def to_audio_column(contents: list[bytes | None], paths: list[str]) -> pa.Array:
    """Files as `datasets` keeps them in parquet: structs of bytes and path; null for None."""
    values = [
        None if content is None else {"bytes": content, "path": path}
        for content, path in zip(contents, paths, strict=True)
    ]
    return pa.array(values, AUDIO_STRUCT)


def sentence(seed: int) -> str:
    """A few words that begin with a capital and end with a full stop."""
    random = np.random.default_rng(seed)
    words = random.choice(WORDS, size=random.integers(4, 10))
    return " ".join(words).capitalize() + "."


@functools.lru_cache(maxsize=1024)
def _clip(
    seed: int, seconds: float, sampling_rate: int, channels: int, container: Container
) -> bytes:
    """An encoded clip; each further channel has the voice later and softer."""
    voice = speech_like(seconds, sampling_rate, seed=seed)
    if channels == 1:
        return encode(voice, sampling_rate, container)
    heard = [np.roll(voice, 40 * channel) * 0.7**channel for channel in range(channels)]
    return encode(np.stack(heard, axis=1), sampling_rate, container)
