"""Tables that describe clips: csv, tsv, JSON lines, JSON and parquet, read as Arrow.

Text of csv is kept as written: no number is guessed, and no word means null. Delimiters are comma,
semicolon, tab and pipe. A line with another number of fields is an error that names the line.
A quotation mark encloses a field, unless that field would hold lines of the table.

Lines are read one after the other, so that a table takes about the room of its text in memory.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial, reduce
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TextIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.lean_start import Late
from hugflow.requests.sources import TableForm
from hugflow.shards.layouts.typed_columns import with_types
from hugflow.shards.value_types import (
    fit_value,
    infer_type,
    merge_types,
    parse_json,
    to_arrow,
)

if TYPE_CHECKING:
    import pyarrow.compute as pc
else:
    pc = Late("pyarrow.compute")

ENDINGS: Final = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
# LibriSpeech: lines of a key and a text, in the folders of the clips.
LINES: Final = ".trans.txt"
# Files of `datasets` and of the Hub, which are no tables.
NO_TABLES: Final = frozenset(
    {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json"}
)
_DELIMITERS: Final = (",", ";", "\t", "|")
_MOST_TABLE_BYTES: Final = 1 << 30
_LOOKED_AT_LINES: Final = 200
_HEAD_CHARACTERS: Final = 1 << 20
_READ_BYTES: Final = 1 << 20
_ROWS_AT_ONCE: Final = 10_000
# Without a header: an id, a text, and the same text normalised, as LJSpeech has it.
_NO_HEADER: Final = ("id", "text", "normalized_text")
_LINE_NAMES: Final = ("id", "text")
ANY_FORM: Final = TableForm()
_OF_TABLES: Final = (
    "columns",
    "delimiter",
    "header",
    "format",
    "rows",
    "field",
    "encoding",
    "is_plain",
    "types",
    "is_keyed",
)
# A JSON object with more fields that are objects is no row: they are its rows.
_MOST_STRUCTS: Final = 200

Opened = Callable[[], AbstractContextManager[TextIO]]


class TableUnreadable(Exception):
    """The bytes are not a table; the message says where."""


def is_table(path: str) -> bool:
    """Whether the path is that of a table, by its name."""
    return path.lower().removesuffix(".gz").endswith(ENDINGS)


def read_table(
    path: Path, name: str, *, has_header: bool = True, form: TableForm = ANY_FORM
) -> pa.Table:
    """The rows of a local file; name: its path in the repository, which says its format.

    has_header: whether the first line of a csv names the columns.
    form: what a recipe or a request says of the table.

    Raises TableUnreadable.
    """
    table = _read_whole(path, name, has_header, form)
    refuse_lacking(table.column_names, form)
    if not is_parquet(name):
        table = with_types(table, form.types)
    return (
        pa.table({new: table.column(old) for new, old in form.columns}) if form.columns else table
    )


def refuse_lacking(names: Sequence[str], form: TableForm) -> None:
    """Raise TableUnreadable if a column that the form keeps is not there."""
    lacking = [old for _, old in form.columns if old not in names]
    if lacking:
        found = ", ".join(map(repr, names))
        raise TableUnreadable(
            f"it has no column {lacking[0]!r}, which `columns` names, but {found}"
        )


def is_parquet(name: str) -> bool:
    """Whether a table is parquet, by its name."""
    return name.lower().removesuffix(".gz").endswith(".parquet")


@contextmanager
def parquet_errors() -> Iterator[None]:
    """Raises TableUnreadable for what Arrow says of a damaged file."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise TableUnreadable(f"it cannot be read as parquet: {error}") from error


def table_form(form: TableForm | None) -> dict[str, Any]:
    """What the detail of a shard keeps of a form, to read its tables as the plan did."""
    if form is None:
        return {}
    told = {name: value for name, value in form.to_json().items() if name in _OF_TABLES}
    return {"form": told} if told else {}


