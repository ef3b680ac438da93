"""WebDataset: tars whose members with one key are one row; each tar is a shard.

A tar may be packed (tar.gz). A zip of clips is read so, too; see `samples`.

    0001/utt1.flac  0001/utt1.json  0001/utt2.flac ...
    key `0001/utt1`: the path up to the first dot of its last part; field `flac`: the rest

A row is a run of members with one key. Its columns: the audio, the other fields, `__key__` and
`__url__` (the tar's path in the repository). The audio is called `audio`, whatever its format, if
no row has two audio fields; else each field is a column. Fields and types are those of the first
rows of all tars, or of all rows if the tars are small; what appears only later is kept as JSON text
in the column `__other__`; see `other_values`.

A tar is not read to be counted, so its rows are known once it is fetched. `detail` of a shard:

    {"columns": {"audio": {"fields": ["flac"], "type": "audio"},
                 "json": {"fields": ["json"], "type": {"struct": {"text": "text"}}}},
     "other": true}      if there is the column `__other__`
"""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from hugflow.clients.repository import PublishedFile
from hugflow.errors import ShardUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.shards.layouts import table_archives
from hugflow.shards.layouts.archives import is_zip, open_local
from hugflow.shards.layouts.batch_size import BATCH_BYTES, BATCH_ROWS
from hugflow.shards.layouts.joined import local_pieces, total_bytes
from hugflow.shards.layouts.layout import (
    Contents,
    RepositoryAt,
    Split,
    look_at_each,
    no_names,
    no_sample,
    unreadable,
)
from hugflow.shards.layouts.left_out import LeftOut
from hugflow.shards.layouts.member_fields import (
    AUDIO,
    KEY,
    OTHER,
    URL,
    Head,
    choose_columns,
    find_text,
    kind_of,
    load_json,
    merge_field_types,
    schema_of,
    to_int,
    type_of,
)
from hugflow.shards.layouts.other_values import (
    is_kept,
    may_be_other,
    other_values,
    to_text,
)
from hugflow.shards.layouts.published_archives import (
    PublishedArchive,
    archives_of,
    check_parts,
    open_archive,
    tell_parts,
)
from hugflow.shards.layouts.samples import Sample, read_samples
from hugflow.shards.layouts.split_archives import find_split_archives, is_part_of
from hugflow.shards.layouts.tar_members import (
    ArchiveDamaged,
)
from hugflow.shards.layouts.unread_tables import is_table_of_rows, warn_of_inner
from hugflow.shards.lost_values import note_lost
from hugflow.shards.plan import Shard, to_detail
from hugflow.shards.plan_request import PlanRequest, form_of
from hugflow.shards.value_types import fit_value
from hugflow.store.atomic import disk_errors

log = logging.getLogger(__name__)

native_reader: Final = None
read_names = no_names
read_sample = no_sample

# Rows and members that are looked at before a tar is fetched.
_LOOKED_AT_ROWS: Final = 5
_LOOKED_AT_MEMBERS: Final = 200
# Tars of so many bytes together are looked through to their ends.
_LOOKED_THROUGH_BYTES: Final = 16 << 20
_LOOKED_AT_BYTES: Final = 32 << 20
# Only of these does the content say the type.
_LOOKED_INTO: Final = frozenset({"json", "number"})
_RANGE_BYTES: Final = 128 << 10


def takes(path: str) -> bool:
    """Whether the path is that of a tar, or of a part of one, by its name."""
    return path.lower().endswith(".tar") or is_part_of(path, ".tar")


