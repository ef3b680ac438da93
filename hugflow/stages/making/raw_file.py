"""Stage `raw`: the shard's files are here, and their sizes and hashes are the Hub's.

A single file is at `STATE_DIR/raw/<name>/<plan id>/<shard>`. If a shard has several files, they are
in the folder `<shard>.files` beside it, as `00000`, `00001` and so on.
"""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from threading import Event

from hugflow.activity import count_kept, per_shard
from hugflow.clients.part_file import is_verified, remove_part
from hugflow.clients.repository import PublishedFile, RepoId
from hugflow.requests.problems import show_path
from hugflow.shards.counts import counted
from hugflow.shards.plan import Shard
from hugflow.shards.read import count_rows
from hugflow.shards.rehearse import refuse_crashing
from hugflow.stages.build.build import Build
from hugflow.stages.making.mark_stages import mark, raw_marker
from hugflow.stages.making.row_groups import groups_file
from hugflow.store.atomic import disk_errors
from hugflow.workers.by_module import open_workers

log = logging.getLogger(__name__)


def fetch_raw(
    build: Build, shard: Shard, is_stopped: Callable[[], bool] = lambda: False
) -> tuple[Path, ...]:
    """Fetch and verify the shard's files, mark the stage done, and return their paths.

    is_stopped: once it is true, the fetch ends with FetchStopped.

    Verified files in STATE_DIR/raw are not fetched again. Rows that were unknown are counted. The
    caller holds the shard's lock.
    """
    paths = _raw_files(build, shard)
    started = time.monotonic()
    lacking = [
        (path, file)
        for path, file in zip(paths, shard.files, strict=True)
        if not _is_here(path, file)
    ]
    count_kept(shard.size_bytes - sum(file.size_bytes for _, file in lacking))
    if lacking:
        log.info(
            "Starting download... %s of %s",
            show_path(shard.label),
            build.name,
            extra=per_shard(build.name),
        )
        _fetch_all(build, lacking, is_stopped)
    is_fetched = bool(lacking)
    seconds = round(time.monotonic() - started, 3) if is_fetched else 0.0
    known = counted(build.state, shard)
    if known.rows is None:
        # Counting reads the files in this process.
        with open_workers() as workers:
            refuse_crashing(workers, paths, shard)
        known = replace(shard, rows=count_rows(paths, shard))
    mark(build, shard, "raw", raw_marker(known, seconds))
    return paths


def drop_raw(build: Build, shard: Shard) -> None:
    """Remove the fetched files of a shard whose rows are made, unless KEEP_RAW is set."""
    if not build.options.keep_raw:
        remove_raw(build, shard)


def remove_raw(build: Build, shard: Shard) -> None:
    """Remove the fetched bytes of a shard."""
    raw_file = build.state.raw_file(shard.name)
    raw_file.unlink(missing_ok=True)
    remove_part(raw_file)
    groups_file(build, shard).unlink(missing_ok=True)
    if shard.files[1:]:
        shutil.rmtree(_folder(build, shard), ignore_errors=True)


def _raw_files(build: Build, shard: Shard) -> tuple[Path, ...]:
    if len(shard.files) == 1:
        return (build.state.raw_file(shard.name),)
    folder = _folder(build, shard)
    return tuple(folder / f"{place:05d}" for place in range(len(shard.files)))


def _folder(build: Build, shard: Shard) -> Path:
    raw_file = build.state.raw_file(shard.name)
    return raw_file.with_name(f"{raw_file.name}.files")


def _is_here(path: Path, file: PublishedFile) -> bool:
    """Whether a file is here from an earlier run, or kept: it may have changed since."""
    with disk_errors(path, "read"):
        return path.is_file() and is_verified(path, file)


def _fetch_all(
    build: Build, lacking: Sequence[tuple[Path, PublishedFile]], is_stopped: Callable[[], bool]
) -> None:
    """Fetch files, several at once; the first error ends it, and whole files stay."""
    if len(lacking) == 1:
        path, file = lacking[0]
        _fetch(build, file, path, is_stopped)
        return
    failed = Event()
    with ThreadPoolExecutor(build.options.download_slots, "files") as pool:
        fetches = [
            pool.submit(_fetch, build, file, path, lambda: failed.is_set() or is_stopped())
            for path, file in lacking
        ]
        try:
            for fetch in as_completed(fetches):
                fetch.result()
        except BaseException:
            failed.set()
            pool.shutdown(cancel_futures=True)
            raise


def _fetch(build: Build, file: PublishedFile, target: Path, is_stopped: Callable[[], bool]) -> None:
    repo, commit = RepoId.dataset(build.plan.request.hf_id), build.plan.files_commit
    build.hub.fetch_file(
        repo, commit, file, target, slots=build.download_slots, is_stopped=is_stopped
    )