def _read_whole(path: Path, name: str, has_header: bool, form: TableForm) -> pa.Table:
    if is_parquet(name):
        with parquet_errors():
            return pq.read_table(path)
    plain = name.lower().removesuffix(".gz")
    is_packed = name.lower().endswith(".gz")
    opened = partial(open_text, path, is_packed=is_packed, encoding=form.encoding)
    if form.format == "lines":
        with opened(newline="\n") as text:
            return _read_lines(text, form)
    if form.format == "csv" or (form.format is None and plain.endswith((".csv", ".tsv"))):
        return _read_csv(opened, form, is_tsv=plain.endswith(".tsv"), has_header=has_header)
    if form.field is not None:
        with opened() as text:
            return _read_field(text.read(), form.field)
    if form.is_keyed:
        with opened() as text:
            return _fit_all(_keyed_rows(_load(text.read(), 1)))
    with opened(newline="\n") as text:
        first = next((line for line in text if line.strip()), "").lstrip()
    if form.rows is not None or first.startswith("[") or first.rstrip("\r\n") == "{":
        with opened() as text:
            return _read_json(text.read(), form.rows)
    return _read_json_lines(partial(opened, newline="\n"))


def _read_lines(lines: Iterable[str], form: TableForm = ANY_FORM) -> pa.Table:
    """Lines of a key, white space and a text, as in Kaldi's `text` and `*.trans.txt`."""
    names = form.header if isinstance(form.header, tuple) else _LINE_NAMES
    if len(names) != len(_LINE_NAMES):
        raise TableUnreadable(f"its lines are a key and a text, and the header has {len(names)}")
    parts = (line.strip("\r\n").replace("\t", " ", 1).partition(" ") for line in lines)
    return _text_table(names, ((key, rest.strip(" \t")) for key, _, rest in parts if key))


def _text_table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> pa.Table:
    """A table of texts; a few thousand rows are Python's at a time."""
    schema = pa.schema([(name, pa.string()) for name in names])
    batches = []
    left = iter(rows)
    while part := list(islice(left, _ROWS_AT_ONCE)):
        columns = [pa.array(column, pa.string()) for column in zip(*part, strict=True)]
        batches.append(pa.RecordBatch.from_arrays(columns, schema=schema))
    return pa.Table.from_batches(batches, schema)


def refuse_large_text(name: str, size_bytes: int) -> None:
    """Raise TableUnreadable for a text of more bytes than are read; parquet has no such limit."""
    if size_bytes > _MOST_TABLE_BYTES and not name.lower().endswith(".parquet"):
        raise TableUnreadable(f"it is larger than {_MOST_TABLE_BYTES:,} bytes")


@contextmanager
def open_text(
    path: Path, *, is_packed: bool = False, newline: str = "", encoding: str | None = None
) -> Iterator[TextIO]:
    """A local file as text, without the byte order mark; newline: as `open` takes it.

    encoding: None for UTF-8.

    Raises TableUnreadable, also while it is read: for what has another encoding, or is larger than
    is read.
    """
    if not is_packed:
        refuse_large_text("", path.stat().st_size)
    try:
        with gzip.open(path) if is_packed else path.open("rb") as file:
            bounded = io.BufferedReader(_Bounded(cast(BinaryIO, file)), _READ_BYTES)
            with io.TextIOWrapper(bounded, encoding or "utf-8-sig", newline=newline) as text:
                yield text
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise TableUnreadable(f"it cannot be unpacked: {error}") from error
    except UnicodeError as error:
        if encoding is not None:
            raise TableUnreadable(f"it is not {encoding}, as the card says: {error}") from error
        line = _bad_line(path, is_packed=is_packed)
        raise TableUnreadable(f"line {line} is not UTF-8") from error


