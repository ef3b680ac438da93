"""Planning tables beside or inside archives: the archives of a split, and what names their members.

`table_archives` says what a shard is, and reads it.
"""

import gzip
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final, NoReturn, TypeVar, cast

import pyarrow as pa

from hugflow.amounts import count
from hugflow.audio.cut import Cut
from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid, ShardUnreadable
from hugflow.redact import in_a_line
from hugflow.requests.sources import TableForm
from hugflow.shards.arrow import FILE_TYPE, is_text
from hugflow.shards.column_path import find_path, schema_tree
from hugflow.shards.layouts import loose
from hugflow.shards.layouts.archives import (
    BOUNDED_METHODS,
    ENCRYPTED,
    ZIP_DAMAGED,
    ArchiveEncrypted,
    ArchiveUnread,
    most_unpacked,
    open_zip,
)
from hugflow.shards.layouts.audio_folder import METADATA
from hugflow.shards.layouts.clip_columns import USUAL_NAMES, Tally, looks_like_file, surest_first
from hugflow.shards.layouts.clips import is_clip
from hugflow.shards.layouts.cut_rows import Ranges, fetched_cuts, refuse_missing, warn_of_empty
from hugflow.shards.layouts.inner_tables import (
    peek_inner_tables,
)
from hugflow.shards.layouts.layout import (
    Contents,
    RepositoryAt,
    Split,
)
from hugflow.shards.layouts.member_words import (
    WordLines,
    are_by_archive,
    clip_lines,
    name_keys,
    without_ending,
)
from hugflow.shards.layouts.named_clips import FILE_NAME, find_named
from hugflow.shards.layouts.published_archives import (
    PublishedArchive,
    archives_of,
    check_parts,
    find_archives,
    open_archive,
    tell_parts,
)
from hugflow.shards.layouts.registry import LAYOUTS
from hugflow.shards.layouts.spanned_zip import DirectoryTooLarge
from hugflow.shards.layouts.split_archives import find_split_archives, is_part, split_error
from hugflow.shards.layouts.table_file import TableFile, settle_tables
from hugflow.shards.layouts.tables import (
    ANY_FORM,
    LINES,
    NO_TABLES,
    TableUnreadable,
    is_table,
    join_schemas,
    table_form,
)
from hugflow.shards.layouts.tar_members import ArchiveDamaged, list_members, plain_name
from hugflow.shards.patterns import to_regexes
from hugflow.shards.plan import to_detail
from hugflow.shards.plan_request import PlanRequest, form_of
from hugflow.shards.stems import FILENAME_COLUMN, iterate_filenames, to_filenames

NAME: Final = "table_archives"
_File = TypeVar("_File", PublishedFile, PublishedArchive)
_KEYWORDS: Final = (
    frozenset({"train", "training"}),
    frozenset({"validation", "valid", "dev", "val"}),
    frozenset({"test", "testing", "eval", "evaluation"}),
)
# LibriSpeech: lines of a key and a text, in the folders of the clips.
_TRANSCRIPTS: Final = TableForm(
    table=(f"**/*{LINES}",), audio=("**",), inside=True, format="lines", key="id", text="text"
)
_NOT_INSIDE: Final = "names clips, too, which are read only where they are files of the repository"
_PEEKED_BYTES: Final = 4 << 20
_PEEKED_MEMBERS: Final = 200
# Of several archives, so many are compared before any is fetched.
_COMPARED_ARCHIVES: Final = 16


class AmbiguousRows(RequestInvalid):
    """One row of a table means clips in several archives."""


class ArchiveRefused(RequestInvalid):
    """An archive that is not read: its directory is too large, or its members are packed so."""


