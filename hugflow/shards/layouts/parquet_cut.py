"""Time ranges of the recordings in parquet files: refused at once where there are only paths."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import pyarrow.parquet as pq

from hugflow.clients.repository import PublishedFile
from hugflow.shards.layouts import parquet
from hugflow.shards.layouts.layout import Contents, RepositoryAt, Split, look_at_each, one_file_each
from hugflow.shards.layouts.row_ranges import RowRanges
from hugflow.shards.plan_request import PlanRequest


class ParquetRanges(RowRanges):
    """A `Layout`; see `RowRanges`."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        super().__init__("parquet")

    def describe_rows(
        self, at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest
    ) -> tuple[Split, frozenset[str]]:
        """Each file by itself; no file has bytes of the columns that are given beside them."""
        bare: dict[str, set[str]] = {}
        look = partial(_look, bare=bare)
        split = look_at_each(at, one_file_each(files), look, part="footer")
        return split, frozenset(set.intersection(*bare.values()) if bare else ())


PARQUET: Final = ParquetRanges()


def _look(
    at: RepositoryAt, files: tuple[PublishedFile, ...], bare: dict[str, set[str]]
) -> Contents:
    """What `parquet.look` tells. bare: takes the columns of each file that have only paths."""

    def check(read: pq.ParquetFile) -> None:
        bare[files[0].path] = _bare_columns(read.metadata)

    return parquet.look(at, files, check)


def _bare_columns(metadata: pq.FileMetaData) -> set[str]:
    """The columns whose field `bytes` is null in each row, as the footer says."""
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    columns = [group.column(n) for group in groups for n in range(group.num_columns)]
    found: dict[str, bool] = {}
    for column in columns:
        name, _, field = column.path_in_schema.rpartition(".")
        if field == "bytes":
            about = column.statistics
            is_bare = about is not None and about.has_null_count and not about.num_values
            found[name] = found.get(name, True) and is_bare
    return {name for name, is_bare in found.items() if is_bare}
