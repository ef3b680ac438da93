"""The table of text that was read last, kept for the next shard.

Shards of separate clips are slices of one table, and text is read as a whole: without this, a table
of a million rows was read once for each of 500 shards. Tables of parquet are read in part instead.
"""

from pathlib import Path
from threading import Lock
from typing import Final, TypeAlias

import pyarrow as pa

from hugflow.clients.repository import PublishedFile
from hugflow.requests.sources import TableForm
from hugflow.shards.layouts.tables import ANY_FORM, is_parquet, read_table

# In memory; a larger table is read for each shard.
MOST_KEPT_BYTES: Final = 128 << 20

_Key: TypeAlias = tuple[str, str, bool, TableForm]

_lock = Lock()
_kept: dict[_Key, pa.Table] = {}


def read_table_of(
    file: PublishedFile, path: Path, *, has_header: bool = True, form: TableForm = ANY_FORM
) -> pa.Table:
    """The rows of a fetched file, as `read_table` gives them; of the same bytes, without reading.

    path: of the file here. Safe to use from any number of threads. Raises TableUnreadable.
    """
    if is_parquet(file.path):
        return read_table(path, file.path, has_header=has_header, form=form)
    key = (file.digest, file.path, has_header, form)
    with _lock:
        table = _kept.get(key)
        if table is None:
            _kept.clear()
            table = read_table(path, file.path, has_header=has_header, form=form)
            if table.nbytes <= MOST_KEPT_BYTES:
                _kept[key] = table
        return table