def describe(at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest) -> Split:
    """A shard for each archive that fits the split; raises ShardUnreadable and RequestInvalid."""
    published = at.list_files()
    own = archives_of(files, published)
    form = form_of(request)
    if form is not None and form.inside:
        return _describe_inside(at, _checked(at, own), form, request)
    parts = {file.path for archive in own for file in archive.files}
    tables = sorted((f for f in files if f.path not in parts), key=lambda file: file.path)
    _refuse_lone(at, tables)
    if not tables:
        beside, left_out = describe_beside(at, files, request)
        if beside is not None:
            return beside
        bare = _describe_bare(at, own, request)
        return replace(bare, warnings=(*left_out, *bare.warnings))
    archives = own or find_archives(published)
    chosen = own or _nearest(archives, tables, request)
    _refuse_unread(at, chosen)
    _checked(at, chosen)
    split = _describe(at, tables, chosen, request)
    left = sorted({file.path for file in archives} - {file.path for file in chosen})
    if not left:
        return split
    told = (
        f"left out: {count(len(left), 'archive')} of other splits or subsets, such as {left[0]!r}"
    )
    warnings = (*split.warnings, told)
    return replace(split, warnings=warnings)


def _refuse_unread(at: RepositoryAt, archives: Sequence[PublishedArchive]) -> None:
    """Raise RequestInvalid if there are no archives except parts of ones that are not read."""
    split = find_split_archives(file.path for file in at.list_files())
    if not archives and split:
        raise split_error(f"{at.repo}@{at.commit[:7]}", split[0])


def _refuse_lone(at: RepositoryAt, files: Sequence[PublishedFile]) -> None:
    """Raise RequestInvalid if a file that belongs to no archive has the name of a part."""
    for file in files:
        if is_part(file.path):
            raise RequestInvalid(
                f"{at.repo}@{at.commit[:7]}: {in_a_line(file.path)!r} is one part of an archive",
                why="no other part is published, and all of them are needed",
                mend="choose a revision that holds all parts, or request a split without this file",
            )


def _checked(at: RepositoryAt, archives: Sequence[PublishedArchive]) -> Sequence[PublishedArchive]:
    """The archives; raises RequestInvalid if a part of one is missing or out of order."""
    for archive in archives:
        check_parts(at, archive)
    return archives


def _describe_bare(
    at: RepositoryAt, archives: Sequence[PublishedArchive], request: PlanRequest
) -> Split:
    """The split of archives without a table beside them: by the one inside, else of their clips.

    Raises RequestInvalid if there is a table in them that is not known, or no clip.
    """
    members = [member for member in map(plain_name, _peek(at, archives[0])) if "." in member]
    clips = {member.rpartition(".")[0] for member in members if is_clip(member)}
    tables = [
        member
        for member in members
        if is_table(member) and member.rpartition(".")[0] not in clips and _is_seen(member)
    ]
    names = {PurePosixPath(member).name for member in tables}
    if metadata := [name for name in METADATA if name in names]:
        found = [member for member in tables if PurePosixPath(member).name == metadata[0]]
        # In a folder: with several, names of clips are relative to each, and not told apart.
        is_inner = len(found) == 1 and found[0] != metadata[0]
        pattern = f"**/{metadata[0]}" if is_inner else metadata[0]
        form = TableForm(table=(pattern,), audio=("**",), inside=True)
        return _describe_inside(at, archives, form, request)
    if any(member.endswith(LINES) for member in members):
        return _describe_inside(at, archives, _TRANSCRIPTS, request)
    if tables or not clips:
        _refuse_bare(at, archives)
    files = [file for archive in archives for file in archive.files]
    name = "webdataset" if request.segments is None else "webdataset_cut"
    split = LAYOUTS[name].describe(at, files, request)
    told = "there is no table: the rows are the clips in the archives, in the layout webdataset"
    return replace(split, warnings=(told, *split.warnings), layout=split.layout or name)


def _is_seen(member: str) -> bool:
    name = PurePosixPath(member).name
    return name not in NO_TABLES and not name.startswith(".") and "__MACOSX" not in member


