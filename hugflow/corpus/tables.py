"""The complete datasets of a project as tables."""

from collections.abc import Collection

from hugflow.stages.publishing.stored_tables import table_of
from hugflow.stages.standing.stored import list_names
from hugflow.statistics.tables import Table
from hugflow.store.layout import Places


def read_tables(places: Places, names: Collection[str] | None = None) -> list[Table]:
    """The complete datasets with rows, by name; names: only these."""
    chosen = list_names(places) if names is None else sorted(names)
    found = (table_of(places, name) for name in chosen)
    return [table for table in found if table is not None and table.index]
