"""A sample: the first rows of a dataset, made for looking at, and never published."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hugflow.ledger.journal import Outcome
from hugflow.stages.build import Build
from hugflow.stages.make import ShardDone, ShardFailed, make_shards
from hugflow.stages.processed import finish_sample
from hugflow.stages.sync import ShardsFailed


@dataclass(frozen=True, slots=True)
class Sampled:
    """What one call did. manifest: of the sample, which says so. new_rows: rows made now."""

    manifest: dict[str, Any]
    new_rows: int


def to_sample(build: Build, rows: int) -> Build:
    """The build of the first `rows` rows, in `STORAGE_ROOT/samples/<name>/first_<rows>`."""
    rows = min(rows, build.plan.rows)
    folder = build.places.sample(build.name, rows)
    return replace(build, folder=folder, predecessor=None, sample_rows=rows)


def make_sample(
    build: Build, *, on_rows: Callable[[Sequence[Outcome]], None] = lambda outcomes: None
) -> Sampled:
    """Make what of a sample is missing; whole source files are fetched, as for a dataset.

    Raises ShardsFailed, and what `make_shards` raises.
    """
    done: list[ShardDone] = []
    failed: list[ShardFailed] = []
    for event in make_shards(build, build.shards, on_rows=on_rows):
        if isinstance(event, ShardDone):
            done.append(event)
        else:
            failed.append(event)
    if failed:
        raise ShardsFailed(build, failed)
    return Sampled(finish_sample(build), sum(event.new_rows for event in done))