def _refuse_bare(at: RepositoryAt, archives: Sequence[PublishedArchive]) -> NoReturn:
    raise RequestInvalid(
        f"{at.repo}@{at.commit[:7]}: no table names the members of {archives[0].path!r}",
        why=f"the split is {len(archives):,} archives, and no csv, tsv, JSON or parquet table beside "
        "them names the clips in them; tables inside archives are read only if `source` names them",
        mend='if a table is in the archives, write `source: {table: metadata.csv, audio: "**", '
        "inside: true}` with its name; else choose a revision that holds parquet files, or ask the "
        "dataset's owner for a table beside the archives, or for tars as WebDataset",
    )


def describe_beside(
    at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest
) -> tuple[Split | None, tuple[str, ...]]:
    """The split of archives of clips, by the tables beside them, and warnings.

    None if there are none, or if they do not go with the archives; a warning says so then.
    """
    published = at.list_files()
    archives = _checked(at, archives_of(files, published))
    tables = [file for file in published if is_table(file.path)]
    chosen = [
        file
        for file in _nearest(tables, archives, request)
        if PurePosixPath(file.path).name not in NO_TABLES
    ]
    try:
        return (_describe(at, chosen, archives, request) if chosen else None), ()
    except (AmbiguousRows, ArchiveRefused):
        raise
    except (RequestInvalid, ShardUnreadable) as error:
        # A table of something else must not keep the tars from being read as what they are.
        is_unread = isinstance(error, ShardUnreadable)
        why = f"one cannot be read: {error.why}" if is_unread else error.what.partition(": ")[2]
        told = (
            f"left out: {count(len(chosen), 'table')} beside the archives, such as "
            f"{in_a_line(chosen[0].path)!r}, because {in_a_line(why)}"
        )
        return None, (told,)


def _describe(
    at: RepositoryAt,
    tables: Sequence[PublishedFile],
    archives: Sequence[PublishedArchive],
    request: PlanRequest,
) -> Split:
    what = f"{at.repo}@{at.commit[:7]}"
    asked = next(iter(request.asked_audio), None)
    form = form_of(request)
    said, key = replace(form or ANY_FORM, types=()), form.key if form is not None else None
    members = _peek(at, archives[0])
    opened: list[TableFile] = []
    headers: list[bool] = []
    source: str | None = None
    ranges = Ranges.of(request)
    stack = ExitStack()
    with stack:
        for file in tables:
            found, column, has_header = _open(
                stack, at, file, said, key, members, asked, may_repeat=ranges is not None
            )
            opened.append(found)
            headers.append(has_header)
            source = source or column
        if source is None:
            raise RequestInvalid(
                f"{what}: no column of {tables[0].path!r} names members of {archives[0].path!r}",
                why=f"it has the columns {', '.join(map(repr, opened[0].schema.names))}; the archive "
                f"holds members such as {in_a_line(members[0]) if members else 'none'!r}",
                mend="set audio_column to the column that names the clips",
            )
        keys = [FILENAME_COLUMN, source, *(() if ranges is None else ranges.names)]
        fitting, unfit = settle_tables(opened, form, keys)
        opened = [each.typed(fitting) for each in opened]
        form = replace(said, types=fitting) if form is not None else None
        read = [
            _read_needed(at, file, table, source, ranges)
            for file, table in zip(tables, opened, strict=True)
        ]
    try:
        paths = [file.path for file in tables]
        schema = join_schemas([table.schema for table in opened], paths).remove_metadata()
    except TableUnreadable as error:
        raise RequestInvalid(
            f"{what}: the tables of the split do not go together",
            why=in_a_line(str(error)),
            mend="request a subset or split of one table, or report it to the dataset's owner",
        ) from error
    is_by_archive = are_by_archive(read, source, [archive.path for archive in archives])
    _refuse_ambiguous(at, read, source, archives, is_by_archive=is_by_archive)
    audio = _choose_audio(at, request, source, schema, has_key=key is not None)
    columns, rename = loose.place_audio(schema.names, source, audio)
    types = {rename.get(field.name, field.name): field.type for field in schema}
    types[audio] = FILE_TYPE
    planned = pa.schema([(name, types[name]) for name in columns])
    cuts: list[Cut] = []
    if ranges is not None:
        for file, table in zip(tables, read, strict=True):
            cuts += fetched_cuts(at, file, table, ranges)
    detail = {
        "tables": paths,
        "headers": headers,
        "from": source,
        "audio": audio,
        "columns": columns,
        "rename": rename,
        "is_alone": len(archives) == 1,
        **({"lines": [table.rows for table in opened]} if len(archives) > 1 else {}),
        **({"by_archive": True} if is_by_archive else {}),
        **table_form(form),
        **_to_detail(ranges, rename),
    }
    shards = [
        Contents(
            (*archive.files, *tables), None, planned, to_detail({**detail, **_to_parts(archive)})
        )
        for archive in archives
    ]
    lines = sum(table.rows for table in opened)
    warnings = [
        f"the column {in_a_line(source)!r} of {count(lines, 'row')} names members of "
        f"{count(len(archives), 'archive')}"
    ]
    warnings += [*tell_parts(archives), *unfit]
    if ranges is not None:
        warnings += ["rows are time ranges of these members", *warn_of_empty(at, cuts)]
    if len(archives) > 1:
        warnings.append(
            "rows whose clip is in none of the archives are left out; the manifest counts them "
            "as rows.unmatched"
        )
    text = said.text if said.text in planned.names else None
    listed_rows = lines if len(archives) > 1 else None
    return Split(shards, tuple(warnings), audio, text, layout=NAME, listed_rows=listed_rows)


