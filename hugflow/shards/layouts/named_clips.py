"""Fields of an audio folder's metadata that name clips, and the audio that they become.

As in `datasets`, in columns, in structs and in lists of structs:

    file_name, noisy_file_name      a clip              audio, noisy
    file_names, noisy_file_names    a list of clips     audios, noisy

The place of a field is the name of its column and the names inside it: `("turns", "file_name")`,
also where `turns` is a list of structs.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.shards.arrow import FILE_TYPE, is_list, is_text, list_lengths, map_items
from hugflow.shards.plain_features import Feature, plain_feature

FILE_NAME: Final = "file_name"
_AUDIO: Final = "audio"

Place: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedClips:
    """The fields that name clips; odd: what is called so and does not, with the reason."""

    places: tuple[Place, ...] = ()
    odd: tuple[str, ...] = ()

    @property
    def columns(self) -> dict[str, str]:
        """What the columns become that are such fields."""
        return {place[0]: audio_name(place) for place in self.places if len(place) == 1}


def find_named(fields: Sequence[pa.Field], taken: Collection[str] = ()) -> NamedClips:
    """The fields in some columns that name clips; taken: names of other columns."""
    found, odd = list[Place](), list[str]()
    _find((), fields, {*taken, *(field.name for field in fields)}, found, odd)
    return NamedClips(tuple(found), tuple(odd))


def audio_name(place: Place) -> str:
    """What the audio of a place is called: `noisy`, `turn.audio`."""
    return ".".join((*place[:-1], _new_name(place[-1]) or ""))


def audio_type(type_: pa.DataType, places: Collection[Place], at: Place) -> pa.DataType:
    """The type of the column or field at a place, with audio for the words that name clips."""
    if at in places and is_text(type_):
        return FILE_TYPE
    if is_list(type_) and _has_inside(places, at):
        is_large = pa.types.is_large_list(type_) or pa.types.is_large_list_view(type_)
        make = pa.large_list if is_large else pa.list_
        return make(audio_type(type_.value_type, places, at))
    if pa.types.is_struct(type_) and _has_inside(places, at):
        return pa.struct(
            [
                (
                    _name_inside(each.name, places, at),
                    audio_type(each.type, places, (*at, each.name)),
                )
                for each in type_
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
    places: Collection[Place],
    at: Place,
    to_clips: Callable[[pa.Array], pa.Array],
) -> pa.Array:
    """The column or field at a place, with audio for the words that name clips.

    to_clips: gives the audio of an array of words.
    """
    if at in places and is_text(array.type):
        return to_clips(array)
    if is_list(array.type) and _has_inside(places, at):
        return map_items(array, lambda items: to_audio(items, places, at, to_clips))
    if pa.types.is_struct(array.type) and _has_inside(places, at):
        names = [each.name for each in array.type]
        children = [
            to_audio(child, places, (*at, name), to_clips)
            for name, child in zip(names, array.flatten(), strict=True)
        ]
        renamed = [_name_inside(name, places, at) for name in names]
        return pa.StructArray.from_arrays(children, renamed, mask=array.is_null())
    return array


def list_words(
    array: pa.Array, places: Collection[Place], at: Place, rows: npt.NDArray[np.int64]
) -> Iterator[tuple[Place, pa.Array, npt.NDArray[np.int64]]]:
    """The words that name clips in the column or field at a place, with the row of each.

    rows: of the values of the array.
    """
    if at in places and is_text(array.type):
        yield at, array, rows
    elif is_list(array.type) and _has_inside(places, at):
        inside = np.repeat(rows, list_lengths(array))
        yield from list_words(array.flatten(), places, at, inside)
    elif pa.types.is_struct(array.type) and _has_inside(places, at):
        for each, child in zip(array.type, array.flatten(), strict=True):
            yield from list_words(child, places, (*at, each.name), rows)


def _find(
    prefix: Place, fields: Sequence[pa.Field], taken: set[str], found: list[Place], odd: list[str]
) -> None:
    for each in fields:
        place, new = (*prefix, each.name), _new_name(each.name)
        inner = each.type
        while is_list(inner):
            inner = inner.value_type
        if pa.types.is_struct(inner):
            _find(place, list(inner), {field.name for field in inner}, found, odd)
        elif new is not None:
            said = repr(in_a_line(".".join(place)))
            if not _names_clips(each):
                odd.append(f"{said} names no clips: its type is {in_a_line(str(each.type))}")
            elif new in taken:
                odd.append(f"{said} names no clips: there is a field {in_a_line(new)!r} beside it")
            else:
                taken.add(new)
                found.append(place)


def _names_clips(field: pa.Field) -> bool:
    """Whether a field of such a name has the type for it."""
    if field.name.endswith("s"):
        return is_list(field.type) and is_text(field.type.value_type)
    return is_text(field.type)


def _new_name(name: str) -> str | None:
    """What a field that names clips becomes; None for a field of another name."""
    for ending, usual in ((FILE_NAME, _AUDIO), (f"{FILE_NAME}s", f"{_AUDIO}s")):
        if name == ending:
            return usual
        if name.endswith(f"_{ending}"):
            return name.removesuffix(f"_{ending}") or usual
    return None


def _name_inside(name: str, places: Collection[Place], at: Place) -> str:
    return (_new_name(name) or name) if (*at, name) in places else name


def _has_inside(places: Collection[Place], at: Place) -> bool:
    """Whether a place is one of the places, or around one."""
    return any(place[: len(at)] == at for place in places)
