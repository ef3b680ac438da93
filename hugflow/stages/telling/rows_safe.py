"""Disk errors that say how many rows are safe, which a user wants to know first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hugflow.errors import CannotWrite, DiskFull, HugflowError
from hugflow.stages.standing.status import read_status
from hugflow.store.atomic import to_disk_error
from hugflow.store.layout import Places

_SAFE = "rows are safe"


@contextmanager
def safe_rows(count: Callable[[], tuple[int, int | None]]) -> Iterator[None]:
    """Add to disk errors of the block how many rows are safe, and of how many.

    count: called once, on an error; None for a number that is not known yet.

    An inner block's words are kept. An OSError of the disk becomes DiskFull or CannotWrite.
    """
    try:
        yield
    except (DiskFull, CannotWrite) as error:
        if _SAFE in error.what:
            raise
        raise _with_rows(error, *count()) from error.__cause__
    except OSError as error:
        known = to_disk_error(error, Path(str(error.filename or "a file")))
        if known is None or isinstance(error, ConnectionError):
            raise
        raise _with_rows(known, *count()) from error


@contextmanager
def safe_rows_of(places: Places, name: str) -> Iterator[None]:
    """`safe_rows` by what is on disk, for work that has not begun to count rows."""

    def count() -> tuple[int, int | None]:
        try:
            status = read_status(places, name)
        except (OSError, HugflowError):
            # A disk that cannot be written often cannot be read either.
            return 0, None
        return status.rows, status.total_rows

    with safe_rows(count):
        yield


def _with_rows(error: HugflowError, rows: int, total: int | None) -> HugflowError:
    of = "" if total is None else f" of {total:,}"
    return type(error)(f"{error.what}; {rows:,}{of} {_SAFE}", why=error.why, mend=error.mend)