def _describe_inside(
    at: RepositoryAt, archives: Sequence[PublishedArchive], form: TableForm, request: PlanRequest
) -> Split:
    """A shard for each archive, with the tables in it."""
    table = to_regexes(form.table, form, request)
    schema = peek_inner_tables(at, archives[0], table, form).remove_metadata()
    texts = [field.name for field in schema if is_text(field.type)]
    asked = next((name for name in request.asked_audio[:1] if name in texts), None)
    others = _other_fields(schema)
    key = form.key or asked or _name_key([FILE_NAME] if others else schema.names)
    if key is None or key not in schema.names:
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: no column of the table in {archives[0].path!r} is the key",
            why=f"it has the columns {', '.join(map(repr, schema.names))}"
            + (f"; {others[0]!r} {_NOT_INSIDE}" if others else ""),
            mend="name in `source` the column that names the clips, as key: path",
        )
    audio = _choose_audio(at, request, key, schema, has_key=form.key is not None)
    columns, rename = loose.place_audio(schema.names, key, audio)
    types = {rename.get(field.name, field.name): field.type for field in schema}
    types[audio] = FILE_TYPE
    planned = pa.schema([(name, types[name]) for name in columns])
    ranges = Ranges.of(request)
    if ranges is not None:
        refuse_missing(at, archives[0].path, schema, ranges.names)
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
    shards = [
        Contents(archive.files, None, planned, to_detail({**detail, **_to_parts(archive)}))
        for archive in archives
    ]
    told = (
        f"the column {in_a_line(key)!r} of the tables in the archives names their members",
        "a table in an archive is read when the archive is here",
        *(f"the field {name!r} stays as it is: it {_NOT_INSIDE}" for name in others),
        *tell_parts(archives),
    )
    text = form.text if form.text in planned.names else None
    return Split(shards, told, audio, text, layout=NAME)


def _other_fields(schema: pa.Schema) -> list[str]:
    """Fields of metadata that name clips beside `file_name`, for people."""
    places = find_named([field for field in schema if field.name != FILE_NAME]).names
    return [in_a_line(".".join(place)) for place in places]


