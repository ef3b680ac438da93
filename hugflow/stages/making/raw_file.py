"""Stage `raw`: the shard's file is here, and its size and hash are the Hub's."""

import logging
import time
from pathlib import Path

from hugflow.clients.fetch import is_verified
from hugflow.clients.repository import RepoId
from hugflow.requests.problems import show_path
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.making.mark_stages import mark, raw_marker
from hugflow.store.atomic import disk_errors
from hugflow.store.locks import download_slot

log = logging.getLogger(__name__)


def fetch_raw(build: Build, shard: Shard) -> Path:
    """Bring the shard's file to STATE_DIR/raw, verified, and mark the stage done.

    Does nothing when the verified bytes are still there. The caller holds the shard's lock.
    """
    raw_file = build.state.raw_file(shard.name)
    # Left by an earlier run, or kept: hashed anew, for much may have happened to it since.
    with disk_errors(raw_file, "read"):
        is_here = raw_file.is_file() and is_verified(raw_file, shard.file)
    if is_here:
        mark(build, shard, "raw", raw_marker(shard, 0.0))
        return raw_file
    started = time.monotonic()
    log.info("Starting download... %s of %s", show_path(shard.file.path), build.name)
    with download_slot(build.places.download_slots, build.options.download_slots):
        repo, commit = RepoId.dataset(build.plan.request.hf_id), build.plan.files_commit
        build.hub.fetch_file(repo, commit, shard.file, raw_file)
    seconds = round(time.monotonic() - started, 3)
    mark(build, shard, "raw", raw_marker(shard, seconds))
    return raw_file


def drop_raw(build: Build, shard: Shard) -> None:
    """Remove the fetched bytes of a shard whose rows are in, unless they are to be kept."""
    if not build.options.keep_raw:
        remove_raw(build, shard)


def remove_raw(build: Build, shard: Shard) -> None:
    """Remove the fetched bytes of a shard."""
    raw_file = build.state.raw_file(shard.name)
    raw_file.unlink(missing_ok=True)
    raw_file.with_name(raw_file.name + ".part").unlink(missing_ok=True)
