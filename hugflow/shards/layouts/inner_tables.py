r"""Tables that are members of the archive whose clips they name.

The archive is walked once more for its tables. `detail` of a shard of `table_archives` says where
they are, as regular expressions over whole names of members:

    {..., "inside": {"table": ["(?:.*/)?metadata\\.csv"], "audio": ["(?:.*/)?wavs/[^/]*"]}}
"""

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa

from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid
from hugflow.redact import in_a_line
from hugflow.requests.sources import Form
from hugflow.shards.layouts.archives import ZIP_DAMAGED, walk
from hugflow.shards.layouts.layout import RepositoryAt
from hugflow.shards.layouts.left_out import LeftOut
from hugflow.shards.layouts.tables import TableUnreadable, join_schemas, read_table
from hugflow.shards.layouts.tar_members import (
    ArchiveDamaged,
    is_safe_name,
    list_members,
    plain_name,
    read_member,
)
from hugflow.shards.patterns import matcher

# Of the head of a tar that is not here: so much is read for its tables.
_LOOKED_AT_BYTES: Final = 32 << 20
_LOOKED_AT_MEMBERS: Final = 2_000


def is_inner_clip(detail: Mapping[str, Any]) -> Callable[[str], bool]:
    """Whether a member may be a clip by the patterns; all may without patterns."""
    inside = detail.get("inside")
    if inside is None:
        return lambda name: True
    return matcher(inside["audio"])


def read_inner_tables(path: Path, name: str, detail: Mapping[str, Any]) -> pa.Table:
    """The rows of all tables in a local archive, one below the other, by path.

    Raises TableUnreadable and ArchiveDamaged.
    """
    is_inner = matcher(detail["inside"]["table"])
    found = {member: read() for member, read in walk(path, name, LeftOut()) if is_inner(member)}
    if not found:
        raise TableUnreadable("none of its members is the table")
    return _join(found, Form.from_json(detail.get("form", {})))


def peek_inner_tables(
    at: RepositoryAt, archive: PublishedFile, patterns: Sequence[str], form: Form
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


def _said_columns(form: Form) -> pa.Schema | None:
    if form.columns:
        return pa.schema([(new, pa.string()) for new, _ in form.columns])
    if isinstance(form.header, tuple):
        return pa.schema([(name, pa.string()) for name in form.header])
    if form.format == "lines":
        return pa.schema([("id", pa.string()), ("text", pa.string())])
    return None


def _join(found: Mapping[str, bytes], form: Form) -> pa.Table:
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
    at: RepositoryAt, archive: PublishedFile, is_inner: Callable[[str], bool]
) -> dict[str, bytes]:
    remote: Any = at.hub.open_file(at.repo, at.commit, archive)
    lower = archive.path.lower()
    damage = (ArchiveDamaged, EOFError, zlib.error, gzip.BadGzipFile, *ZIP_DAMAGED)
    with remote, suppress(*damage):
        if lower.endswith(".zip"):
            return _peek_zip(remote, is_inner)
        if lower.endswith(".tar"):
            return _peek_tar(io.BufferedReader(remote, 128 << 10), archive.size_bytes, is_inner)
        if at.hub.is_local:
            opened = cast(BinaryIO, gzip.GzipFile(fileobj=remote))
            return _peek_tar(opened, None, is_inner, most_members=None)
        head = io.BytesIO(remote.read(min(_LOOKED_AT_BYTES, archive.size_bytes)))
        return _peek_tar(cast(BinaryIO, gzip.GzipFile(fileobj=head)), None, is_inner)
    return {}


def _peek_zip(remote: Any, is_inner: Callable[[str], bool]) -> dict[str, bytes]:
    with zipfile.ZipFile(remote) as opened:
        return {
            entry.filename: opened.read(entry)
            for entry in opened.infolist()
            if is_inner(entry.filename) and entry.file_size < _LOOKED_AT_BYTES
        }


def _peek_tar(
    file: BinaryIO,
    size: int | None,
    is_inner: Callable[[str], bool],
    most_members: int | None = _LOOKED_AT_MEMBERS,
) -> dict[str, bytes]:
    """The tables up to the first member that is cut off, or the last that is looked at."""
    found: dict[str, bytes] = {}
    with suppress(ArchiveDamaged, EOFError, zlib.error):
        for number, member in enumerate(list_members(file, size)):
            if number == most_members:
                break
            name = plain_name(member.name)
            if member.kind == "file" and is_safe_name(member.name) and is_inner(name):
                found[name] = read_member(file, member)
    return found
