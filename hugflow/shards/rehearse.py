"""Reading a shard in a child process first, because reading it may crash the process.

Fetched files are read by native code. A file that ends the process does so in the child process:
its shard fails by name, and the other shards are made.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hugflow.shards.layouts.layout import unreadable
from hugflow.shards.layouts.registry import find_layout
from hugflow.shards.plan import Shard
from hugflow.workers.by_module import ask_again_alone
from hugflow.workers.channel import Header
from hugflow.workers.pool import WorkerDied, WorkerFailed, WorkerPool


def refuse_crashing(
    workers: WorkerPool, paths: Sequence[Path], shard: Shard, groups: Sequence[int] | None = None
) -> None:
    """Raise ShardUnreadable if reading a fetched shard kills the process that reads it.

    workers: a pool of `open_workers`. groups: the row groups of a parquet file that are here; None
    for all. All other errors of the files are left to the real reading
    afterwards. It takes as long as that reading, without decoding sound.
    """
    module = find_layout(shard.layout).native_reader
    if module is None:
        return
    question: dict[str, Any] = {"module": module, "read": [str(path) for path in paths]}
    if groups is not None:
        question["groups"] = list(groups)

    def ask(alone: bool) -> Header:
        return workers.ask(question, doing=f"read {shard.label}", alone=alone)

    try:
        ask_again_alone(ask)
    except WorkerDied as died:
        if not died.is_crash:
            raise
        raise unreadable(shard, f"the process that read it {died.how}, twice") from died
    except WorkerFailed:
        # The real reading raises the same error, and explains it.
        return
