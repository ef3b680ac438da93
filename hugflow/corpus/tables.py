"""The complete datasets of a project as tables."""

from collections.abc import Collection

from hugflow.errors import StageMissing
from hugflow.stages.publishing.stored_tables import table_of
from hugflow.stages.standing.stored import list_names
from hugflow.stages.tree.manifest import read_manifest
from hugflow.statistics.tables import Table
from hugflow.store.layout import Places


def read_tables(places: Places, names: Collection[str] | None = None) -> list[Table]:
    """The complete datasets with rows, by name; names: only these."""
    chosen = list_names(places) if names is None else sorted(names)
    found = (table_of(places, name) for name in chosen)
    return [table for table in found if table is not None and table.index]


def list_incomplete(places: Places, names: Collection[str]) -> list[str]:
    """Those of the names whose datasets are not complete, so that `read_tables` leaves them out."""
    return [name for name in sorted(names) if read_manifest(places.dataset(name).manifest) is None]


def not_compared(names: Collection[str]) -> StageMissing:
    """The error where datasets that are not complete were to be compared."""
    shown = ", ".join(names)
    is_one = len(names) == 1
    return StageMissing(
        f"{shown} {'is' if is_one else 'are'} not compared",
        why=f"{'it is' if is_one else 'they are'} not complete here, so there are no rows to look at",
        mend=f"sync {'it' if is_one else 'them'} first: hugflow local-sync {' '.join(names)}",
    )