def describe(at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest) -> Split:
    """Columns and types from the first rows of each tar; raises ShardUnreadable."""
    heads: dict[tuple[PublishedFile, ...], Head] = {}
    tars = _group(at, files)
    is_small = sum(file.size_bytes for file in files) <= _LOOKED_THROUGH_BYTES

    def look(at: RepositoryAt, files: tuple[PublishedFile, ...]) -> Contents:
        heads[files] = head = _read_head(at, tars[files], is_whole=is_small)
        return Contents(files, None if head.rows else 0, pa.schema([]))

    found = look_at_each(at, list(tars), look).shards
    ordered = [heads[files] for files in tars]
    columns = choose_columns(ordered, request)
    more = {} if is_small else {"other": True}
    schema, detail = _schema(columns, more), to_detail({"columns": columns, **more})
    shards = [Contents(shard.files, shard.rows, schema, detail) for shard in found]
    audio = [name for name, column in columns.items() if column["type"] == "audio"]
    form, left = form_of(request), tuple[str, ...]()
    if form is None and len(audio) == len(columns) and any(head.rows for head in ordered):
        # Clips alone: a table beside the tars may have the rest.
        beside, left = table_archives.describe_beside(at, files, request)
        if beside is not None:
            return beside
    # Without any clip, tables may be what the rows are of.
    tables = [member for head in ordered for member in head.tables] if audio else []
    return Split(
        shards,
        (*left, *tell_parts(list(tars.values())), *warn_of_inner(tables)),
        audio_column=audio[0] if len(audio) == 1 else None,
        text_column=form.text if form is not None and form.text else find_text(columns),
    )


def count_rows(paths: Sequence[Path], shard: Shard) -> int:
    """The number of rows of a fetched tar; the log says what was left out of it."""
    rows, left_out = 0, LeftOut()
    for _ in _samples(paths, shard, lambda row, field: False, left_out):
        rows += 1
    left_out.tell(shard.label)
    return rows


def read_rows(
    paths: Sequence[Path],
    shard: Shard,
    *,
    columns: Sequence[str] | None,
    is_wanted: Callable[[range], bool],
) -> Iterator[tuple[range, pa.RecordBatch]]:
    """The rows of a fetched tar in order; see `Layout`. Content of unwanted rows is not read."""
    detail = json.loads(shard.detail)
    planned: dict[str, Any] = detail["columns"]
    schema = _schema(planned, detail)
    names = [name for name in schema.names if columns is None or name in columns]
    fields = {each for name in names if name in planned for each in planned[name]["fields"]}
    one_audio = _one_audio(planned)
    lost: Counter[str] = Counter()
    # Where there is a column for them, values that fit no other are kept.
    kept: Counter[str] | None = Counter() if detail.get("other") else None
    misfits = lost if kept is None else kept
    pending, first, size_bytes, rows = _Pending([], planned, shard, misfits), shard.first_row, 0, 0

    def is_taken(row: int, field: str) -> bool:
        is_audio = one_audio in names and kind_of(field) == AUDIO
        is_other = OTHER in names and may_be_other(field, planned)
        return (field in fields or is_audio or is_other) and wanted_row(row)

    def wanted_row(row: int) -> bool:
        number = shard.first_row + row
        return is_wanted(range(number, number + 1))

    chosen = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    for sample in _samples(paths, shard, is_taken, LeftOut()):
        rows += 1
        is_kept = wanted_row(sample.row)
        number = shard.first_row + sample.row
        if pending.samples and (
            not is_kept
            or len(pending.samples) == BATCH_ROWS
            or size_bytes + sample.size_bytes > BATCH_BYTES
        ):
            yield range(first, first + len(pending.samples)), pending.batch(chosen)
            pending, size_bytes = _Pending([], planned, shard, misfits), 0
        if is_kept:
            first = first if pending.samples else number
            pending.samples.append(sample)
            size_bytes += sample.size_bytes
            if columns is None or KEY in columns:
                _note_unplanned(sample, planned, lost, kept)
    if pending.samples:
        yield range(first, first + len(pending.samples)), pending.batch(chosen)
    if shard.rows is not None and rows != shard.rows:
        raise unreadable(shard, f"it has {rows} rows, where {shard.rows} were counted")
    if columns is None or KEY in columns:
        # Who reads a few columns to count rows says nothing of them.
        _tell_kept(shard, kept)
        _tell_lost(shard, lost)


