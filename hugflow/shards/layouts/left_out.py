"""What a layout leaves out of the rows: counted, and named in the log."""

import logging
from collections import Counter
from dataclasses import field

from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Counts what was left out, by reason, with the first name of each.

    notes: what else people should know of the file.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, reason: str, name: str) -> None:
        """Count one; reason: ends a sentence such as `3 members are hidden`."""
        self.counts[reason] += 1
        self.examples.setdefault(reason, name)

    def words(self, noun: str = "members") -> list[str]:
        """A line for each reason: `3 members are hidden, such as '.a'`."""
        return [
            f"{count:,} {noun} {reason}, such as {in_a_line(self.examples[reason])!r}"
            for reason, count in sorted(self.counts.items())
        ]

    def tell(self, label: str, noun: str = "members") -> None:
        """Log a line for each reason and note."""
        for note in self.notes:
            log.warning("%s: %s", in_a_line(label), in_a_line(note))
        for line in self.words(noun):
            log.warning("%s: left out: %s", in_a_line(label), line)
