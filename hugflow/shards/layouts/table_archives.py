"""Tables whose rows name members of archives (tar, tar.gz, zip) of the same repository.

Each archive is a shard, whose files are the archive and then the tables. Its rows are the members
that a table names, in the archive's order; they are known once it is fetched. A member means the
rows whose word is its path, or ends with it, or is its name without ending. If there is only one
archive, rows without a member come last, and fail. `detail` of a shard:

    {"tables": ["train.tsv"], "headers": [true], "from": "path", "audio": "audio",
     "columns": ["audio", "path", "sentence"], "rename": {}, "is_alone": true,
     "by_archive": true,                if folders in the words are names of archives
     "form": {"header": ["id", "text"]},  what a recipe or the request says of the tables
     "ranges": {"start": "begin", ...},   if rows are time ranges of members; see `Ranges`
     "inside": {...}}                   if the tables are in the archive; see `inner_tables`
"""

import gzip
import io
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, Final, NoReturn, cast

import pyarrow as pa

from hugflow.audio.cut import Cut
from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid, ShardUnreadable
from hugflow.redact import in_a_line
from hugflow.requests.sources import TableForm
from hugflow.shards.arrow import FILE_TYPE, is_text
from hugflow.shards.layouts import loose
from hugflow.shards.layouts.archives import (
    ENDINGS,
    ZIP_DAMAGED,
    Read,
    is_archive,
    most_unpacked,
    walk,
)
from hugflow.shards.layouts.batch_size import BATCH_BYTES, BATCH_ROWS
from hugflow.shards.layouts.clips import USUAL_NAMES, is_clip
from hugflow.shards.layouts.cut_rows import Ranges, fetched_cuts, read_cuts, refuse_missing
from hugflow.shards.layouts.inner_tables import (
    is_inner_clip,
    peek_inner_tables,
    read_inner_tables,
)
from hugflow.shards.layouts.layout import (
    Contents,
    RepositoryAt,
    Split,
    no_names,
    no_sample,
    unreadable,
)
from hugflow.shards.layouts.left_out import LeftOut
from hugflow.shards.layouts.segments import Recordings
from hugflow.shards.layouts.split_archives import find_split_archives, split_error
from hugflow.shards.layouts.tables import (
    ANY_FORM,
    TableUnreadable,
    conform,
    is_table,
    join_schemas,
    read_table,
    table_form,
)
from hugflow.shards.layouts.tar_members import ArchiveDamaged, list_members
from hugflow.shards.patterns import to_regexes
from hugflow.shards.plan import Shard, to_detail
from hugflow.shards.plan_request import PlanRequest, form_of
from hugflow.shards.stems import to_filenames
from hugflow.store.atomic import disk_errors

