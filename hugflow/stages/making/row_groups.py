"""Some row groups of a shard's parquet file, for a few lost rows of a finished shard.

    STATE_DIR/raw/<name>/<plan id>/<shard>.groups   as long as the file, with holes elsewhere

Each part is compared with the hash that `group_hashes` took from the whole file, before anything is
made from it. Where there is no such hash, or a part has another one, the whole file is fetched.
"""

import io
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from hugflow.activity import count_kept, count_received
from hugflow.clients.fetch import FetchStopped
from hugflow.clients.repository import RepoId
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import Outcome, RowMade
from hugflow.rows.audio_info import audio_infos
from hugflow.shards.plan import Plan, Shard
from hugflow.stages.build.build import Build
from hugflow.stages.making.group_hashes import (
    LAYOUT,
    PIECE_BYTES,
    GroupHashes,
    Part,
    hash_part,
    read_hashes,
)
from hugflow.store.atomic import disk_errors, make_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RowGroups:
    """A file with holes. numbers: of the row groups that it has."""

    path: Path
    numbers: tuple[int, ...]

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def groups_file(build: Build, shard: Shard) -> Path:
    """Where the row groups of a shard are while rows are made from them."""
    raw_file = build.state.raw_file(shard.name)
    return raw_file.with_name(f"{raw_file.name}.groups")


def fetch_groups(
    build: Build, shard: Shard, rows: Collection[int], is_stopped: Callable[[], bool]
) -> RowGroups | None:
    """Fetch the row groups that hold `rows`; None where the whole file has to be fetched.

    That is so for other layouts, when each row group is needed, when the file is here or is to be
    kept, and when a part cannot be verified or has another hash. The caller holds the shard's lock.
    """
    raw_file = build.state.raw_file(shard.name)
    is_kept = build.options.keep_raw or raw_file.exists()
    if shard.layout != LAYOUT or len(shard.files) != 1 or is_kept:
        return None
    [file] = shard.files
    hashes = read_hashes(build, shard)
    if hashes is None or sum(group.rows for group in hashes.groups) != shard.rows:
        return None
    numbers = tuple(_find_groups(hashes, shard.first_row, rows))
    if len(numbers) == len(hashes.groups):
        return None
    parts = [*(hashes.groups[number] for number in numbers), hashes.footer]
    repo, commit = RepoId.dataset(build.plan.request.hf_id), build.plan.files_commit
    slot = build.download_slots.take()
    try:
        remote = build.hub.open_file(repo, commit, file)
        path = groups_file(build, shard)
        log.info("%s of %s: fetching %d row groups", shard.label, build.name, len(numbers))
        _copy(remote, path, file.size_bytes, parts, is_stopped)
    finally:
        slot.release()
    found = RowGroups(path, numbers)
    if not _is_verified(path, parts):
        log.warning("%s of %s: a row group has another hash", shard.label, build.name)
        found.remove()
        return None
    count_kept(file.size_bytes - sum(part.stop - part.start for part in parts))
    return found


def find_differing(
    plan: Plan, known: Mapping[int, RowMade | None], outcomes: Mapping[int, Outcome]
) -> list[int]:
    """The rows that were not made as they were recorded: their index would be another one."""
    return [row for row, made in known.items() if not _is_same(plan, made, outcomes.get(row))]


def _is_same(plan: Plan, before: RowMade | None, now: Outcome | None) -> bool:
    if before is None or not isinstance(now, RowMade) or before.stem != now.stem:
        return False
    infos = [audio_infos(row, plan.all_audio, measured=plan.is_measured) for row in (before, now)]
    return infos[0] == infos[1]


def _find_groups(hashes: GroupHashes, first: int, rows: Collection[int]) -> Iterator[int]:
    for number, group in enumerate(hashes.groups):
        end = first + group.rows
        if any(first <= row < end for row in rows):
            yield number
        first = end


def _is_verified(path: Path, parts: Iterable[Part]) -> bool:
    with disk_errors(path, "read"), path.open("rb") as source:
        return all(hash_part(source, part.start, part.stop) == part.sha256 for part in parts)


def _copy(
    remote: io.BufferedIOBase,
    path: Path,
    size_bytes: int,
    parts: Iterable[Part],
    is_stopped: Callable[[], bool],
) -> None:
    make_folder(path.parent)
    with disk_errors(path):
        path.write_bytes(b"")
        os.truncate(path, size_bytes)
    for part in parts:
        for start in range(part.start, part.stop, PIECE_BYTES):
            if is_stopped():
                raise FetchStopped(path.name)
            remote.seek(start)
            data = remote.read(min(PIECE_BYTES, part.stop - start))
            count_received(len(data))
            with disk_errors(path), path.open("r+b") as target:
                target.seek(start)
                target.write(data)
