"""Reading a shard in a child process first, if reading it may crash the process.

Files are read by native code. A process that dies while it reads a shard leaves a note. The next
process rehearses that shard: it reads it in a child process. If the child dies too, the shard
fails by name and the other shards are made.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hugflow.errors import HugflowError
from hugflow.shards.layouts.layout import unreadable
from hugflow.shards.plan import Shard
from hugflow.shards.read import read_rows
from hugflow.workers.channel import Bytes, Header
from hugflow.workers.child import Answer, AnswerQuestion
from hugflow.workers.pool import WorkerDied, WorkerPool


def refuse_crashing(paths: Sequence[Path], shard: Shard) -> None:
    """Raise ShardUnreadable if reading a fetched shard kills the process that reads it.

    All other errors are left to the real reading afterwards. It takes as long as that reading,
    without decoding sound.
    """
    with WorkerPool(partial(_prepare, tuple(paths), shard)) as workers:
        try:
            workers.ask({"read": shard.name}, doing=f"read {shard.label}")
        except WorkerDied as died:
            if died.is_crash:
                why = f"the process that read it {died.how}, twice"
                raise unreadable(shard, why) from died
        except HugflowError:
            # Either no worker could be started, or the real reading raises the same error again.
            return


def _prepare(paths: tuple[Path, ...], shard: Shard) -> AnswerQuestion:
    """In the child process: give the function that reads the shard."""
    return partial(_read, paths, shard)


def _read(paths: tuple[Path, ...], shard: Shard, header: Header, data: Bytes) -> Answer:
    return Answer({"rows": sum(batch.num_rows for _, batch in read_rows(paths, shard))})