NAME: Final = "table_archives"
native_reader: Final = None
read_names = no_names
read_sample = no_sample
_KEYWORDS: Final = (
    frozenset({"train", "training"}),
    frozenset({"validation", "valid", "dev", "val"}),
    frozenset({"test", "testing", "eval", "evaluation"}),
)
# Files of `datasets` and of the Hub, which are no tables.
_ABOUT: Final = frozenset(
    {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json"}
)
_PEEKED_BYTES: Final = 4 << 20
_LONGEST_FIRST: Final = sorted(ENDINGS, key=len, reverse=True)
_PEEKED_MEMBERS: Final = 200
# Of several archives, so many are compared before any is fetched.
_COMPARED_ARCHIVES: Final = 16


class AmbiguousRows(RequestInvalid):
    """One row of a table means clips in several archives."""


def takes(path: str) -> bool:
    """Whether the path is that of an archive or a table; the registry asks other layouts first."""
    return is_archive(path) or is_table(path)


def describe(at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest) -> Split:
    """A shard for each archive that fits the split; raises ShardUnreadable and RequestInvalid."""
    _refuse_split(at, files)
    form = form_of(request)
    if form is not None and form.inside:
        return _describe_inside(at, files, form, request)
    tables = sorted((f for f in files if not is_archive(f.path)), key=lambda file: file.path)
    own = [file for file in files if is_archive(file.path)]
    if not tables:
        return describe_beside(at, own, request) or _refuse_bare(at, own)
    published = at.list_files()
    archives = own or [file for file in published if is_archive(file.path)]
    chosen = own or _nearest(archives, files, request)
    split = _describe(at, tables, chosen, request)
    left = sorted({file.path for file in archives} - {file.path for file in chosen})
    if not left:
        return split
    told = f"left out: {len(left):,} archives of other splits or subsets, such as {left[0]!r}"
    warnings = (*split.warnings, told)
    return Split(split.shards, warnings, split.audio_column, split.text_column, layout=NAME)


def _refuse_split(at: RepositoryAt, files: Sequence[PublishedFile]) -> None:
    """Raise RequestInvalid if one of the archives is the last part of one."""
    paths = {file.path for file in files if is_archive(file.path)}
    for split in find_split_archives(file.path for file in at.list_files()):
        if split.whole in paths or not paths:
            raise split_error(f"{at.repo}@{at.commit[:7]}", split)


def _refuse_bare(at: RepositoryAt, archives: Sequence[PublishedFile]) -> NoReturn:
    raise RequestInvalid(
        f"{at.repo}@{at.commit[:7]}: no table names the members of {archives[0].path!r}",
        why=f"the split is {len(archives):,} archives, and no csv, tsv, JSON or parquet table beside "
        "them names the clips in them; tables inside archives are not read",
        mend="choose a revision that holds parquet files, or ask the dataset's owner to publish a "
        "table beside the archives, or tars as WebDataset",
    )


def describe_beside(
    at: RepositoryAt, archives: Sequence[PublishedFile], request: PlanRequest
) -> Split | None:
    """The split of archives of clips, by the tables beside them; None if there are none."""
    published = at.list_files()
    tables = [file for file in published if is_table(file.path)]
    chosen = [
        file
        for file in _nearest(tables, archives, request)
        if PurePosixPath(file.path).name not in _ABOUT
    ]
    try:
        return _describe(at, chosen, archives, request) if chosen else None
    except AmbiguousRows:
        raise
    except (RequestInvalid, ShardUnreadable):
        # A table of something else must not keep the tars from being read as what they are.
        return None


def count_rows(paths: Sequence[Path], shard: Shard) -> int:
    """The number of rows of a fetched archive; the log says what was left out of it."""
    detail, left_out = json.loads(shard.detail), LeftOut()
    table = _read_tables(paths, shard, detail)
    cuts = _cuts(table, shard, detail)
    rows = sum(len(lines) for lines, _, _ in _matches(paths, shard, detail, table, left_out, cuts))
    left_out.tell(shard.files[0].path)
    return rows


def read_rows(
    paths: Sequence[Path],
    shard: Shard,
    *,
    columns: Sequence[str] | None,
    is_wanted: Callable[[range], bool],
) -> Iterator[tuple[range, pa.RecordBatch]]:
    """The rows of a fetched archive in order; see `Layout`. Unwanted members are not read."""
    detail = json.loads(shard.detail)
    table = _read_tables(paths, shard, detail)
    names: Sequence[str] = detail["columns"] if columns is None else list(columns)
    has_audio = detail["audio"] in names
    words = _words(table, detail)
    lines: list[int] = []
    clips: list[dict[str, Any]] = []
    first, size = shard.first_row, 0

    def batch() -> tuple[range, pa.RecordBatch]:
        part = table.take(pa.array(lines, pa.int64()))
        arrays = [
            pa.array(clips, FILE_TYPE) if name == detail["audio"] else _column(part, name)
            for name in names
        ]
        found = range(first, first + len(lines)), pa.RecordBatch.from_arrays(arrays, list(names))
        lines.clear()
        clips.clear()
        return found

    cuts = _cuts(table, shard, detail)
    row = shard.first_row
    with Recordings(paths[0].parent, shard) as recordings:
        for meant, member, read in _matches(paths, shard, detail, table, LeftOut(), cuts):
            rows = range(row, row + len(meant))
            row = rows.stop
            kept = [at for at, each in enumerate(rows) if is_wanted(range(each, each + 1))]
            of_member = None if cuts is None else [cuts[line] for line in meant]
            opened = read if has_audio else None
            with _open_clip(recordings, opened, of_member, kept) as read_clip:
                for at, line in enumerate(meant):
                    is_kept = at in kept
                    is_full = len(lines) == BATCH_ROWS or size > BATCH_BYTES
                    if lines and (not is_kept or is_full):
                        yield batch()
                        size = 0
                    if not is_kept:
                        continue
                    first = first if lines else rows[at]
                    lines.append(line)
                    data = read_clip(at)
                    size += len(data or b"")
                    clips.append({"bytes": data, "path": member or words[line]})
    if lines:
        yield batch()
    if row - shard.first_row != shard.rows:
        raise unreadable(
            shard, f"it has {row - shard.first_row} rows, where {shard.rows} were counted"
        )


@contextmanager
def _open_clip(
    recordings: Recordings, read: Read | None, cuts: Sequence[Cut] | None, kept: Sequence[int]
) -> Iterator[Callable[[int], bytes | None]]:
    """Reads the clip of a row of one member, or its piece; the argument is a place in `cuts`.

    read: reads the member; None if it is not there, or not wanted.
    """
    if read is None or not kept:
        yield lambda at: None
    elif cuts is None:
        once = cache(read)
        yield lambda at: once()
    else:
        with recordings.cut(read(), cuts, kept) as pieces:
            yield pieces.read


def _cuts(table: pa.Table, shard: Shard, detail: Mapping[str, Any]) -> list[Cut] | None:
    """The time range of each line of the tables; None if rows are whole members."""
    ranges = Ranges.from_json(detail.get("ranges"))
    if ranges is None:
        return None
    try:
        return read_cuts(table, ranges, range(len(table)))
    except ValueError as error:
        raise unreadable(shard, str(error)) from error


def _describe(
    at: RepositoryAt,
    tables: Sequence[PublishedFile],
    archives: Sequence[PublishedFile],
    request: PlanRequest,
) -> Split:
    what = f"{at.repo}@{at.commit[:7]}"
    asked = request.audio_column if "audio_column" in request.asked else None
    form = form_of(request)
    said, key = form or ANY_FORM, form.key if form is not None else None
    members = _peek(at, archives[0])
    read, headers, source = [], [], None
    for file in tables:
        found = loose.fetch_table(at, file, form=said)
        is_key = key is not None and key in found.column_names
        has_header, column = True, key if is_key else _choose_column(found, members, asked)
        is_csv = said.header is None and file.path.endswith((".csv", ".tsv"))
        if is_csv and _is_row(found.column_names, members):
            bare = loose.fetch_table(at, file, has_header=False, form=said)
            column = _choose_column(bare, members, asked)
            has_header, found = column is None, found if column is None else bare
        read.append(found)
        headers.append(has_header)
        source = source or column
    if source is None:
        raise RequestInvalid(
            f"{what}: no column of {tables[0].path!r} names members of {archives[0].path!r}",
            why=f"it has the columns {', '.join(map(repr, read[0].column_names))}; the archive holds "
            f"members such as {in_a_line(members[0]) if members else 'none'!r}",
            mend="set audio_column to the column that names the clips",
        )
    try:
        paths = [file.path for file in tables]
        schema = join_schemas([table.schema for table in read], paths).remove_metadata()
    except TableUnreadable as error:
        raise RequestInvalid(
            f"{what}: the tables of the split do not go together",
            why=in_a_line(str(error)),
            mend="request a subset or split of one table, or report it to the dataset's owner",
        ) from error
    is_by_archive = _is_by_archive(read, source, archives)
    _refuse_ambiguous(at, read, source, archives, is_by_archive=is_by_archive)
    audio = asked or loose.AUDIO
    columns, rename = loose.place_audio(schema.names, source, audio)
    types = {rename.get(field.name, field.name): field.type for field in schema}
    types[audio] = FILE_TYPE
    planned = pa.schema([(name, types[name]) for name in columns])
    ranges = Ranges.of(request)
    if ranges is not None:
        for file, table in zip(tables, read, strict=True):
            fetched_cuts(at, file, table, ranges)
    detail = to_detail(
        {
            "tables": paths,
            "headers": headers,
            "from": source,
            "audio": audio,
            "columns": columns,
            "rename": rename,
            "is_alone": len(archives) == 1,
            **({"by_archive": True} if is_by_archive else {}),
            **table_form(form),
            **_to_detail(ranges, rename),
        }
    )
    shards = [Contents((archive, *tables), None, planned, detail) for archive in archives]
    lines = sum(map(len, read))
    warnings = [
        f"the column {in_a_line(source)!r} of {lines:,} rows names members of "
        f"{len(archives):,} archives"
    ]
    if ranges is not None:
        warnings.append("rows are time ranges of these members")
    if len(archives) > 1:
        warnings.append("rows whose clip is in none of the archives are left out")
    text = said.text if said.text in planned.names else None
    return Split(shards, tuple(warnings), audio, text, layout=NAME)


def _describe_inside(
    at: RepositoryAt, archives: Sequence[PublishedFile], form: TableForm, request: PlanRequest
) -> Split:
    """A shard for each archive, with the tables in it."""
    table = to_regexes(form.table, form, request)
    schema = peek_inner_tables(at, archives[0], table, form).remove_metadata()
    key = form.key or _name_key(schema.names)
    if key is None or key not in schema.names:
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: no column of the table in {archives[0].path!r} is the key",
            why=f"it has the columns {', '.join(map(repr, schema.names))}",
            mend="name in `source` the column that names the clips, as key: path",
        )
    asked = request.audio_column if "audio_column" in request.asked else None
    audio = asked or loose.AUDIO
    columns, rename = loose.place_audio(schema.names, key, audio)
    types = {rename.get(field.name, field.name): field.type for field in schema}
    types[audio] = FILE_TYPE
    planned = pa.schema([(name, types[name]) for name in columns])
    ranges = Ranges.of(request)
    if ranges is not None:
        refuse_missing(at, archives[0], schema, ranges.names)
    detail = {
        "from": key,
        "audio": audio,
        "columns": columns,
        "rename": rename,
        "is_alone": True,
        **table_form(form),
        **_to_detail(ranges, rename),
        "inside": {"table": table, "audio": to_regexes(form.audio, form, request)},
    }
    shards = [Contents((archive,), None, planned, to_detail(detail)) for archive in archives]
    told = (
        f"the column {in_a_line(key)!r} of the tables in the archives names their members",
        "a table in an archive is read when the archive is here",
    )
    text = form.text if form.text in planned.names else None
    return Split(shards, told, audio, text, layout=NAME)


