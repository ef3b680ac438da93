"""A table that is read only as far as it is needed.

A table of parquet may have columns that are many times larger than the names of its clips, so only
the columns that are asked for are read, and one row group after the other. Other tables are read
once, as a whole.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.clients.repository import PublishedFile
from hugflow.late_dataclass import dataclass
from hugflow.requests.sources import TableForm
from hugflow.shards.layouts.last_table import read_table_of
from hugflow.shards.layouts.tables import ANY_FORM, is_parquet, parquet_errors, refuse_lacking
from hugflow.shards.layouts.typed_columns import Types, settle_types, with_types


@dataclass(frozen=True, slots=True)
class TableFile:
    """The rows of a local table. schema: all columns; rows: their number.

    Raises TableUnreadable while it is opened and read.
    """

    schema: pa.Schema
    rows: int
    _path: Path
    _groups: Sequence[int]
    _published: Mapping[str, str]
    _whole: pa.Table | None = None

    @classmethod
    def open(
        cls,
        file: PublishedFile,
        path: Path,
        *,
        has_header: bool = True,
        form: TableForm = ANY_FORM,
    ) -> Self:
        """A fetched file; the arguments are those of `read_table_of`."""
        if not is_parquet(file.path):
            table = read_table_of(file, path, has_header=has_header, form=form)
            return cls(table.schema, len(table), path, (), {}, table)
        with parquet_errors():
            metadata = pq.read_metadata(path)
            schema = metadata.schema.to_arrow_schema()
        published = {name: name for name in schema.names}
        if form.columns:
            refuse_lacking(schema.names, form)
            published = dict(form.columns)
            schema = pa.schema([schema.field(old).with_name(new) for new, old in form.columns])
        groups = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        return cls(schema, metadata.num_rows, path, groups, published)

    def typed(self, types: Types) -> Self:
        """The table with columns of text in these types; parquet has its own."""
        if self._whole is None or not types:
            return self
        whole = with_types(self._whole, types)
        return replace(self, schema=whole.schema, _whole=whole)

    def parts(self, names: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns of all rows, a part of the rows at a time."""
        if self._whole is not None:
            yield self._whole.select(list(names))
            return
        for group in range(len(self._groups)):
            yield self._read_group(group, names)

    def read(self, names: Sequence[str]) -> pa.Table:
        """Some columns of all rows."""
        schema = pa.schema([self.schema.field(name) for name in names])
        return pa.concat_tables([schema.empty_table(), *self.parts(names)])

    def slice(self, first: int, rows: int) -> pa.Table:
        """All columns of some rows that follow one another."""
        if self._whole is not None:
            return self._whole.slice(first, rows)
        names, start, found = self.schema.names, 0, [self.schema.empty_table()]
        for group, group_rows in enumerate(self._groups):
            if start < first + rows and first < start + group_rows:
                part = self._read_group(group, names)
                begin = max(first - start, 0)
                found.append(part.slice(begin, first + rows - start - begin))
            start += group_rows
        return pa.concat_tables(found)

    def _read_group(self, group: int, names: Sequence[str]) -> pa.Table:
        columns = [self._published[name] for name in names]
        # One reader over the whole file keeps finished groups in memory.
        with parquet_errors(), pq.ParquetFile(self._path, pre_buffer=False) as file:
            read = file.read_row_group(group, columns=[*dict.fromkeys(columns)])
        return pa.table({name: read.column(self._published[name]) for name in names})


def settle_tables(
    tables: Sequence[TableFile], form: TableForm | None, keys: Collection[str | None]
) -> tuple[Types, list[str]]:
    """The types of a form that fit all tables, and warnings; see `settle_types`."""
    whole = [table._whole for table in tables if table._whole is not None]
    return settle_types(whole, form.types if form is not None else (), keys)
