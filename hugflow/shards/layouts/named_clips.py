"""Fields of tables that name clips, and the audio that they become.

In metadata of audio folders as in `datasets`, in columns, in structs and in lists of structs:

    file_name, noisy_file_name      a clip              audio, noisy
    file_names, noisy_file_names    a list of clips     audios, noisy

In other tables, and beside these, the fields that a request names.

The place of a field is the name of its column and the names inside it: `("turns", "file_name")`,
also where `turns` is a list of structs.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import reduce
from operator import getitem
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.shards.arrow import FILE_TYPE, is_list, is_text, list_lengths, map_items
from hugflow.shards.audio_warnings import may_name_files
from hugflow.shards.column_path import find_path, schema_tree
from hugflow.shards.plain_features import Feature, plain_feature

FILE_NAME: Final = "file_name"
_AUDIO: Final = "audio"

Place: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedClips:
    """The fields that name clips.

    names: what each becomes, inside its struct: `audio`.
    asked: those that the request names; words in them mean clips as in any table.
    odd: what is called like a field that names clips and is none, with the reason.
    """

    names: Mapping[Place, str] = field(default_factory=dict)
    asked: frozenset[Place] = frozenset()
    odd: tuple[str, ...] = ()

    @property
    def columns(self) -> dict[str, str]:
        """What the columns become that are such fields."""
        return {place[0]: new for place, new in self.names.items() if len(place) == 1}

    def audio_name(self, place: Place) -> str:
        """What the audio of a place is called: `noisy`, `turn.audio`."""
        return ".".join((*place[:-1], self.names[place]))


def find_named(fields: Sequence[pa.Field], taken: Collection[str] = ()) -> NamedClips:
    """The fields in some columns of metadata that name clips; taken: names of other columns."""
    names, odd = dict[Place, str](), list[str]()
    _find((), fields, {*taken, *(each.name for each in fields)}, names, odd)
    return NamedClips(names, odd=tuple(odd))


def find_asked(fields: Sequence[pa.Field], asked: Iterable[str]) -> NamedClips:
    """The fields that a request names as audio, and that hold words or lists of words."""
    tree = schema_tree(pa.schema(list(fields)))
    found: dict[Place, str] = {}
    for name in asked:
        path = find_path(tree, name)
        if path is not None and may_name_files(reduce(getitem, path, tree)):
            found[path] = path[-1]
    return NamedClips(found, frozenset(found))


def audio_type(type_: pa.DataType, names: Mapping[Place, str], at: Place) -> pa.DataType:
    """The type of the column or field at a place, with audio for the words that name clips."""
    if at in names and is_text(type_):
        return FILE_TYPE
    if is_list(type_) and _has_inside(names, at):
        is_large = pa.types.is_large_list(type_) or pa.types.is_large_list_view(type_)
        make = pa.large_list if is_large else pa.list_
        return make(audio_type(type_.value_type, names, at))
    if pa.types.is_struct(type_) and _has_inside(names, at):
        inside = [(*at, each.name) for each in type_]
        return pa.struct(
            [
                (names.get(place, each.name), audio_type(each.type, names, place))
                for place, each in zip(inside, type_, strict=True)
            ]
        )
    return type_


def holds_audio(type_: pa.DataType) -> bool:
    """Whether there is audio in a type, at any depth."""
    if is_list(type_):
        return holds_audio(type_.value_type)
    return type_ == FILE_TYPE or (
        pa.types.is_struct(type_) and any(holds_audio(each.type) for each in type_)
    )


def audio_feature(type_: pa.DataType) -> Feature | None:
    """The feature of a type in which clips are Audio; None if a part of it is unknown."""
    if type_ == FILE_TYPE:
        return {"_type": "Audio"}
    if is_list(type_):
        inner = audio_feature(type_.value_type)
        kind = "LargeList" if pa.types.is_large_list(type_) else "List"
        return None if inner is None else {"feature": inner, "_type": kind}
    if pa.types.is_struct(type_):
        inside = {each.name: audio_feature(each.type) for each in type_}
        return None if None in inside.values() or "_type" in inside else inside
    return plain_feature(type_)


def to_audio(
    array: pa.Array,
    names: Mapping[Place, str],
    at: Place,
    to_clips: Callable[[Place, pa.Array], pa.Array],
) -> pa.Array:
    """The column or field at a place, with audio for the words that name clips.

    to_clips: gives the audio of an array of words of a field.
    """
    if at in names and is_text(array.type):
        return to_clips(at, array)
    if is_list(array.type) and _has_inside(names, at):
        return map_items(array, lambda items: to_audio(items, names, at, to_clips))
    if pa.types.is_struct(array.type) and _has_inside(names, at):
        inside = [(*at, each.name) for each in array.type]
        children = [
            to_audio(child, names, place, to_clips)
            for place, child in zip(inside, array.flatten(), strict=True)
        ]
        new = [names.get(place, place[-1]) for place in inside]
        return pa.StructArray.from_arrays(children, new, mask=array.is_null())
    return array


def list_words(
    array: pa.Array, names: Mapping[Place, str], at: Place, rows: npt.NDArray[np.int64]
) -> Iterator[tuple[Place, pa.Array, npt.NDArray[np.int64]]]:
    """The words that name clips in the column or field at a place, with the row of each.

    rows: of the values of the array.
    """
    if at in names and is_text(array.type):
        yield at, array, rows
    elif is_list(array.type) and _has_inside(names, at):
        inside = np.repeat(rows, list_lengths(array))
        yield from list_words(array.flatten(), names, at, inside)
    elif pa.types.is_struct(array.type) and _has_inside(names, at):
        for each, child in zip(array.type, array.flatten(), strict=True):
            yield from list_words(child, names, (*at, each.name), rows)


def _find(
    prefix: Place,
    fields: Sequence[pa.Field],
    taken: set[str],
    found: dict[Place, str],
    odd: list[str],
) -> None:
    for each in fields:
        place, new = (*prefix, each.name), _new_name(each.name)
        inner = each.type
        while is_list(inner):
            inner = inner.value_type
        if pa.types.is_struct(inner):
            _find(place, list(inner), {name.name for name in inner}, found, odd)
        elif new is not None:
            said = repr(in_a_line(".".join(place)))
            if not _names_clips(each):
                odd.append(f"{said} names no clips: its type is {in_a_line(str(each.type))}")
            elif new in taken:
                odd.append(f"{said} names no clips: there is a field {in_a_line(new)!r} beside it")
            else:
                taken.add(new)
                found[place] = new


def _names_clips(said: pa.Field) -> bool:
    """Whether a field of such a name has the type for it."""
    if said.name.endswith("s"):
        return is_list(said.type) and is_text(said.type.value_type)
    return is_text(said.type)


def _new_name(name: str) -> str | None:
    """What a field that names clips becomes; None for a field of another name."""
    for ending, usual in ((FILE_NAME, _AUDIO), (f"{FILE_NAME}s", f"{_AUDIO}s")):
        if name == ending:
            return usual
        if name.endswith(f"_{ending}"):
            return name.removesuffix(f"_{ending}") or usual
    return None


def _has_inside(names: Mapping[Place, str], at: Place) -> bool:
    """Whether a place is one of the places, or around one."""
    return any(place[: len(at)] == at for place in names)
