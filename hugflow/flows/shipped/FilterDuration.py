"""Rows of a length that training can use."""

from typing import Any

from hugflow.flows import AtomicFlow


class FilterDuration(AtomicFlow):
    """Leaves out rows that are shorter than `min_s`, longer than `max_s`, or of unknown length.

    FilterDuration(max_s=20).run({"audio_info": {"duration": 25.0}}) is None

    A row that stays gets no new field.
    """

    def run(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """One row."""
        duration: Any = data
        for part in self.config["field"].split("."):
            duration = duration.get(part) if isinstance(duration, dict) else None
        if not isinstance(duration, int | float):
            return None
        least, most = self.config["min_s"], self.config["max_s"]
        is_within = duration >= least and (most is None or duration <= most)
        return {} if is_within else None