def _choose_audio(
    at: RepositoryAt, request: PlanRequest, source: str, schema: pa.Schema, *, has_key: bool
) -> str:
    """What the audio column is called; raises RequestInvalid if the request names another one.

    source: the column that names members. has_key: whether the request, or a recipe, names it as
    `key`; the request may call the audio as it likes then.
    """
    asked = request.asked_audio
    main = next(iter(asked), loose.AUDIO)
    is_new = has_key and find_path(schema_tree(schema), main) is None
    audio = main if main == source or is_new else loose.AUDIO
    if others := [name for name in asked if name not in (source, audio)]:
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: no audio column {others[0]!r}",
            why=f"the column {in_a_line(source)!r} names members of archives; of such columns one is read",
            mend=f"set audio_column: {audio!r}",
        )
    return audio


def _to_detail(ranges: Ranges | None, rename: Mapping[str, str]) -> dict[str, Any]:
    """The columns of time ranges for a shard's detail, by their names after renaming."""
    if ranges is None:
        return {}
    told = {key: rename.get(value, value) for key, value in ranges.to_json().items()}
    return {"ranges": told}


def _to_parts(archive: PublishedArchive) -> dict[str, Any]:
    """What a shard's detail says of an archive in parts."""
    parts = len(archive.files)
    return {} if archive.split is None else {"archive": archive.path, "parts": parts}


def _name_key(names: Sequence[str]) -> str | None:
    return next((name for name in USUAL_NAMES if name in names), None)


