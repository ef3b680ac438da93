"""STORAGE_QUOTA_GB: the limit for all datasets together."""

from hugflow.errors import DiskFull
from hugflow.late_dataclass import dataclass
from hugflow.requests.grammar import BYTES_PER_GB
from hugflow.stages.standing.measure import measure_storage
from hugflow.store.layout import Places


@dataclass(slots=True)
class Quota:
    """The quota: `used_bytes` of `limit_bytes`; None for no limit.

    Bytes that another process writes meanwhile count from the next run on.
    """

    limit_bytes: int | None
    used_bytes: int

    def take(self, size_bytes: int) -> None:
        """Count bytes before they are written; raises DiskFull when they do not fit."""
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
    """The present quota; the storage is measured only if there is a limit."""
    return Quota(limit_bytes, measure_storage(places) if limit_bytes is not None else 0)
