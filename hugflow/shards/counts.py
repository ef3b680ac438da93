"""The number of rows of a shard that must be fetched to be counted; its markers keep it."""

from collections.abc import Iterable
from dataclasses import replace

from hugflow.ledger.markers import read_marker
from hugflow.shards.plan import Shard, add_rows
from hugflow.store.layout import DatasetState


def counted(state: DatasetState, shard: Shard) -> Shard:
    """The shard with its number of rows; unchanged if it was never fetched under this plan."""
    if shard.rows is not None:
        return shard
    raw = read_marker(state.marker(shard.name, "raw"))
    if raw is not None:
        return replace(shard, rows=raw.rows)
    # A lost marker must not make a finished shard be fetched again.
    done = read_marker(state.marker(shard.name, "metadata"))
    return shard if done is None else replace(shard, rows=done.rows + len(done.failed_rows))


def count_rows(state: DatasetState, shards: Iterable[Shard]) -> int | None:
    """The rows of all shards together; None while one must be fetched to be counted."""
    return add_rows(counted(state, shard) for shard in shards)
