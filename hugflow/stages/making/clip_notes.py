"""The log lines, once a shard, on repaired clips and on clips whose sound has changed."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field

from hugflow.amounts import count
from hugflow.audio.level_watch import LEVELS
from hugflow.audio.mp3 import AudioInfo
from hugflow.late_dataclass import dataclass
from hugflow.shards.plan import Shard

log = logging.getLogger(__name__)

MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class ClipNotes:
    """The notes on a shard's rows; threads add to it."""

    rows_by_level: Mapping[str, list[int]] = field(
        default_factory=lambda: {level: [] for level in LEVELS}
    )
    repairs: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    def add(self, row: int, audio: AudioInfo) -> None:
        """Add the notes of a clip."""
        if audio.level is not None:
            self.rows_by_level[audio.level].append(row)
        if audio.repaired:
            self.repairs.append((row, audio.repaired))

    def tell(self, shard: Shard) -> None:
        """Log a line for each level, and one for all repairs."""
        for level, rows in self.rows_by_level.items():
            if rows:
                log.warning(
                    "shard %s: %s (%s): %s: %s",
                    shard.name,
                    count(len(rows), "clip"),
                    level,
                    LEVELS[level],
                    _name_rows(rows),
                )
        if self.repairs:
            log.info(
                "shard %s: the framing of %s was repaired (%s): %s",
                shard.name,
                count(len(self.repairs), "clip"),
                ", ".join(
                    f"{code} {number}" for code, number in count_repairs(self._codes).items()
                ),
                _name_rows([row for row, _ in self.repairs]),
            )

    @property
    def _codes(self) -> list[tuple[str, ...]]:
        return [codes for _, codes in self.repairs]


def count_repairs(repaired: Iterable[tuple[str, ...]]) -> dict[str, int]:
    """Clips by the code of a repair, in the order of the codes; a clip may have several."""
    counts = Counter(code for codes in repaired for code in codes)
    return dict(sorted(counts.items()))


def count_levels(levels: Iterable[str | None]) -> dict[str, int]:
    """Clips by the code of their level, in the order of the codes."""
    return dict(sorted(Counter(level for level in levels if level is not None).items()))


def _name_rows(rows: list[int]) -> str:
    rows = sorted(rows)
    named = ", ".join(map(str, rows[:MOST_NAMED])) + (", …" if rows[MOST_NAMED:] else "")
    return f"{'row' if len(rows) == 1 else 'rows'} {named}"