def _to_detail(ranges: Ranges | None, rename: Mapping[str, str]) -> dict[str, Any]:
    """The columns of time ranges for a shard's detail, by their names after renaming."""
    if ranges is None:
        return {}
    told = {key: rename.get(value, value) for key, value in ranges.to_json().items()}
    return {"ranges": told}


def _name_key(names: Sequence[str]) -> str | None:
    return next((name for name in USUAL_NAMES if name in names), None)


def _read_inside(path: Path, shard: Shard, detail: Mapping[str, Any]) -> pa.Table:
    """The rows of the tables in an archive, with the planned names."""
    try:
        with disk_errors(path, "read"):
            table = read_inner_tables(path, shard.files[0].path, detail)
    except (TableUnreadable, ArchiveDamaged) as error:
        raise unreadable(shard, str(error)) from error
    rename = detail["rename"]
    table = table.rename_columns([rename.get(name, name) for name in table.column_names])
    key = rename.get(detail["from"], detail["from"])
    needed = [name for name in detail["columns"] if name != detail["audio"]]
    lacking = [name for name in (key, *needed) if name not in table.column_names]
    if lacking:
        raise unreadable(shard, f"its table lacks the column {lacking[0]!r}, which was planned")
    return table


def _refuse_ambiguous(
    at: RepositoryAt,
    tables: Sequence[pa.Table],
    source: str,
    archives: Sequence[PublishedFile],
    *,
    is_by_archive: bool,
) -> None:
    """Raise AmbiguousRows if members at the head of two archives are clips of one row.

    Each archive is a shard of its own, so the row would be made once for each of them.
    """
    if len(archives) == 1:
        return
    columns = (table.column(source) for table in tables if source in table.column_names)
    words = [word for column in columns for word in to_filenames(column)]
    lines_by_key = _lines_by_key(words)
    step = -(-len(archives) // _COMPARED_ARCHIVES)
    archive_by_line: dict[int, PublishedFile] = {}
    for archive in archives[::step]:
        whole = _without_ending(archive.path)
        meant: set[int] = set()
        for member in filter(is_clip, _peek(at, archive)):
            meant.update(_clip_lines(member, words, lines_by_key, whole, is_by_archive)[1])
        for line in sorted(meant):
            other = archive_by_line.setdefault(line, archive)
            if other is not archive:
                raise AmbiguousRows(
                    f"{at.repo}@{at.commit[:7]}: a row means clips in several archives",
                    why=f"{in_a_line(words[line] or '')!r} in the column {in_a_line(source)!r} is "
                    f"the name of a clip in {other.path!r} and of one in {archive.path!r}",
                    mend="ask the dataset's owner for a column that names the clips with their "
                    "folders or archives, or request a split or subset of one archive",
                )


def _lines_by_key(words: Sequence[str | None]) -> dict[str, list[int]]:
    """The lines of the tables by the names that their words may mean."""
    found: dict[str, list[int]] = {}
    for line, word in enumerate(words):
        for key in {*_keys(word)} if word else ():
            found.setdefault(key, []).append(line)
    return found


def _clip_lines(
    member: str,
    words: Sequence[str | None],
    lines_by_key: Mapping[str, list[int]],
    archive: str,
    is_by_archive: bool,
) -> tuple[list[int], list[int]]:
    """The lines that may mean a clip, and those of them that surely do.

    archive: its path without ending.
    """
    meant = _find_lines(member, words, lines_by_key)
    if is_by_archive:
        meant = [line for line in meant if _is_of(words[line] or "", member, archive)]
    return meant, _settle(meant, words, f"{archive}/{member}")


def _nearest(
    files: Sequence[PublishedFile], others: Sequence[PublishedFile], request: PlanRequest
) -> list[PublishedFile]:
    """Those of the files that belong to a split of `others`: by split, then by shared folders."""
    kept = [file for file in files if _split_of(file.path) in (None, _group(request.split))]
    named = [file for file in kept if _split_of(file.path) is not None]
    kept = sorted(named or kept, key=lambda file: file.path)
    folders = {part for other in others for part in PurePosixPath(other.path).parts[:-1]}
    folders |= {request.subset} if request.subset is not None else set()

    def shared(file: PublishedFile) -> int:
        return len(folders & {*PurePosixPath(file.path).parts[:-1]})

    most = max(map(shared, kept), default=0)
    return [file for file in kept if shared(file) == most]


def _group(word: str) -> frozenset[str]:
    return next((group for group in _KEYWORDS if word.lower() in group), frozenset({word}))


def _split_of(path: str) -> frozenset[str] | None:
    """The keywords of the split that a path names; None if it names none."""
    words = re.split(r"[-._ /0-9]+", path)
    found = [group for group in _KEYWORDS for word in words if word in group]
    return found[-1] if found else None


def _peek(at: RepositoryAt, archive: PublishedFile) -> list[str]:
    """Names of a few members, by ranged reads; empty if they cannot be had so."""
    remote: Any = at.hub.open_file(at.repo, at.commit, archive)
    lower = archive.path.lower()
    with remote, suppress(ArchiveDamaged, *ZIP_DAMAGED):
        if lower.endswith(".zip"):
            with zipfile.ZipFile(remote) as opened:
                return [entry.filename for entry in opened.infolist() if not entry.is_dir()]
        head: Any = remote
        size: int | None = archive.size_bytes
        most_bytes: int | None = None
        if not lower.endswith(".tar"):
            head = cast(Any, gzip.GzipFile(fileobj=io.BytesIO(remote.read(_PEEKED_BYTES))))
            size, most_bytes = None, most_unpacked(_PEEKED_BYTES)
        else:
            head = io.BufferedReader(remote, 128 << 10)
        names: list[str] = []
        with suppress(ArchiveDamaged, EOFError, zlib.error):
            members = islice(list_members(head, size, most_bytes), _PEEKED_MEMBERS)
            names.extend(member.name for member in members if member.kind == "file")
        return names
    return []


def _choose_column(table: pa.Table, members: Sequence[str], asked: str | None) -> str | None:
    """The column that names clips: the asked one, else the one that names most seen members."""
    texts = [name for name in table.column_names if is_text(table.schema.field(name).type)]
    if asked is not None and asked in texts:
        return asked
    clips = [name for name in members if is_clip(name)]
    known = {key for name in clips for key in _keys(name)}
    hits: Counter[str] = Counter()
    for name in texts:
        words = to_filenames(table.column(name))
        hits[name] = sum(word is not None and not known.isdisjoint(_keys(word)) for word in words)
    best: str | None = max(texts, key=lambda name: hits[name], default=None)
    if best is not None and hits[best]:
        return best
    return next((name for name in USUAL_NAMES if name in texts), None) if not clips else None


def _is_row(header: Sequence[str], members: Sequence[str]) -> bool:
    """Whether the first line of a table names a clip, so that it names no columns."""
    known = {key for name in members if is_clip(name) for key in _keys(name)}
    return any(is_clip(word) or not known.isdisjoint(_keys(word)) for word in header)


def _keys(word: str) -> tuple[str, str]:
    """The name of a file, and its name without ending."""
    name = PurePosixPath(word.replace("\\", "/")).name
    stem, dot, ending = name.rpartition(".")
    return name, stem if dot and is_clip(f"x.{ending}") else name


def _read_tables(paths: Sequence[Path], shard: Shard, detail: Mapping[str, Any]) -> pa.Table:
    """The rows of all tables, with the planned names, one below the other."""
    if "inside" in detail:
        return _read_inside(paths[0], shard, detail)
    read = []
    form = TableForm.from_json(detail.get("form", {}))
    tables = zip(paths[1:], detail["tables"], detail["headers"], strict=True)
    for path, name, has_header in tables:
        try:
            with disk_errors(path, "read"):
                read.append(read_table(path, name, has_header=has_header, form=form))
        except TableUnreadable as error:
            raise unreadable(shard, str(error)) from error
    schema = join_schemas([table.schema for table in read], detail["tables"])
    table = pa.concat_tables(
        [conform(each, schema) for each in read], promote_options="permissive"
    ).combine_chunks()
    rename = detail["rename"]
    return table.rename_columns([rename.get(name, name) for name in table.column_names])


def _words(table: pa.Table, detail: Mapping[str, Any]) -> list[str | None]:
    name = detail["from"]
    return to_filenames(table.column(detail["rename"].get(name, name)))


def _matches(
    paths: Sequence[Path],
    shard: Shard,
    detail: Mapping[str, Any],
    table: pa.Table,
    left_out: LeftOut,
    cuts: Sequence[Cut] | None = None,
) -> Iterator[tuple[Sequence[int], str | None, Read | None]]:
    """The rows of an archive, as (lines of the tables, their member, function that reads it).

    cuts: of each line; lines of one member are in their order.
    """
    words = _words(table, detail)
    lines_by_key, is_by_archive = _lines_by_key(words), bool(detail.get("by_archive"))
    is_taken = bytearray(len(words))
    archive = _without_ending(shard.files[0].path)
    is_inner = is_inner_clip(detail)
    try:
        with disk_errors(paths[0], "read"):
            for member, read in walk(paths[0], shard.files[0].path, left_out):
                if not is_clip(member):
                    left_out.add("are no audio files", member)
                    continue
                if not is_inner(member):
                    left_out.add("match no pattern of the source", member)
                    continue
                meant, lines = _clip_lines(member, words, lines_by_key, archive, is_by_archive)
                if not meant:
                    left_out.add("are in no row of the tables", member)
                elif not lines:
                    left_out.add("may be those of rows in several folders", member)
                free = [line for line in lines if not is_taken[line]]
                if lines and not free:
                    left_out.add("are named by rows that have a clip already", member)
                for line in free:
                    is_taken[line] = 1
                if cuts is not None:
                    free.sort(key=lambda line: cuts[line].order)
                if free:
                    yield free, member, _named(shard, read)
    except ArchiveDamaged as damaged:
        raise unreadable(shard, str(damaged)) from damaged
    if detail["is_alone"]:
        for line in range(len(words)):
            if not is_taken[line]:
                yield [line], None, None


def _named(shard: Shard, read: Read) -> Read:
    """Reads a member; raises ShardUnreadable if it is damaged."""

    def read_it() -> bytes:
        try:
            return read()
        except ArchiveDamaged as damaged:
            raise unreadable(shard, str(damaged)) from damaged

    return read_it


def _find_lines(
    member: str, words: Sequence[str | None], lines_by_key: Mapping[str, list[int]]
) -> list[int]:
    """The lines whose word means a member: by its name with ending, else without."""
    for key in _keys(member):
        found = [line for line in lines_by_key.get(key, ()) if _fits(member, words[line] or "")]
        if found:
            return found
    return []


def _without_ending(archive: str) -> str:
    return next(archive[: -len(end)] for end in _LONGEST_FIRST if archive.lower().endswith(end))


def _folders(word: str) -> list[str]:
    return word.replace("\\", "/").split("/")[:-1]


def _is_by_archive(
    tables: Sequence[pa.Table], source: str, archives: Sequence[PublishedFile]
) -> bool:
    """Whether folders in the words are names of archives, so that each has its own rows."""
    names = {PurePosixPath(_without_ending(file.path)).name for file in archives}
    columns = (table.column(source) for table in tables if source in table.column_names)
    words = (word for column in columns for word in to_filenames(column))
    found = {part for word in words if word for part in _folders(word) if part in names}
    return len(found) > 1


def _is_of(word: str, member: str, archive: str) -> bool:
    """Whether a word with more folders than the member has one that is the archive's name."""
    more = _folders(word)[: -member.count("/") or None]
    return len(_folders(word)) <= member.count("/") or PurePosixPath(archive).name in more


def _settle(lines: list[int], words: Sequence[str | None], whole: str) -> list[int]:
    """The lines that mean one clip; where they name several folders, those that fit `whole`.

    whole: the member's path below the archive's name.
    """
    if _is_one_clip(lines, words):
        return lines
    kept = [line for line in lines if _fits(whole, words[line] or "")]
    return kept if _is_one_clip(kept, words) else []


def _is_one_clip(lines: list[int], words: Sequence[str | None]) -> bool:
    """Whether the folders in the words go together, as far as each has some."""
    found = [words[line] or "" for line in lines]
    longest = max(found, key=lambda word: word.count("/") + word.count("\\"), default="")
    path = "/".join(part for part in longest.replace("\\", "/").split("/") if part not in ("", "."))
    return all(_fits(path, word) for word in found)


def _fits(member: str, word: str) -> bool:
    """Whether path and word agree as far as both have folders."""
    theirs = [part for part in word.replace("\\", "/").split("/") if part not in ("", ".")]
    ours = member.split("/")
    if ".." in theirs or ":" in word:
        return False
    shorter = min(len(theirs), len(ours))
    return ours[-shorter:-1] == theirs[-shorter:-1]


def _column(part: pa.Table, name: str) -> pa.Array:
    column = part.column(name).combine_chunks()
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
