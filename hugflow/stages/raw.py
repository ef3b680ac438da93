"""Stage `raw`: the shard's file is here, and its size and hash are the Hub's."""

import logging
import time
from pathlib import Path

from hugflow.ledger.markers import Marker, read_marker, write_marker
from hugflow.shards.plan import Shard
from hugflow.stages.build import Build
from hugflow.store.locks import download_slot

log = logging.getLogger(__name__)


def fetch_raw(build: Build, shard: Shard) -> Path:
    """Bring the shard's file to STATE_DIR/raw, verified, and mark the stage done.

    Does nothing when the verified bytes are still there. The caller holds the shard's lock.
    """
    raw_file = build.state.raw_file(shard.name)
    marker_path = build.state.marker(shard.name, "raw")
    if raw_file.is_file() and raw_file.stat().st_size == shard.file.size_bytes:
        # `raw_file` gets its name only once the hash agreed.
        marker = read_marker(marker_path)
        if marker is not None:
            return raw_file
    started = time.monotonic()
    log.info("Starting download... %s of %s", shard.file.path, build.name)
    with download_slot(build.places.download_slots, build.options.download_slots):
        build.hub.fetch_file(build.plan.request.hf_id, build.plan.commit, shard.file, raw_file)
    seconds = round(time.monotonic() - started, 3)
    write_marker(marker_path, Marker(rows=shard.rows, bytes=shard.file.size_bytes, seconds=seconds))
    return raw_file


def drop_raw(build: Build, shard: Shard) -> None:
    """Remove the fetched bytes of a shard whose rows are in, unless they are to be kept."""
    if not build.options.keep_raw:
        raw_file = build.state.raw_file(shard.name)
        raw_file.unlink(missing_ok=True)
        raw_file.with_name(raw_file.name + ".part").unlink(missing_ok=True)
