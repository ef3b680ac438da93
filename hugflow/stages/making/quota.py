"""STORAGE_QUOTA_GB: what all datasets may take together."""

from dataclasses import dataclass

from hugflow.errors import DiskFull
from hugflow.requests.grammar import BYTES_PER_GB
from hugflow.stages.standing.measure import measure_storage
from hugflow.store.layout import Places


@dataclass(slots=True)
class Quota:
    """Room for what is about to be written: `used_bytes` of `limit_bytes`, None for no limit.

    Another process that writes meanwhile is not seen before the next run.
    """

    limit_bytes: int | None
    used_bytes: int

    def take(self, size_bytes: int) -> None:
        """Count what is about to be written; raises DiskFull where it does not fit."""
        if self.limit_bytes is not None and self.used_bytes + size_bytes > self.limit_bytes:
            raise DiskFull(
                "the storage quota is used up",
                why=f"STORAGE_QUOTA_GB allows {self.limit_bytes / BYTES_PER_GB:g} GB, and the "
                f"datasets take {self.used_bytes / BYTES_PER_GB:.3f} GB already",
                mend="remove a dataset or raise STORAGE_QUOTA_GB, then run the same command "
                "again: it continues where it stopped",
            )
        self.used_bytes += size_bytes


def open_quota(places: Places, limit_bytes: int | None) -> Quota:
    """The quota as it stands; what is stored is measured only where there is a limit."""
    return Quota(limit_bytes, measure_storage(places) if limit_bytes is not None else 0)