class _Bounded(io.RawIOBase):
    """The bytes of a file; TableUnreadable when there are more than are read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._size = file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        self._size += len(data)
        refuse_large_text("", self._size)
        buffer[: len(data)] = data
        return len(data)


def _bad_line(path: Path, *, is_packed: bool) -> int:
    """The number of the first line that is no UTF-8."""
    with gzip.open(path) if is_packed else path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _read_csv(opened: Opened, form: TableForm, *, is_tsv: bool, has_header: bool) -> pa.Table:
    """The rows of a text, which is opened for each time that it is read."""
    with opened() as text:
        head = text.read(_HEAD_CHARACTERS)
    if form.delimiter is None:
        delimiter, quoting = _find_dialect(head, is_tsv=is_tsv, is_plain=form.is_plain)
    else:
        # Between tabs and pipes, quotes are those of the text.
        is_plain = form.is_plain or form.delimiter in "\t|"
        delimiter, quoting = form.delimiter, csv.QUOTE_NONE if is_plain else csv.QUOTE_MINIMAL

    def read(quoting: int) -> pa.Table:
        with opened() as text:
            return _read_csv_rows(text, delimiter, quoting, form, has_header=has_header)

    if quoting == csv.QUOTE_NONE:
        return read(quoting)
    try:
        table = read(quoting)
    except TableUnreadable:
        if not _is_even_plain(opened, delimiter):
            raise
        return read(csv.QUOTE_NONE)
    if _may_hold_lines(table, delimiter) and _is_even_plain(opened, delimiter, table.num_columns):
        return read(csv.QUOTE_NONE)
    return table


def _may_hold_lines(table: pa.Table, delimiter: str) -> bool:
    """Whether quoted fields hold lines of the table: a sentence began with a quotation mark."""
    held = [name for name in table.column_names if delimiter in name and "\n" in name]
    for column in table.columns:
        has_lines = pc.match_substring_regex(column, "[\r\n]")
        held += column.filter(pc.and_(has_lines, pc.match_substring(column, delimiter))).to_pylist()
    # A doubled quotation mark is that of a csv writer; a comma and a blank are of a sentence.
    blank = f"{delimiter} " if delimiter in ",;" else '"'
    return bool(held) and not any('"' in field or blank in field for field in held)


def _is_even_plain(opened: Opened, delimiter: str, count: int | None = None) -> bool:
    """Whether all lines have as many fields when quotation marks mean nothing.

    count: the number of fields; None: that of the first line, if more than one.
    """
    with opened() as text:
        rows = _csv_rows(text, delimiter, csv.QUOTE_NONE)
        first = next(rows, (0, [""]))[1]
        # A first name in quotation marks is that of a file in which they enclose fields.
        if first[0][:1] == first[0][-1:] == '"' or len(first) != (count or max(len(first), 2)):
            return False
        try:
            return all(len(row) == len(first) for _, row in rows)
        except TableUnreadable:
            return False


def _read_csv_rows(
    text: TextIO, delimiter: str, quoting: int, form: TableForm, *, has_header: bool
) -> pa.Table:
    told = form.header
    has_header = told if isinstance(told, bool) else has_header and told is None
    rows = _csv_rows(text, delimiter, quoting)
    first = next(rows, None)
    if first is None:
        raise TableUnreadable("it is empty")
    own = list(told) if isinstance(told, tuple) else _names_without_header(len(first[1]))
    # An index that pandas wrote has no name: it is called as pandas calls it.
    named = [name or f"Unnamed: {place}" for place, name in enumerate(first[1])]
    names = named if has_header else own
    if len(set(names)) < len(names):
        raise TableUnreadable("two of its columns have the same name")

    def fields() -> Iterator[list[str]]:
        for line, row in rows if has_header else chain([first], rows):
            if len(row) != len(names):
                raise TableUnreadable(
                    f"line {line} has {len(row)} fields, where "
                    + (f"the header has {len(names)}" if told else f"the first has {len(names)}")
                )
            yield row

    return _text_table(names, fields())


def _names_without_header(count: int) -> list[str]:
    return [*_NO_HEADER[:count], *(f"column_{n}" for n in range(len(_NO_HEADER), count))]


def _csv_rows(text: Iterable[str], delimiter: str, quoting: int) -> Iterator[tuple[int, list[str]]]:
    """The rows with the number of the line on which each ends; empty lines are skipped."""
    csv.field_size_limit(1 << 24)
    is_quoted = quoting != csv.QUOTE_NONE
    reader = csv.reader(
        text,
        delimiter=delimiter,
        quotechar='"' if is_quoted else None,
        quoting=csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE,
        strict=True,
    )
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise TableUnreadable(f"line {reader.line_num}: {error}") from error


def _find_dialect(head: str, *, is_tsv: bool, is_plain: bool) -> tuple[str, int]:
    """The delimiter and the quoting with which all of the first lines have as many fields."""
    delimiters: Sequence[str] = ("\t", ",", ";", "|") if is_tsv else _DELIMITERS
    if len(head) == _HEAD_CHARACTERS:
        # The last line is cut.
        head = head.rpartition("\n")[0]
    prose: tuple[str, int] | None = None
    quotings = (csv.QUOTE_NONE,) if is_plain else (csv.QUOTE_MINIMAL, csv.QUOTE_NONE)
    for quoting in quotings:
        for delimiter in delimiters:
            rows = _even_rows(head, delimiter, quoting)
            if rows and not all(field.startswith(" ") for row in rows for field in row[1:]):
                return delimiter, quoting
            # A blank after every delimiter: rather the comma of a sentence.
            prose = prose or ((delimiter, quoting) if rows else None)
    return prose or (("\t" if is_tsv else ","), quotings[0])


def _even_rows(head: str, delimiter: str, quoting: int) -> list[list[str]]:
    """The first rows, if all have the same number of fields and more than one; else none."""
    try:
        found = _csv_rows(io.StringIO(head, newline=""), delimiter, quoting)
        rows = [row for _, row in islice(found, _LOOKED_AT_LINES)]
    except TableUnreadable:
        return []
    lengths = {len(row) for row in rows}
    return rows if len(lengths) == 1 and lengths != {1} else []


def _read_json_lines(opened: Opened) -> pa.Table:
    """JSON lines, read twice: for the types of all rows, and for the rows."""
    with opened() as lines:
        head = list(islice(_line_rows(lines), 2))
    if len(head) == 1 and _must_be_rows(head[0]):
        return _fit_all(_keyed_rows(head[0]))
    types: dict[str, Any] = {}
    with opened() as lines:
        for row in _line_rows(lines):
            for name, value in row.items():
                types[name] = merge_types(types.get(name, "null"), infer_type(value))
    if not types:
        raise TableUnreadable("none of its rows has a field")
    with opened() as lines:
        left, tables = _line_rows(lines), []
        while rows := list(islice(left, _ROWS_AT_ONCE)):
            tables.append(_fit(rows, types))
    return pa.concat_tables(tables)


def _line_rows(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    rows = (_load(line, number) for number, line in enumerate(lines, 1) if line.strip())
    return (_as_row(row, number) for number, row in enumerate(rows, 1))


def _as_row(value: Any, number: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TableUnreadable(f"row {number} is no object with fields")
    return value


def _fit(rows: Sequence[dict[str, Any]], types: Mapping[str, Any]) -> pa.Table:
    """The rows as Arrow; types: of all columns."""
    schema = pa.schema([(name, to_arrow(type_)) for name, type_ in types.items()])
    columns = {
        name: pa.array(
            [fit_value(row.get(name), type_, lambda lost: None) for row in rows], to_arrow(type_)
        )
        for name, type_ in types.items()
    }
    return pa.table(columns, schema=schema)


def _read_json(text: str, inside: str | None = None) -> pa.Table:
    rows = _json_rows(text)
    for name in inside.split(".") if inside else ():
        rows = _open_lists(rows, name)
    return _fit_all(rows)


def _read_field(text: str, name: str) -> pa.Table:
    """The rows of an object's field; its other fields are left out."""
    found = _load(text, 1)
    rows = found.get(name) if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise TableUnreadable(f"it is no object with a list {name!r}, as the card says")
    return _fit_all([_as_row(row, number) for number, row in enumerate(rows, 1)])


