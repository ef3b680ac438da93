"""What exists of a shard on disk: every resume begins with it.

The ledger says what was written; this module compares it with the files. A row whose files exist
but whose line was lost (a kill between rename and journal) is restored from its JSON.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Any, Final

from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import (
    AUDIO_FIELDS,
    NOTE_FIELDS,
    Clip,
    Outcome,
    RowFailed,
    RowMade,
    read_journal,
    to_audio_info,
)
from hugflow.names import info_names
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.store.atomic import read_file

# Threads that look at once hand the interpreter to and fro with each file, which takes as much CPU
# as the looks. Where a disk is so slow that a look takes longer than this, several wait for it.
_TURN_S: Final = 0.5
_turn = Lock()


@dataclass(frozen=True, slots=True)
class ShardOnDisk:
    """The rows of a shard that exist, wholly or in part, and those that failed.

    made: rows that were begun; `json_bytes` is None if that file is missing, `mp3_bytes` if one of
        the row's MP3s is.
    found: rows of `made` that the journal does not have.
    """

    made: dict[int, RowMade]
    failed: dict[int, RowFailed]
    found: tuple[RowMade, ...]


def read_shard(build: Build, shard: Shard) -> ShardOnDisk:
    """Compare the journal of one shard with the disk.

    Costs one or two `stat` a row; one for a row that was never begun.
    """
    with _in_turn():
        return _read(build, shard)


def _read(build: Build, shard: Shard) -> ShardOnDisk:
    journal = build.state.journal(shard.name)
    # Without a journal line, trust a row's files only if this plan had begun the shard: in an older
    # tree the same row number may be another row.
    may_find = journal.exists()
    outcomes = read_journal(journal)
    made: dict[int, RowMade] = {}
    failed: dict[int, RowFailed] = {}
    found: list[RowMade] = []
    has_audio = build.plan.audio_column is not None
    root, metadata = str(build.folder.root), str(build.folder.json)
    for row in build.rows_of(shard):
        outcome: Outcome | None = outcomes.get(row)
        if isinstance(outcome, RowFailed):
            failed[row] = outcome
            continue
        if outcome is None and may_find:
            outcome = _find_row(build, row)
            if outcome is not None:
                found.append(outcome)
        if outcome is None:
            continue
        mp3_stands = _stand(root, build.mp3_paths(outcome.stem), outcome)
        json_stands = _size(f"{metadata}/{row}.json") == outcome.json_bytes
        if has_audio and not mp3_stands:
            outcome = replace(outcome, mp3_bytes=None)
        if not json_stands:
            outcome = replace(outcome, json_bytes=None)
        made[row] = outcome
    return ShardOnDisk(made, failed, tuple(found))


@contextmanager
def _in_turn() -> Iterator[None]:
    is_ours = _turn.acquire(timeout=_TURN_S)
    try:
        yield
    finally:
        if is_ours:
            _turn.release()


def _find_row(build: Build, row: int) -> RowMade | None:
    """A row from its files alone; None unless both exist and agree."""
    try:
        data = read_file(build.folder.json / f"{row}.json")
    except OSError:
        return None
    try:
        value = json.loads(data)
        if build.plan.audio_column is None:
            return RowMade(row, str(row), None, len(data), None)
        return _from_audio_infos(build, row, value, len(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _from_audio_infos(build: Build, row: int, value: dict[str, Any], size: int) -> RowMade | None:
    infos = [value[name] for name in info_names(build.plan.all_audio)]
    stem = infos[0]["path"].removeprefix("audio/").removesuffix(".mp3")
    paths = build.mp3_paths(stem)
    if "/" in stem or [info["path"] for info in infos] != list(paths):
        return None
    clips: list[Clip] = []
    for path, info in zip(paths, infos, strict=True):
        mp3_bytes = _size(f"{build.folder.root}/{path}")
        if mp3_bytes is None:
            return None
        notes = {name: info[name] for name in NOTE_FIELDS if name in info}
        audio = to_audio_info([*(info[name] for name in AUDIO_FIELDS), notes])
        clips.append(Clip(mp3_bytes, audio))
    main, *others = clips
    return RowMade(row, stem, main.mp3_bytes, size, main.audio, tuple(others))


def _stand(root: str, paths: Sequence[str], row: RowMade) -> bool:
    """Whether all MP3s of a row exist as they were written."""
    if row.mp3_bytes is None or len(paths) != len(row.clips):
        return False
    # A loop: this runs for each of a hundred thousand rows, and most have one MP3.
    for path, clip in zip(paths, row.clips, strict=True):
        if _size(f"{root}/{path}") != clip.mp3_bytes:
            return False
    return True


def _size(path: str) -> int | None:
    try:
        # A hundred thousand calls must take well under a second; a Path each would double the time.
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return None
