"""Tables: csv, tsv, JSON lines and JSON, with or without clips that their rows name.

The rows are those of the tables, sorted by path, then by line. If a column names audio files of the
repository, they are the rows' audio; else the dataset is text. The audio column is `audio`, or the
column that the request names. A row whose clip does not exist is a failed row.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

import pyarrow as pa

from hugflow.amounts import count
from hugflow.audio.cut import Cut
from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid
from hugflow.redact import in_a_line
from hugflow.requests.sources import TableForm
from hugflow.shards.arrow import is_text
from hugflow.shards.column_path import find_path, schema_tree
from hugflow.shards.layouts import loose
from hugflow.shards.layouts.clip_columns import TRIED_ROWS, choose_column
from hugflow.shards.layouts.clips import Clips, Same, is_clip
from hugflow.shards.layouts.cut_rows import (
    CUT_WARNING,
    Ranges,
    cut_rows,
    refuse_missing,
    warn_of_empty,
    warn_of_uncut,
)
from hugflow.shards.layouts.layout import Contents, RepositoryAt, Split, no_names, no_sample
from hugflow.shards.layouts.named_clips import FILE_NAME, NamedClips, find_asked, find_named
from hugflow.shards.layouts.other_clips import (
    find_others,
    find_words,
    refuse_nothing,
    single_column,
    warn_of_others,
    with_audio,
)
from hugflow.shards.layouts.table_file import TableFile, settle_tables
from hugflow.shards.layouts.tables import (
    ANY_FORM,
    TableUnreadable,
    is_table,
    join_schemas,
)
from hugflow.shards.plan import Shard
from hugflow.shards.plan_request import PlanRequest, form_of
from hugflow.shards.stems import FILENAME_COLUMN, iterate_filenames, to_filenames

# A table, the column that names its clips, whether its first line names columns, and its form.
_Opened: TypeAlias = tuple[TableFile, str | None, bool, TableForm]

# Fields of metadata that most audio folders have.
_PLAIN: Final = frozenset({(FILE_NAME,)})

native_reader: Final = None
read_names = no_names
read_sample = no_sample
read_rows = loose.read_rows


def takes(path: str) -> bool:
    """Whether the path is that of a table, by its name."""
    return is_table(path)


def describe(at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest) -> Split:
    """The slices of the tables, with the clips that their rows name; raises ShardUnreadable."""
    form = form_of(request)
    # The form of a request names its clips too; else they are those of the repository.
    names_clips = form is not None and bool(form.audio)
    own = [file for file in files if is_clip(file.path)] if names_clips else []
    listed = own if names_clips else at.list_files()
    published = {file.path: file for file in listed}
    clips = Clips.of(published)
    tables = sorted((file for file in files if file not in own), key=lambda file: file.path)
    return describe_tables(
        at, tables, clips, published, request.asked_audio, form=form, ranges=Ranges.of(request)
    )


def describe_tables(
    at: RepositoryAt,
    tables: Sequence[PublishedFile],
    clips: Clips,
    published: dict[str, PublishedFile],
    all_asked: Sequence[str],
    *,
    only: frozenset[str] | None = None,
    keeps_others: bool = True,
    form: TableForm | None = None,
    ranges: Ranges | None = None,
) -> Split:
    """The slices of some tables.

    all_asked: the audio columns that the request names, the main one first.
    only: the clips of the split, where the tables do not say it; clips in no row are told of these.
    keeps_others: whether rows with other clips, or none, belong to the split.
    form: what a recipe or the request says of the tables.
    ranges: the columns of the rows' time ranges; None for whole clips.
    """
    key = form.key if form is not None else None
    asked = next(iter(all_asked), None)
    parts: list[loose.Rows] = []
    missing, unclear, words = 0, list[Same](), list[loose.WordClip]()
    with ExitStack() as stack:
        said = replace(form or ANY_FORM, types=())
        if form is not None and key is not None:
            found = [_open_as_said(stack, at, table, said, key) for table in tables]
        else:
            folder, may_repeat = only is not None, ranges is not None
            found = [
                _open(stack, at, each, clips, asked, said, in_folder=folder, may_repeat=may_repeat)
                for each in tables
            ]
        keys = [FILENAME_COLUMN, *(column for _, column, *_ in found)]
        keys += [] if ranges is None else ranges.names
        fitting, unfit = settle_tables([opened for opened, *_ in found], form, keys)
        found = [
            (opened.typed(fitting), column, has_header, replace(told, types=fitting))
            for opened, column, has_header, told in found
        ]
        schema = _join(at, [opened.schema for opened, *_ in found], tables)
        source = next((column for _, column, *_ in found if column is not None), None)
        # With a key, a request may name the audio as it likes.
        is_new = key is not None and find_path(schema_tree(schema), asked or "") is None
        called = asked if asked == source or is_new else None
        audio = None if source is None else called or loose.AUDIO
        columns, rename = list(schema.names), dict[str, str]()
        if source is not None and audio is not None:
            columns, rename = loose.place_audio(schema.names, source, audio)
        fields = [each.with_name(rename.get(each.name, each.name)) for each in schema]
        others = [each for each in fields if each.name != source]
        more_asked = [rename.get(name, name) for name in all_asked if name not in (source, audio)]
        named = find_others(others, columns, more_asked, in_folder=only is not None)
        if ranges is not None:
            _refuse_uncut(at, source, more_asked)
            named = NamedClips()
        for file, (opened, column, has_header, own_form) in zip(tables, found, strict=True):
            # A table without that column may have one of another name.
            own = source if source in opened.schema.names else column or source
            read = _read_needed(at, file, opened, own, ranges)
            more = find_words(at, file, opened, named, rename, clips, published)
            kept: list[int] | None = None
            chosen: list[PublishedFile | None] = []
            meant: list[Same] = []
            if own is not None:
                meant = _find_clips(read, opened.rows, own, clips, file.path)
                chosen = [published[each[0]] if len(each) == 1 else None for each in meant]
            if only is not None and not keeps_others:
                kept = [row for row in range(opened.rows) if _is_of(only, chosen, more, row)]
                chosen = [chosen[row] for row in kept if chosen]
                meant = [meant[row] for row in kept if meant]
                more = [more[row] for row in kept if more]
            missing += meant.count(())
            unclear += [each for each in meant if len(each) > 1]
            cuts: list[Cut | None] = []
            if chosen and ranges is not None:
                refuse_missing(at, file.path, opened.schema, ranges.names)
                order, cuts = cut_rows(at, file, read, ranges, chosen, kept)
                chosen = [chosen[place] for place in order]
                meant = [meant[place] for place in order]
                kept = order if kept is None else [kept[place] for place in order]
            words += [each for row in more for each in row]
            rows = opened.rows if kept is None else len(kept)
            if rows:
                parts.append(
                    loose.Rows(
                        rows,
                        file,
                        has_header,
                        own,
                        chosen,
                        kept,
                        names=_names(read, rows, kept),
                        form=own_form,
                        cuts=cuts,
                        unclear={row: each for row, each in enumerate(meant) if len(each) > 1},
                        more=more,
                    )
                )
    planned = with_audio(fields, columns, audio, named)
    names = planned.names
    parted = (loose.cut(each, names, rename, planned, audio, named.names) for each in parts)
    shards = [shard for each in parted for shard in each]
    if only is not None and source is None:
        refuse_nothing(at, tables[0], named, words, sum(each.count for each in parts))
    warnings = (*_warnings(source, parts, missing, unclear, clips, only), *unfit)
    warnings += tuple(warn_of_others(named, words))
    warnings += tuple(warn_of_uncut(schema) if source is not None and ranges is None else ())
    warnings += tuple(warn_of_empty(at, [cut for part in parts for cut in part.cuts]))
    text = form.text if form is not None and form.text in names else None
    audio = audio or single_column(planned, named)
    return Split(shards or [Contents(tuple(tables), 0, planned)], warnings, audio, text)


def _refuse_uncut(at: RepositoryAt, source: str | None, others: Sequence[str]) -> None:
    """Raise RequestInvalid for time ranges of other clips than those of the main column."""
    if others:
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: segments cut one column of audio",
            why="no column names one clip a row"
            if source is None
            else f"it is {in_a_line(source)!r}, and the request names {in_a_line(others[0])!r}",
            mend="name one column in audio_column, or delete the line with segments",
        )


def count_rows(paths: Sequence[Path], shard: Shard) -> int:
    """Never called: rows are counted by the plan."""
    raise NotImplementedError


def _open_as_said(
    stack: ExitStack, at: RepositoryAt, file: PublishedFile, form: TableForm, key: str
) -> _Opened:
    """A table whose form is known; raises RequestInvalid if it lacks the column."""
    opened = stack.enter_context(loose.open_table(at, file, form=form))
    if key not in opened.schema.names:
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: {file.path!r} has no column {key!r}",
            why=f"`key` names it, and the table has {', '.join(map(repr, opened.schema.names))}",
            mend="write in `source` the key that the table has, or another header or delimiter",
        )
    return opened, key, True, form


def _open(
    stack: ExitStack,
    at: RepositoryAt,
    file: PublishedFile,
    clips: Clips,
    asked: str | None,
    form: TableForm,
    *,
    in_folder: bool,
    may_repeat: bool,
) -> _Opened:
    """A table, the column that names its clips, and how it is read.

    in_folder: whether it is the metadata of an audio folder.
    """

    def choose(opened: TableFile) -> str | None:
        fields = list(opened.schema)
        texts = [each.name for each in fields if is_text(each.type)]
        is_text_asked = asked in texts
        if in_folder and not is_text_asked and {*find_named(fields).names} - _PLAIN:
            # Its names say which fields name clips, as in `datasets`.
            return FILE_NAME if FILE_NAME in texts else None
        if asked is not None and not is_text_asked and find_asked(fields, [asked]).names:
            # Another field is asked for, so none is looked for.
            return FILE_NAME if in_folder and FILE_NAME in texts else None
        with loose.table_errors(at, file):
            head = opened.slice(0, TRIED_ROWS)
        return choose_column(head, clips, file.path, asked, may_repeat=may_repeat)

    opened = stack.enter_context(loose.open_table(at, file, form=form))
    column = choose(opened)
    # A header that names a clip is a row.
    is_row = any(clips.find_all(name, file.path) for name in opened.schema.names)
    if is_row and form.header is None and not file.path.endswith((".parquet", ".jsonl", ".json")):
        bare = stack.enter_context(loose.open_table(at, file, has_header=False, form=form))
        bare_column = choose(bare)
        if bare_column is not None:
            return bare, bare_column, False, form
    if column is None and form == ANY_FORM:
        for other in _other_forms(opened, file):
            inner = stack.enter_context(loose.open_table(at, file, form=other))
            inner_column = choose(inner)
            if inner_column is not None:
                return inner, inner_column, True, other
    return opened, column, True, form


def _other_forms(opened: TableFile, file: PublishedFile) -> Iterator[TableForm]:
    """The forms in which a JSON object may hold rows: those of its only list, or its fields."""
    if not file.path.lower().removesuffix(".gz").endswith(".json") or opened.rows != 1:
        return
    types = [field.type for field in opened.schema]
    lists = [
        field.name
        for field in opened.schema
        if pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type)
    ]
    if len(lists) == 1:
        # As `{"version": 1, "data": [{...}, {...}]}`.
        yield replace(ANY_FORM, field=lists[0])
    if all(map(pa.types.is_struct, types)):
        # As `{"utt1": {...}, "utt2": {...}}`.
        yield replace(ANY_FORM, is_keyed=True)


def _read_needed(
    at: RepositoryAt,
    file: PublishedFile,
    opened: TableFile,
    source: str | None,
    ranges: Ranges | None,
) -> pa.Table:
    """The columns of a table that the plan looks into."""
    needed = [source, FILENAME_COLUMN, *(() if ranges is None else ranges.names)]
    names = [name for name in dict.fromkeys(needed) if name in opened.schema.names]
    with loose.table_errors(at, file):
        return opened.read([name for name in names if name is not None])


def _names(read: pa.Table, count: int, kept: Sequence[int] | None) -> pa.Array:
    """The column `audio_filename` of the kept rows; nulls if there is none."""
    if FILENAME_COLUMN not in read.column_names:
        return pa.nulls(count, pa.large_string())
    column = read.column(FILENAME_COLUMN)
    column = column if kept is None else column.take(pa.array(kept, pa.int64()))
    return pa.array(to_filenames(column), pa.large_string())


def _join(
    at: RepositoryAt, schemas: Sequence[pa.Schema], tables: Sequence[PublishedFile]
) -> pa.Schema:
    try:
        return join_schemas(schemas, [table.path for table in tables]).remove_metadata()
    except TableUnreadable as error:
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: the tables of the split do not go together",
            why=in_a_line(str(error)),
            mend="request a subset or split of one table, or report it to the dataset's owner",
        ) from error


def _find_clips(read: pa.Table, rows: int, source: str, clips: Clips, table: str) -> list[Same]:
    """The clips that each row may mean."""
    if source not in read.column_names:
        return [()] * rows
    is_exact = source == FILE_NAME
    return [
        () if word is None else clips.find_all(word, table, is_exact=is_exact)
        for word in iterate_filenames(read.column(source))
    ]


def _is_of(
    only: Collection[str],
    chosen: Sequence[PublishedFile | None],
    more: Sequence[Sequence[loose.WordClip]],
    row: int,
) -> bool:
    """Whether a row is one of the split with these clips, by its own clip, else by the others."""
    if chosen:
        clip = chosen[row]
        return clip is not None and clip.path in only
    named = (each.clip for each in (more[row] if more else ()))
    return any(clip is not None and clip.path in only for clip in named)


def _warnings(
    source: str | None,
    parts: Sequence[loose.Rows],
    missing: int,
    unclear: Sequence[Same],
    clips: Clips,
    only: frozenset[str] | None,
) -> tuple[str, ...]:
    """What people should know: the column, rows without clips, clips without rows, repeats."""
    beside = (each.clip for part in parts for row in part.more for each in row)
    more = {clip.path for clip in beside if clip is not None}
    if source is None and not more:
        return ()
    told: list[str] = []
    if source is not None:
        told.append(f"the column {in_a_line(source)!r} names the clips, files of the repository")
    named = [clip.path for part in parts for clip in part.clips if clip is not None]
    if is_cut := any(part.cuts for part in parts):
        told.append(f"{CUT_WARNING} of {count(len(set(named)), 'recording')}, in their order")
    if missing:
        told.append(f"no audio file of the repository for {count(missing, 'row')}: they will fail")
    if unclear:
        told.append(
            f"{count(len(unclear), 'row')} may mean several audio files, such as "
            f"{' and '.join(map(repr, unclear[0][:2]))}: they will fail"
        )
    left = sorted((clips.paths if only is None else only) - set(named) - more)
    if left:
        told.append(f"left out: {count(len(left), 'audio file')} in no row, such as {left[0]!r}")
    if (twice := len(named) - len(set(named))) and not is_cut:
        told.append(f"{twice:,} rows name a clip that another row names too; all are made")
    return tuple(told)
