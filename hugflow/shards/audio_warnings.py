"""What a plan says of audio that is in the dataset, and of which no MP3s are made."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

import pyarrow as pa

from hugflow.clients.repository import Repository
from hugflow.redact import in_a_line
from hugflow.shards.arrow import FILE_TYPE, is_list, is_text
from hugflow.shards.column_path import list_fields, schema_tree
from hugflow.shards.declared import declared_features
from hugflow.shards.features import is_certain_audio

_SUFFIXES: Final = frozenset(
    {
        ".wav",
        ".mp3",
        ".flac",
        ".ogg",
        ".opus",
        ".m4a",
        ".aif",
        ".aiff",
        ".au",
        ".caf",
        ".sph",
        ".w64",
    }
)
# What columns that name files are usually called, in part.
_USUAL_PARTS: Final = ("path", "file", "audio", "clip", "wav")


def audio_columns(schema: pa.Schema) -> Iterator[str]:
    """The columns that certainly hold audio."""
    declared = declared_features(schema)
    return (each.name for each in schema if is_certain_audio(each.type, declared.get(each.name)))


def audio_fields(schema: pa.Schema) -> Iterator[str]:
    """The fields inside columns that certainly hold audio, by their names with dots."""
    declared = declared_features(schema)
    for each in schema:
        yield from _audio_inside(each.name, each.type, declared.get(each.name))


def listed_audio(schema: pa.Schema) -> Iterator[str]:
    """The fields that hold audio inside lists of structs or lists, by their names with dots."""
    for field in schema:
        yield from _listed_audio(field.name, field.type, is_listed=False)


def may_name_files(found: Any) -> bool:
    """Whether a field of a tree holds words, or lists of words."""
    inner = found.value_type if isinstance(found, pa.DataType) and is_list(found) else found
    return isinstance(inner, pa.DataType) and is_text(inner)


def audio_warnings(
    repository: Repository, schema: pa.Schema, made: Sequence[str]
) -> tuple[str, ...]:
    """Warnings for audio beside the columns `made`, or for a text-only dataset with audio files."""
    listed = [name for name in listed_audio(schema) if name.split(".")[0] not in made]
    if listed:
        named = ", ".join(repr(in_a_line(name)) for name in listed)
        told = (
            f"no MP3s are made of the audio inside lists, in {named}; the index has it as published"
        )
        return (told, *(_beside_warning(schema, made) if made else ()))
    return _beside_warning(schema, made) if made else _files_warning(repository, schema)


def _beside_warning(schema: pa.Schema, made: Sequence[str]) -> tuple[str, ...]:
    others = [name for name in audio_columns(schema) if name not in made]
    others += [name for name in audio_fields(schema) if name.split(".")[0] not in made]
    if not others:
        return ()
    named, of = (", ".join(repr(in_a_line(name)) for name in names) for names in (others, made))
    return (
        f"MP3s are made of {of} alone; there is audio in {named} too, which the JSON files "
        "have as sizes, and the index as it was published; to make it too, set "
        f"audio_columns: [{of}, {named}]",
    )


def _files_warning(repository: Repository, schema: pa.Schema) -> tuple[str, ...]:
    files = [path for path in repository.paths if PurePosixPath(path).suffix.lower() in _SUFFIXES]
    tree = schema_tree(schema)
    fields = [((name,), found) for name, found in tree.items()] + list(list_fields(tree))
    texts = [".".join(path) for path, found in fields if may_name_files(found)]
    if not files or not texts:
        return ()
    likely = [name for name in texts if any(part in name.lower() for part in _USUAL_PARTS)]
    named = " or ".join(f"audio_column: {in_a_line(name)!r}" for name in (likely or texts)[:3])
    return (
        f"the dataset is text only, and its repository holds {len(files):,} audio files, such as "
        f"{in_a_line(files[0])!r}; if a column names them, set {named}; to have the files as rows, set "
        "source: {layout: audio_folder}",
    )


def _audio_inside(name: str, type_: pa.DataType, declared: Any) -> Iterator[str]:
    for each in type_ if pa.types.is_struct(type_) else ():
        told = declared.get(each.name) if isinstance(declared, dict) else None
        inside = f"{name}.{each.name}"
        if is_certain_audio(each.type, told):
            yield inside
        yield from _audio_inside(inside, each.type, told)


def _listed_audio(name: str, type_: pa.DataType, *, is_listed: bool) -> Iterator[str]:
    if is_list(type_):
        # A column of lists of clips is an audio column.
        inside = is_listed or type_.value_type != FILE_TYPE
        yield from _listed_audio(name, type_.value_type, is_listed=inside)
    elif is_listed and type_ == FILE_TYPE:
        yield name
    elif pa.types.is_struct(type_):
        for each in type_:
            yield from _listed_audio(f"{name}.{each.name}", each.type, is_listed=is_listed)