def _fit_all(rows: Sequence[dict[str, Any]]) -> pa.Table:
    types: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            types[name] = merge_types(types.get(name, "null"), infer_type(value))
    if not types:
        raise TableUnreadable("none of its rows has a field")
    return _fit(rows, types)


def _json_rows(text: str) -> list[dict[str, Any]]:
    """The rows of JSON lines, of an array, or of one object."""
    stripped = text.lstrip()
    if stripped.startswith("["):
        found = _load(stripped, 1)
    else:
        lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        try:
            found = [_load(line, n) for n, line in lines]
        except TableUnreadable:
            # One object over several lines.
            if not stripped.startswith("{\n") and not stripped.startswith("{\r"):
                raise
            found = [_load(stripped, 1)]
    if not isinstance(found, list):
        raise TableUnreadable("it is no list of rows")
    if len(found) == 1 and _must_be_rows(found[0]):
        return _keyed_rows(found[0])
    return [_as_row(row, number) for number, row in enumerate(found, 1)]


def _must_be_rows(found: Any) -> bool:
    """Whether an object has so many fields that are objects that they must be its rows."""
    is_wide = isinstance(found, dict) and len(found) > _MOST_STRUCTS
    return is_wide and all(isinstance(value, dict) for value in found.values())


def _keyed_rows(found: Any) -> list[dict[str, Any]]:
    """The rows of an object by their keys, as `{"utt1": {"wav": "1.wav"}}`; the key is `id`."""
    if not isinstance(found, dict):
        raise TableUnreadable("it is no object of rows")
    rows = [_as_row(row, number) for number, row in enumerate(found.values(), 1)]
    key = "__key__" if any("id" in row for row in rows) else "id"
    return [{key: name, **row} for name, row in zip(found, rows, strict=True)]