def _schema(columns: Mapping[str, Any], detail: Mapping[str, Any]) -> pa.Schema:
    """The schema of the columns, and of the one of values that fit no other."""
    schema = schema_of(columns)
    return schema.append(pa.field(OTHER, pa.string())) if detail.get("other") else schema


def _group(
    at: RepositoryAt, files: Sequence[PublishedFile]
) -> dict[tuple[PublishedFile, ...], PublishedArchive]:
    """The tars by their files, in order: each file is one, or the part of one.

    Raises RequestInvalid if a part is missing.
    """
    if all(file.path.lower().endswith(".tar") for file in files):
        return {(file,): PublishedArchive(file.path, (file,)) for file in files}
    tars = archives_of(files, at.list_files())
    for tar in tars:
        check_parts(at, tar)
    return {tar.files: tar for tar in tars}


def _read_head(at: RepositoryAt, tar: PublishedArchive, *, is_whole: bool) -> Head:
    """The first rows of a published tar, or all, by ranged reads.

    Damage behind the first rows is an error of the shard, later.
    """
    remote: Any = open_archive(at, tar)
    rows: list[tuple[str, ...]] = []
    types: dict[str, Any] = {}
    tables: list[str] = []
    try:
        with BufferedReader(remote, _RANGE_BYTES) as opened:
            taken = read_samples(
                opened,
                tar.path,
                tar.size_bytes,
                lambda row, field: (
                    (is_whole or row < _LOOKED_AT_ROWS) and kind_of(field) in _LOOKED_INTO
                ),
                LeftOut(),
                most_members=None if is_whole else _LOOKED_AT_MEMBERS,
                most_bytes=_LOOKED_AT_BYTES,
            )
            for sample in taken:
                rows.append(tuple(sample.content))
                if not _audio_fields(sample):
                    members = [f"{sample.key}.{name}" for name in sample.content]
                    tables += [member for member in members if is_table_of_rows(member)]
                for name, data in sample.content.items():
                    found = type_of(name, data)
                    types[name] = merge_field_types(types.get(name, "null"), found)
                if len(rows) == _LOOKED_AT_ROWS and not is_whole:
                    break
    except ArchiveDamaged as damaged:
        if len(rows) >= _LOOKED_AT_ROWS:
            return Head(rows, types, tables)
        raise ShardUnreadable(
            f"{at.repo}@{at.commit}:{tar.path} cannot be read as {'a zip' if is_zip(tar.path) else 'a tar'}",
            why=in_a_line(str(damaged)),
            mend="report it to the dataset's owner, or request a revision with sound files",
        ) from damaged
    return Head(rows, types, tables)


@dataclass(frozen=True, slots=True)
class _Pending:
    """Rows that become one batch. misfits: counts values that fit no column."""

    samples: list[Sample]
    columns: Mapping[str, Any]
    shard: Shard
    misfits: Counter[str]

    def batch(self, schema: pa.Schema) -> pa.RecordBatch:
        arrays = [self._array(name, schema.field(name).type) for name in schema.names]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _array(self, name: str, type_: pa.DataType) -> pa.Array:
        if name == KEY:
            return pa.array([sample.key for sample in self.samples], type_)
        if name == OTHER:
            others = [other_values(sample.content, self.columns) for sample in self.samples]
            return pa.array([to_text(each) for each in others], type_)
        if name == URL:
            return pa.array([_path(self.shard)] * len(self.samples), type_)
        column = self.columns[name]
        found = [_first(sample, column["fields"]) for sample in self.samples]
        if name == _one_audio(self.columns):
            # Later rows may have their clip in a format that the first rows have not.
            pairs = zip(self.samples, found, strict=True)
            found = [each or _first(sample, _audio_fields(sample)) for sample, each in pairs]
        match column["type"]:
            case "audio":
                values = [
                    None if each is None else {"bytes": each[1], "path": f"{sample.key}.{each[0]}"}
                    for sample, each in zip(self.samples, found, strict=True)
                ]
                return pa.array(values, type_)
            case "text":
                # As bytes: a text that is not UTF-8 fails its own row, later.
                texts = [None if each is None else each[1].rstrip(b"\r\n") for each in found]
                return pa.array(texts, pa.binary()).view(type_)
            case "bytes":
                return pa.array([None if each is None else each[1] for each in found], type_)
            case "int":
                return pa.array([self._number(name, each) for each in found], type_)
            case {"json": inner}:
                return pa.array([self._json(name, each, inner) for each in found], type_)
            case other:
                raise ValueError(f"a plan names the type {other!r}")

    def _number(self, name: str, each: tuple[str, bytes] | None) -> int | None:
        value = None if each is None else to_int(each[1])
        if value is None and each is not None:
            self.misfits[name] += 1
        return value

    def _json(self, name: str, each: tuple[str, bytes] | None, type_: Any) -> Any:
        if each is None:
            return None
        value = load_json(each[1])
        if value is None and each[1].strip() != b"null":
            self.misfits[name] += 1

        def lose(inner: str) -> None:
            self.misfits[f"{name}.{inner}" if inner else name] += 1

        return fit_value(value, type_, lose)