def _refuse_ambiguous(
    at: RepositoryAt,
    tables: Sequence[pa.Table],
    source: str,
    archives: Sequence[PublishedArchive],
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
    word_lines = WordLines(words)
    step = -(-len(archives) // _COMPARED_ARCHIVES)
    archive_by_line: dict[int, PublishedArchive] = {}
    for archive in archives[::step]:
        whole = without_ending(archive.path)
        meant: set[int] = set()
        for member in filter(is_clip, _peek(at, archive)):
            meant.update(clip_lines(member, words, word_lines, whole, is_by_archive)[1])
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


def _nearest(
    files: Sequence[_File],
    others: Sequence[PublishedFile] | Sequence[PublishedArchive],
    request: PlanRequest,
) -> list[_File]:
    """Those of the files that belong to a split of `others`: by split, then by shared folders."""
    kept = [file for file in files if _split_of(file.path) in (None, _group(request.split))]
    named = [file for file in kept if _split_of(file.path) is not None]
    kept = sorted(named or kept, key=lambda file: file.path)
    folders = {part for other in others for part in PurePosixPath(other.path).parts[:-1]}
    folders |= {request.subset} if request.subset is not None else set()

    def shared(file: _File) -> int:
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


def _peek(at: RepositoryAt, archive: PublishedArchive) -> list[str]:
    """Names of a few members, by ranged reads; empty if they cannot be had so.

    Raises ArchiveRefused for a zip whose directory is too large, and for one whose members cannot be
    unpacked.
    """
    try:
        return _peek_names(at, archive)
    except DirectoryTooLarge as large:
        raise ArchiveRefused(
            f"{at.repo}@{at.commit[:7]}: {in_a_line(archive.path)!r} is not read",
            why=in_a_line(str(large)),
            mend="ask the dataset's owner to publish the clips as several zips, or as tars",
        ) from large
    except ArchiveEncrypted as encrypted:
        raise ArchiveRefused(
            f"{at.repo}@{at.commit[:7]}: {in_a_line(archive.path)!r} cannot be read",
            why=str(encrypted),
            mend="ask the dataset's owner to publish it without a password, or choose a revision or "
            "split without it",
        ) from encrypted
    except ArchiveUnread as unread:
        raise ArchiveRefused(
            f"{at.repo}@{at.commit[:7]}: {in_a_line(archive.path)!r} cannot be read",
            why=str(unread),
            mend="ask the dataset's owner to pack it by deflate, as most programs do, or as a tar; or "
            "pack it so yourself, and read it with `hugflow import`",
        ) from unread
    except (ArchiveDamaged, *ZIP_DAMAGED):
        return []


def _peek_names(at: RepositoryAt, archive: PublishedArchive) -> list[str]:
    lower = archive.path.lower()
    with open_archive(at, archive) as remote:
        if lower.endswith(".zip"):
            with open_zip(remote) as opened:
                entries = opened.infolist()
                if any(entry.flag_bits & ENCRYPTED for entry in entries):
                    raise ArchiveEncrypted
                methods = {each.compress_type for each in entries if is_clip(each.filename)}
                if methods and methods.isdisjoint(BOUNDED_METHODS):
                    raise ArchiveUnread
                return [entry.filename for entry in entries if not entry.is_dir()]
        head: BinaryIO = remote
        size: int | None = archive.size_bytes
        most_bytes: int | None = None
        if not lower.endswith(".tar"):
            head = cast(BinaryIO, gzip.GzipFile(fileobj=io.BytesIO(remote.read(_PEEKED_BYTES))))
            size, most_bytes = None, most_unpacked(_PEEKED_BYTES)
        else:
            head = cast(BinaryIO, io.BufferedReader(cast(Any, remote), 128 << 10))
        names: list[str] = []
        with suppress(ArchiveDamaged, EOFError, zlib.error):
            members = islice(list_members(head, size, most_bytes), _PEEKED_MEMBERS)
            names.extend(member.name for member in members if member.kind == "file")
        return names


def _open(
    stack: ExitStack,
    at: RepositoryAt,
    file: PublishedFile,
    said: TableForm,
    key: str | None,
    members: Sequence[str],
    asked: str | None,
    *,
    may_repeat: bool,
) -> tuple[TableFile, str | None, bool]:
    """A table, the column that names members, and whether its first line names the columns."""
    found = stack.enter_context(loose.open_table(at, file, form=said))
    with loose.table_errors(at, file):
        is_key = key is not None and key in found.schema.names
        column = key if is_key else _choose_column(found, members, asked, may_repeat=may_repeat)
        is_csv = said.header is None and file.path.endswith((".csv", ".tsv"))
        if not is_csv or not _is_row(found.schema.names, members):
            return found, column, True
    bare = stack.enter_context(loose.open_table(at, file, has_header=False, form=said))
    column = _choose_column(bare, members, asked, may_repeat=may_repeat)
    return (found, column, True) if column is None else (bare, column, False)


def _read_needed(
    at: RepositoryAt, file: PublishedFile, opened: TableFile, source: str, ranges: Ranges | None
) -> pa.Table:
    """The columns of a table that the plan looks into."""
    if ranges is not None:
        refuse_missing(at, file.path, opened.schema, ranges.names)
    needed = dict.fromkeys([source, *(() if ranges is None else ranges.names)])
    with loose.table_errors(at, file):
        return opened.read([name for name in needed if name in opened.schema.names])


def _choose_column(
    table: TableFile, members: Sequence[str], asked: str | None, *, may_repeat: bool
) -> str | None:
    """The column that names clips: the asked one, else the surest by the seen members."""
    texts = [field.name for field in table.schema if is_text(field.type)]
    if asked is not None and asked in texts:
        return asked
    clips = [name for name in members if is_clip(name)]
    if not clips:
        return _name_key(texts)
    known = {key for name in clips for key in name_keys(name)}
    tallies = {name: Tally() for name in texts}
    for name, tally in tallies.items():
        for part in table.parts([name]):
            for word in iterate_filenames(part.column(name)):
                if word is not None:
                    is_hit = not known.isdisjoint(name_keys(word))
                    tally.add(word, is_hit=is_hit, is_exact=is_hit and looks_like_file(word))
    sure = {
        name: each for name, each in tallies.items() if each.is_sure(name, may_repeat=may_repeat)
    }
    best = next(iter(surest_first(sure)), None)
    return best if best is not None and sure[best].hits else None


def _is_row(header: Sequence[str], members: Sequence[str]) -> bool:
    """Whether the first line of a table names a clip, so that it names no columns."""
    known = {key for name in members if is_clip(name) for key in name_keys(name)}
    return any(is_clip(word) or not known.isdisjoint(name_keys(word)) for word in header)
