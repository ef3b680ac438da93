"""Clips that rows name beside the main ones, as the plan of tables finds them."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from hugflow.amounts import count
from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid
from hugflow.redact import in_a_line
from hugflow.shards.arrow import FILE_TYPE
from hugflow.shards.card_features import with_declared
from hugflow.shards.layouts.clips import Clips
from hugflow.shards.layouts.layout import RepositoryAt
from hugflow.shards.layouts.loose import WordClip, table_errors
from hugflow.shards.layouts.named_clips import (
    NamedClips,
    Place,
    audio_feature,
    audio_type,
    find_asked,
    find_named,
    list_words,
)
from hugflow.shards.layouts.table_file import TableFile
from hugflow.shards.stems import to_filenames


def find_others(
    fields: Sequence[pa.Field], taken: Collection[str], asked: Sequence[str], *, in_folder: bool
) -> NamedClips:
    """The fields in some columns that name clips: those of metadata, and the asked ones.

    taken: names of all columns. in_folder: whether they are metadata of an audio folder.
    """
    by_name = find_named(fields, taken) if in_folder else NamedClips()
    said = {by_name.audio_name(place) for place in by_name.names}
    by_request = find_asked(fields, [name for name in asked if name not in said])
    # A field that the request names by its published name keeps it.
    return NamedClips({**by_name.names, **by_request.names}, by_request.asked, by_name.odd)


def find_words(
    at: RepositoryAt,
    file: PublishedFile,
    opened: TableFile,
    named: NamedClips,
    rename: Mapping[str, str],
    clips: Clips,
    published: Mapping[str, PublishedFile],
) -> list[list[WordClip]]:
    """The words of each row of a table in these fields; empty if there is no such field.

    rename: of columns, from the table to the plan. Raises ShardUnreadable.
    """
    if not named.names:
        return []
    own = {rename.get(name, name): name for name in opened.schema.names}
    columns = sorted({place[0] for place in named.names} & own.keys())
    found: list[list[WordClip]] = [[] for _ in range(opened.rows)]
    with table_errors(at, file):
        table = opened.read([own[name] for name in columns])
    for name in columns:
        first = 0
        for chunk in table.column(own[name]).chunks:
            rows = np.arange(first, first + len(chunk))
            first += len(chunk)
            for place, words, inside in list_words(chunk, named.names, (name,), rows):
                is_exact = place not in named.asked
                for row, word in zip(inside.tolist(), to_filenames(words), strict=True):
                    if word:
                        meant = clips.find_all(word, file.path, is_exact=is_exact)
                        clip = published[meant[0]] if len(meant) == 1 else None
                        unclear = meant if len(meant) > 1 else ()
                        found[row].append(WordClip(place, word, clip, unclear))
    return found


def with_audio(
    fields: Sequence[pa.Field], columns: Sequence[str], audio: str | None, named: NamedClips
) -> pa.Schema:
    """The planned schema of these columns.

    audio: the column of the main clips. Other columns in which words name clips are declared as
    `datasets` declares them.
    """
    types = {each.name: audio_type(each.type, named.names, (each.name,)) for each in fields}
    if audio is not None:
        types[audio] = FILE_TYPE
    planned = pa.schema([(named.columns.get(name, name), types[name]) for name in columns])
    changed = {named.columns.get(place[0], place[0]) for place in named.names}
    features = {name: audio_feature(planned.field(name).type) for name in changed}
    known = {name: feature for name, feature in features.items() if feature is not None}
    return with_declared(planned, known) if known else planned


def single_column(planned: pa.Schema, named: NamedClips) -> str | None:
    """The column of one clip a row, if there is a single one."""
    columns = named.columns.values()
    single = [name for name in columns if planned.field(name).type == FILE_TYPE]
    return single[0] if len(single) == 1 else None


def warn_of_others(named: NamedClips, words: Sequence[WordClip]) -> Iterator[str]:
    """What people should know of the fields and their words."""
    by_place: dict[Place, list[WordClip]] = {}
    for each in words:
        by_place.setdefault(each.place, []).append(each)
    for place in named.names:
        said, audio = (repr(in_a_line(name)) for name in (".".join(place), named.audio_name(place)))
        yield f"the field {said} names clips" + ("" if said == audio else f": they are {audio}")
        own = by_place.get(place, [])
        if missing := sum(each.clip is None and not each.unclear for each in own):
            yield f"no audio file of the repository for {count(missing, 'word')} in {said}"
        if unclear := [each for each in own if each.unclear]:
            names = " and ".join(repr(in_a_line(path)) for path in unclear[0].unclear[:2])
            yield (
                f"{count(len(unclear), 'word')} in {said} may mean several audio files, such as {names}"
            )
    yield from (f"the field {why}" for why in named.odd)


def refuse_nothing(
    at: RepositoryAt,
    table: PublishedFile,
    named: NamedClips,
    words: Sequence[WordClip],
    rows: int,
) -> None:
    """Raise RequestInvalid if metadata of an audio folder has no column of clips, and no clip.

    rows: of the split, in all of its tables.
    """
    if any(each.clip is not None or each.unclear for each in words) or (named.names and not rows):
        return
    if words:
        why = (
            f"none of the {count(len(words), 'name')} in {in_a_line('.'.join(words[0].place))!r} "
            f"is that of a file beside it, such as {in_a_line(words[0].word)!r}"
        )
    elif named.names:
        why = f"no row has a name in {in_a_line('.'.join(next(iter(named.names))))!r}"
    elif named.odd:
        why = f"the field {named.odd[0]}"
    else:
        why = (
            "it has no field `file_name` or `file_names`, and no other column names files of the "
            "repository"
        )
    raise RequestInvalid(
        f"{at.repo}@{at.commit[:7]}: {table.path!r} names no audio file",
        why=why,
        mend="report it to the dataset's owner, or request a subset or revision whose metadata "
        "names its files",
    )