def _first(sample: Sample, fields: Sequence[str]) -> tuple[str, bytes] | None:
    """The first of `fields` that a row has, with its content."""
    for name in fields:
        data = sample.content.get(name)
        if data is not None:
            return name, data
    return None


def _note_unplanned(
    sample: Sample, columns: Mapping[str, Any], lost: Counter[str], kept: Counter[str] | None
) -> None:
    """Count fields of a row without a column; kept: None if nothing is kept besides."""
    known = {name for column in columns.values() for name in column["fields"]}
    one_audio = _one_audio(columns)
    if one_audio is not None and known.isdisjoint(_audio_fields(sample)):
        known.update(_audio_fields(sample)[:1])
    for name, data in sample.content.items():
        if name not in known:
            counts = lost if kept is None or not is_kept(name, data) else kept
            counts[name] += 1


def _one_audio(columns: Mapping[str, Any]) -> str | None:
    """The audio column, if there is only one: then every audio field belongs to it."""
    audio = [name for name, column in columns.items() if column["type"] == AUDIO]
    return audio[0] if len(audio) == 1 else None


def _audio_fields(sample: Sample) -> list[str]:
    return [name for name in sample.content if kind_of(name) == AUDIO]


def _tell_kept(shard: Shard, kept: Counter[str] | None) -> None:
    if kept:
        log.warning(
            "%s: %d values do not fit the columns, and are kept as JSON in %r: %s",
            in_a_line(shard.label),
            kept.total(),
            OTHER,
            _named(kept),
        )


def _named(counts: Counter[str]) -> str:
    return ", ".join(f"{in_a_line(name)!r} ({count:,})" for name, count in counts.most_common(5))


def _tell_lost(shard: Shard, lost: Counter[str]) -> None:
    """Log and count the values that have no column: the first rows of the tars had none such."""
    if lost:
        note_lost(lost)
        log.warning(
            "%s: %d values do not fit the columns, and are left out: %s; columns are those of the "
            "first rows of each tar, so ask the dataset's owner for first rows with all fields",
            in_a_line(shard.label),
            lost.total(),
            _named(lost),
        )


def _path(shard: Shard) -> str:
    """The path of a shard's tar in the repository, as one file."""
    split = find_split_archives(file.path for file in shard.files)
    return split[0].whole if split else shard.files[0].path


def _samples(
    paths: Sequence[Path],
    shard: Shard,
    is_taken: Callable[[int, str], bool],
    left_out: LeftOut,
) -> Iterator[Sample]:
    """The rows of a fetched archive; raises ShardUnreadable if it is damaged."""
    name, size = _path(shard), total_bytes(local_pieces(paths))
    try:
        with disk_errors(paths[0], "read"), open_local(paths, name) as file:
            yield from read_samples(file, name, size, is_taken, left_out, parts=len(paths))
    except ArchiveDamaged as damaged:
        raise unreadable(shard, str(damaged)) from damaged
