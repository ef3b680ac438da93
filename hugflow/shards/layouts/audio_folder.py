"""Folders of audio files, with `metadata.csv`, `.jsonl` or `.parquet`, or without any table.

With metadata the rows are its lines, and `file_name` is relative to its folder. Metadata above the
folders of the splits, which `datasets` leaves out, is read for the clips of the split.

Without metadata each clip is a row, in the order of the paths. Its text is that of `<stem>.txt`
beside it, or its line in a `*.trans.txt` of its folder (LibriSpeech). If the clips are in several
folders of one depth, `label` is the folder's name.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Final

import pyarrow as pa

from hugflow.amounts import count
from hugflow.audio.cut import Cut
from hugflow.clients.repository import PublishedFile
from hugflow.redact import in_a_line
from hugflow.shards.arrow import FILE_TYPE
from hugflow.shards.layouts import loose, table
from hugflow.shards.layouts.captions import describe_captions
from hugflow.shards.layouts.clips import Clips, is_clip
from hugflow.shards.layouts.cut_rows import Ranges
from hugflow.shards.layouts.layout import SHARDS_AT_ONCE, RepositoryAt, Split, no_sample
from hugflow.shards.layouts.tables import LINES, folder_of
from hugflow.shards.layouts.unread_tables import warn_of_unread
from hugflow.shards.plan_request import PlanRequest, segments_of

native_reader: Final = None
read_rows = loose.read_rows
count_rows = table.count_rows
read_names = table.read_names

# The first format that is there is read.
METADATA: Final = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def takes(path: str) -> bool:
    """Whether a file is audio, or the metadata of audio, by its name."""
    return is_clip(path) or PurePosixPath(path).name in METADATA


def describe(at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest) -> Split:
    """The slices of the clips, with their metadata or transcripts; raises ShardUnreadable."""
    published = {file.path: file for file in at.list_files()}
    own = [file for file in files if is_clip(file.path)]
    asked = request.audio_column if "audio_column" in request.asked else None
    spec = segments_of(request)
    channel = spec.channel if spec is not None else None
    if spec is not None and spec.beside is not None:
        return describe_captions(at, own, published, spec.beside, channel, asked)
    inside = [file for file in files if not is_clip(file.path)]
    above = _find_above(own, published)
    tables = inside or above
    read = {file.path for file in tables}
    unread = warn_of_unread(published, read, METADATA, reads_texts=not tables)
    if not tables:
        split = _describe_bare(at, own, published, asked, channel)
        return Split(split.shards, (*split.warnings, *unread), split.audio_column)
    chosen, warnings = _one_format(tables)
    warnings += [
        f"left out: {file.path!r}, because {chosen[0].path!r} is in the split"
        for file in above
        if file not in tables
    ]
    warnings += unread
    if not inside:
        warnings.append(f"{chosen[0].path!r} is in no split; its rows are taken for these clips")
    clips = Clips.of(published)
    only = frozenset(file.path for file in own)
    split = table.describe_tables(
        at,
        chosen,
        clips,
        published,
        request.asked_audio,
        only=only,
        keeps_others=bool(inside),
        ranges=Ranges.of(request),
    )
    return Split(split.shards, (*warnings, *split.warnings), split.audio_column)


read_sample = no_sample


def _find_above(
    own: Sequence[PublishedFile], published: Mapping[str, PublishedFile]
) -> list[PublishedFile]:
    """Metadata of the repository in a folder above clips of the split."""
    folders = {folder for file in own for folder in _folders_above(file.path)}
    paths = (f"{folder}{name}" for folder in sorted(folders) for name in METADATA)
    return [published[path] for path in paths if path in published]


def _folders_above(path: str) -> Iterator[str]:
    yield ""
    for parent in PurePosixPath(path).parents:
        if parent.as_posix() != ".":
            yield f"{parent.as_posix()}/"


def _one_format(tables: Sequence[PublishedFile]) -> tuple[list[PublishedFile], list[str]]:
    """The tables of the first format, sorted by path, and a warning for the others."""
    names = {PurePosixPath(file.path).name for file in tables}
    # A card may give the tables other names.
    name = next(name for name in (*METADATA, *sorted(names)) if name in names)
    chosen = [file for file in tables if PurePosixPath(file.path).name == name]
    others = [file.path for file in tables if file not in chosen]
    warnings = [f"left out: {path!r}, because {name} is read" for path in others]
    return sorted(chosen, key=lambda file: file.path), warnings


def _describe_bare(
    at: RepositoryAt,
    own: Sequence[PublishedFile],
    published: Mapping[str, PublishedFile],
    asked: str | None,
    channel: int | None,
) -> Split:
    """The slices of clips without any table; channel: the one that is read, None for all."""
    values: dict[str, list[str | None]] = {}
    lines, left = _read_lines(at, own, published)
    texts = [published.get(f"{_stem(clip)}.txt") for clip in own]
    warnings = [f"there is no table: the rows are the {len(own):,} audio files, by path"]
    if any(texts) or any(line is not None for line in lines):
        values["text"] = lines
        empty = sum(
            not line if text is None else not text.size_bytes
            for text, line in zip(texts, lines, strict=True)
        )
        if empty:
            warnings.append(f"{empty:,} audio files have no transcript, or an empty one")
    warnings += [*left, *_warn_of_texts(own, published)]
    parents = [PurePosixPath(file.path).parent for file in own]
    if len({p.name for p in parents}) > 1 and len({len(p.parts) for p in parents}) == 1:
        values["label"] = [parent.name for parent in parents]
    audio = asked or loose.AUDIO
    values.pop(audio, None)
    cuts = [] if channel is None else [Cut("0", None, channel)] * len(own)
    files = {"text": texts} if "text" in values and any(texts) else {}
    rows = loose.Rows(len(own), clips=list(own), values=values, cuts=cuts, texts=files)
    columns = [audio, *values]
    schema = pa.schema([(audio, FILE_TYPE), *((name, pa.string()) for name in values)])
    return Split(list(loose.cut(rows, columns, {}, schema, audio)), tuple(warnings), audio)


def _warn_of_texts(
    own: Sequence[PublishedFile], published: Mapping[str, PublishedFile]
) -> list[str]:
    """A warning for texts in the folders of the clips that are beside no clip of their name."""
    folders = {folder_of(clip.path) for clip in own}
    stems = {path.rpartition(".")[0] for path in published if is_clip(path)}
    left = [
        path
        for path in published
        if path.endswith(".txt")
        and not path.endswith(LINES)
        and folder_of(path) in folders
        and path.removesuffix(".txt") not in stems
    ]
    if not left:
        return []
    named = f"{count(len(left), 'text file')} beside no audio file of the same name"
    return [f"left out: {named}, such as {in_a_line(min(left))!r}"]


def _stem(clip: PublishedFile) -> str:
    return clip.path.rpartition(".")[0]


def _read_lines(
    at: RepositoryAt, own: Sequence[PublishedFile], published: Mapping[str, PublishedFile]
) -> tuple[list[str | None], list[str]]:
    """The line of each clip in a `*.trans.txt` of its folder, None without one; and warnings."""
    folders = {folder_of(file.path) for file in own}
    listed = [path for path in published if path.endswith(LINES) and folder_of(path) in folders]
    with ThreadPoolExecutor(SHARDS_AT_ONCE, "texts") as pool:
        texts = pool.map(lambda path: loose.fetch_text(at, published[path]), listed)
        lines: dict[str, str] = {}
        twice: list[str] = []
        for path, text in zip(listed, texts, strict=True):
            # Not `splitlines`, which also ends a line at signs that a transcript may hold.
            for line in text.split("\n"):
                name, _, words = line.rstrip("\r").partition(" ")
                stem = f"{folder_of(path)}{name}"
                twice += [stem] if name and stem in lines else []
                lines[stem] = words
    stems = {path.rpartition(".")[0] for path in published if is_clip(path)}
    alone = [stem for stem in lines if stem not in stems and not stem.endswith("/") and stem]
    warnings = [
        f"left out: {count(len(left), 'line')} of {LINES[1:]} files {why}, such as that of "
        f"{in_a_line(min(left))!r}"
        for left, why in ((alone, "without an audio file"), (twice, "before others of their clip"))
        if left
    ]
    return [lines.get(_stem(clip)) for clip in own], warnings