def _open_lists(rows: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The objects of each row's list of this name, with the other fields of their row."""
    found: list[dict[str, Any]] = []
    for row in rows:
        inner = row.get(name) or []
        if not isinstance(inner, list) or not all(isinstance(each, dict) for each in inner):
            raise TableUnreadable(f"its field {name!r} is no list of objects")
        outer = {key: value for key, value in row.items() if key != name}
        found.extend({**outer, **each} for each in inner)
    if not found:
        raise TableUnreadable(f"none of its rows has a list {name!r}")
    return found


def _load(text: str, line: int) -> Any:
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        raise TableUnreadable(f"line {line} is not JSON: {error}") from error


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the columns of a schema, null where it lacks one; types stay its own."""
    columns = {
        name: table.column(name) if name in table.column_names else pa.nulls(len(table))
        for name in schema.names
    }
    return pa.table(columns)


def join_schemas(schemas: Sequence[pa.Schema], names: Sequence[str]) -> pa.Schema:
    """The columns of all tables, in types that hold the values of all.

    names: of the tables, for the error. Raises TableUnreadable.
    """

    def join(one: pa.Schema, other: tuple[pa.Schema, str]) -> pa.Schema:
        try:
            return pa.unify_schemas([one, other[0]], promote_options="permissive")
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            raise TableUnreadable(
                f"the columns of {other[1]!r} do not go together with those of {names[0]!r}: {error}"
            ) from error

    return reduce(join, zip(schemas[1:], names[1:], strict=True), schemas[0])


def folder_of(path: str) -> str:
    """The folder of a path, with a slash at its end; "" for the root."""
    folder = PurePosixPath(path).parent.as_posix()
    return "" if folder == "." else f"{folder}/"
