"""Reading a shard in another process first, where reading it may end the process.

Files are read by native code. A process that dies while it reads a shard leaves a note; whoever
comes next rehearses that shard, and where the rehearsal dies too, the shard fails by name and the
others are made.
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
    """Raise ShardUnreadable where reading a fetched shard ends the process that does it.

    Any other fault is left to the reading that follows. It takes as long as that does, without
    decoding sound.
    """
    with WorkerPool(partial(_prepare, tuple(paths), shard)) as workers:
        try:
            workers.ask({"read": shard.name}, doing=f"read {shard.label}")
        except WorkerDied as died:
            if died.is_crash:
                why = f"the process that read it {died.how}, twice"
                raise unreadable(shard, why) from died
        except HugflowError:
            # No worker could be started, or the same error comes again where it is seen.
            return


def _prepare(paths: tuple[Path, ...], shard: Shard) -> AnswerQuestion:
    """In the child process: what reads the shard when it is asked to."""
    return partial(_read, paths, shard)


def _read(paths: tuple[Path, ...], shard: Shard, header: Header, data: Bytes) -> Answer:
    return Answer({"rows": sum(batch.num_rows for _, batch in read_rows(paths, shard))})
