"""A few rows of a published dataset, by ranged reads, for estimates; they are not kept."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from hugflow.clients.hub import BudgetSpent, Hub, ReadBudget
from hugflow.clients.repository import RepoId
from hugflow.errors import ShardUnreadable
from hugflow.shards.column_path import dig
from hugflow.shards.layouts.layout import RepositoryAt, SampledRows
from hugflow.shards.layouts.registry import find_layout
from hugflow.shards.plan import Plan, Shard

FILES = 8
# Of all files together; more from a single file would only repeat what it is like.
ROWS = 16
# The most bytes read, of one file and of all. A page is read whole or not at all, and it may
# hold a whole row group.
MOST_FILE_BYTES = 32 << 20
MOST_BYTES = 64 << 20


def read_sample(
    hub: Hub, plan: Plan, audio_column: str | None
) -> Iterator[tuple[Shard, SampledRows]]:
    """A few rows of a few shards, evenly spread; others if these cost too much or are broken.

    audio_column: the column of the audio values; None for a text-only dataset.

    Errors of a file are ignored here; they are reported when it is made. Raises the Hub's errors.
    """
    left_bytes, sampled = MOST_BYTES, 0
    at = RepositoryAt(hub, RepoId.dataset(plan.request.hf_id), plan.files_commit)
    shards = [each for each in plan.shards if each.rows != 0 and each.odd is None]
    most_rows = -(-ROWS // max(1, min(FILES, len(shards))))
    for shard in _spread(shards):
        if sampled == FILES:
            return
        most_bytes = min(MOST_FILE_BYTES, left_bytes)
        budget = ReadBudget(most_bytes)
        found: SampledRows | None = None
        with suppress(BudgetSpent, ShardUnreadable):
            found = find_layout(shard.layout).read_sample(
                at,
                shard.files,
                budget,
                audio_column=audio_column,
                text_column=plan.text_column,
            )
        left_bytes -= most_bytes - budget.left_bytes
        if found is not None:
            if audio_column is not None:
                found = replace(found, audio=dig(found.audio[:most_rows], audio_column))
            sampled += audio_column is None or len(found.audio) > 0
            yield shard, found


def _spread(shards: list[Shard]) -> list[Shard]:
    """FILES shards, evenly spread, and then as many others."""
    step = max(1, len(shards) // FILES)
    first = shards[::step][:FILES]
    others = [shard for shard in shards[step // 2 :: step] if shard not in first]
    return first + others[:FILES]
