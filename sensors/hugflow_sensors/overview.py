"""When the overview of all datasets is made again: after a change, and not too often."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import dagster as dg

from hugflow.requests.collect import RequestSet
from hugflow.stages.standing.overview import OverviewLine, read_overview
from hugflow.store.layout import Places
from hugflow_assets.reporting.overview import overview_materialization

INTERVAL_S = 60.0
# Looking at a dataset costs about a millisecond, and its line is kept for good.
INTERVAL_S_PER_DATASET = 0.6


@dataclass(slots=True)
class OverviewWatch:
    """What the sensor's process remembers of the overview; a new process makes it once more."""

    clock: Callable[[], float] = time.monotonic
    _lines: Sequence[OverviewLine] | None = None
    _seen: object = None
    _due_at: float = field(default=float("-inf"))

    def find_news(
        self, places: Places, requests: RequestSet, seen: object, *, is_busy: bool
    ) -> dg.AssetMaterialization | None:
        """The overview, if it is due and differs from the last one.

        seen: what the sensor saw this time; while it stays the same, nothing is looked up.
        is_busy: a run is at work, so the numbers of a dataset may differ anyway.
        """
        now = self.clock()
        if now < self._due_at or (self._seen == seen and not is_busy):
            return None
        owners = {file.request.name: file.request.owner for file in requests.adds}
        lines = read_overview(places, owners, sorted({each.path for each in requests.problems}))
        self._seen = seen
        self._due_at = now + max(INTERVAL_S, INTERVAL_S_PER_DATASET * len(lines))
        if lines == self._lines:
            return None
        self._lines = lines
        return overview_materialization(lines)
