"""Source files that are fetched and whose rows are not made yet, as another process sees them."""

import os
from contextlib import suppress

from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.shards.plans import read_current_id, read_current_plan
from hugflow.store.layout import Places

_BLOCK_BYTES = 512


@dataclass(frozen=True, slots=True)
class Fetched:
    """Bytes of source files on disk, partial files included; and of all files in the plan."""

    bytes: int
    source_bytes: int


def measure_fetched(places: Places, name: str, before: Fetched | None = None) -> Fetched | None:
    """What is fetched of a dataset; None without a plan that can be read.

    before: the last answer, whose plan is not read again: it may be large.
    """
    with suppress(HugflowError, OSError):
        plan_id = read_current_id(places, name)
        if plan_id is None:
            return None
        fetched = 0
        with suppress(FileNotFoundError), os.scandir(places.state(name, plan_id).raw) as entries:
            # A file that several connections fetch has holes.
            fetched = sum(entry.stat().st_blocks * _BLOCK_BYTES for entry in entries)
        if before is not None:
            return Fetched(fetched, before.source_bytes)
        plan = read_current_plan(places, name)
        return Fetched(fetched, plan.source_bytes) if plan is not None else None
    return None
