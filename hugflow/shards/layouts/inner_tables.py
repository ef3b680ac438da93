r"""Tables that are members of the archive whose clips they name.

The archive is walked once more for its tables. `detail` of a shard of `table_archives` says where
they are, as regular expressions over whole names of members:

    {..., "inside": {"table": ["(?:.*/)?metadata\\.csv"], "audio": ["(?:.*/)?wavs/[^/]*"]}}
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa

from hugflow.errors import RequestInvalid
from hugflow.redact import in_a_line
from hugflow.requests.sources import TableForm
from hugflow.shards.layouts.archives import (
    BOUNDED_METHODS,
    MOST_MEMBER_BYTES,
    ZIP_DAMAGED,
    most_unpacked,
    open_zip,
    walk,
)
from hugflow.shards.layouts.layout import RepositoryAt
from hugflow.shards.layouts.left_out import LeftOut
from hugflow.shards.layouts.published_archives import PublishedArchive, open_archive
from hugflow.shards.layouts.tables import TableUnreadable, join_schemas, read_table
from hugflow.shards.layouts.tar_members import (
    ArchiveDamaged,
    Member,
    is_safe_name,
    list_members,
    plain_name,
    read_member,
)
from hugflow.shards.patterns import matcher

# Of an archive that is not here: so much of its head is read, and of its tables, unpacked.
_LOOKED_AT_BYTES: Final = 32 << 20
_LOOKED_AT_MEMBERS: Final = 2_000
# Of the tables in an archive that is here, unless the archive itself is smaller.
_MOST_LOCAL_BYTES: Final = 512 << 20


def is_inner_clip(detail: Mapping[str, Any]) -> Callable[[str], bool]:
    """Whether a member may be a clip by the patterns; all may without patterns."""
    inside = detail.get("inside")
    if inside is None:
        return lambda name: True
    return matcher(inside["audio"])


def read_inner_tables(paths: Sequence[Path], name: str, detail: Mapping[str, Any]) -> pa.Table:
    """The rows of all tables in a local archive, one below the other, by path.

    paths: of the archive, or of its parts; name: of the archive as one file.

    Raises TableUnreadable and ArchiveDamaged.
    """
    is_inner = matcher(detail["inside"]["table"])
    found: dict[str, bytes] = {}
    left = MOST_MEMBER_BYTES
    for member, read in walk(paths, name, LeftOut()):
        if is_inner(member):
            found[member] = read()
            left -= len(found[member])
            if left < 0:
                raise TableUnreadable(f"its tables have more than {MOST_MEMBER_BYTES:,} bytes")
    if not found:
        raise TableUnreadable("none of its members is the table")
    return _join(found, TableForm.from_json(detail.get("form", {})))


def peek_inner_tables(
    at: RepositoryAt, archive: PublishedArchive, patterns: Sequence[str], form: TableForm
) -> pa.Schema:
    """The columns of the tables in a published archive, by ranged reads.

    Raises RequestInvalid if they are not at its head, and nothing else says the columns.
    """
    said = _said_columns(form)
    if said is not None:
        return said
    is_inner = matcher(patterns)
    try:
        found = _peek(at, archive, is_inner)
        if found:
            return _join(found, form).schema
        why = f"none of its first members is called like {patterns[0]!r}"
    except TableUnreadable as error:
        why = in_a_line(str(error))
    raise RequestInvalid(
        f"{at.repo}@{at.commit[:7]}: the table in {archive.path!r} is not found",
        why=f"{why}; an archive is not fetched to be planned",
        mend="name the table's columns in `source`, as columns: [path, sentence], or check `table`",
    )


def _said_columns(form: TableForm) -> pa.Schema | None:
    if form.columns:
        return pa.schema([(new, pa.string()) for new, _ in form.columns])
    if isinstance(form.header, tuple):
        return pa.schema([(name, pa.string()) for name in form.header])
    if form.format == "lines":
        return pa.schema([("id", pa.string()), ("text", pa.string())])
    return None


def _join(found: Mapping[str, bytes], form: TableForm) -> pa.Table:
    read = []
    with TemporaryDirectory(prefix="hugflow-") as folder:
        target = Path(folder) / "table"
        for name in sorted(found):
            target.write_bytes(found[name])
            try:
                read.append(read_table(target, name, form=form))
            except TableUnreadable as error:
                raise TableUnreadable(f"{name}: {error}") from error
    join_schemas([table.schema for table in read], sorted(found))
    return pa.concat_tables(read, promote_options="permissive").combine_chunks()


def _peek(
    at: RepositoryAt, archive: PublishedArchive, is_inner: Callable[[str], bool]
) -> dict[str, bytes]:
    lower = archive.path.lower()
    room = _Room(_LOOKED_AT_BYTES)
    if at.hub.is_local:
        room = _Room(max(_LOOKED_AT_BYTES, min(archive.size_bytes, _MOST_LOCAL_BYTES)))
    damage = (ArchiveDamaged, EOFError, zlib.error, gzip.BadGzipFile, *ZIP_DAMAGED)
    with suppress(*damage), open_archive(at, archive) as remote:
        if lower.endswith(".zip"):
            return _peek_zip(remote, is_inner, room)
        if lower.endswith(".tar"):
            file = cast(BinaryIO, io.BufferedReader(cast(Any, remote), 128 << 10))
            members = islice(list_members(file, archive.size_bytes), _LOOKED_AT_MEMBERS)
            return _peek_tar(file, members, is_inner, room)
        if at.hub.is_local:
            return _peek_packed(remote, archive.size_bytes, is_inner, room, most_members=None)
        head = remote.read(min(_LOOKED_AT_BYTES, archive.size_bytes))
        return _peek_packed(io.BytesIO(head), len(head), is_inner, room)
    return {}


class _Room:
    """How many bytes of tables may still be read into memory."""

    def __init__(self, most_bytes: int) -> None:
        """Begin with all of it."""
        self.most_bytes = self.left_bytes = most_bytes

    def takes(self, size_bytes: int, name: str, *, is_first: bool) -> bool:
        """Whether a table may be read; raises TableUnreadable if not even the first one may."""
        if size_bytes <= self.left_bytes:
            self.left_bytes -= size_bytes
            return True
        if is_first:
            raise TableUnreadable(
                f"{name!r} has {size_bytes:,} bytes, where {self.most_bytes:,} are read to plan it"
            )
        return False


def _peek_zip(remote: Any, is_inner: Callable[[str], bool], room: _Room) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with open_zip(remote) as opened:
        for entry in opened.infolist():
            size, name = entry.file_size, entry.filename
            if is_inner(name) and room.takes(size, name, is_first=not found):
                if entry.compress_type not in BOUNDED_METHODS:
                    raise TableUnreadable(f"{name!r} is packed by a method other than deflate")
                with opened.open(entry) as member:
                    # With a size, zipfile unpacks no more than the directory says.
                    found[name] = member.read(size)
    return found


def _peek_packed(
    file: BinaryIO,
    size_bytes: int,
    is_inner: Callable[[str], bool],
    room: _Room,
    most_members: int | None = _LOOKED_AT_MEMBERS,
) -> dict[str, bytes]:
    """The tables in a tar.gz, of which so many bytes can be read."""
    unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=file))
    members = list_members(unpacked, None, most_unpacked(size_bytes))
    return _peek_tar(unpacked, islice(members, most_members), is_inner, room)


def _peek_tar(
    file: BinaryIO, members: Iterator[Member], is_inner: Callable[[str], bool], room: _Room
) -> dict[str, bytes]:
    """The tables up to the first member that is cut off, or the last that is looked at."""
    found: dict[str, bytes] = {}
    with suppress(ArchiveDamaged, EOFError, zlib.error):
        for member in members:
            name = plain_name(member.name)
            if member.kind != "file" or not is_safe_name(member.name) or not is_inner(name):
                continue
            if room.takes(member.size_bytes, name, is_first=not found):
                found[name] = read_member(file, member)
    return found
