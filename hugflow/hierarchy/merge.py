"""How the files of parents' sources and own files become one list and one dict.

Lists are joined in order, own files last. Dicts are merged in the same order: the later value of a
key replaces the earlier one, or is added to it, or is an error (`on_collision`). One file on two
ways appears once, at its first place (`duplicates: first`). Both rules give the same result however
the repositories are grouped into levels.
"""

from collections.abc import Sequence
from dataclasses import field

from hugflow.hierarchy.composed import FileRef, Override
from hugflow.hierarchy.errors import CollisionError
from hugflow.hierarchy.project_config import SourceBase
from hugflow.late_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """The files that one parent source, or the source itself, brings."""

    files_list: Sequence[FileRef] = ()
    files_dict: dict[str, list[FileRef]] = field(default_factory=dict)
    replaced: tuple[Override, ...] = ()


def merge_parts(name: str, source: SourceBase, parts: Sequence[Part]) -> Part:
    """The parts as one, in order. Raises CollisionError where the source does not allow it."""
    files: list[FileRef] = []
    merged: dict[str, list[FileRef]] = {}
    replaced: list[Override] = []
    for part in parts:
        files.extend(part.files_list)
        replaced += part.replaced
        for key, value in part.files_dict.items():
            before = merged.get(key)
            if before is None:
                merged[key] = list(value)
            elif source.on_collision == "append":
                merged[key] = before + value
            elif _is_same(before, value):
                continue
            elif source.on_collision == "override":
                merged[key] = list(value)
                replaced.append(Override(key, tuple(before), tuple(value)))
            else:
                raise _collision(name, key, before, value)
    return Part(
        _without_repeats(name, source, files),
        {key: _without_repeats(name, source, value) for key, value in merged.items()},
        tuple(dict.fromkeys(replaced)),
    )


def _is_same(before: Sequence[FileRef], value: Sequence[FileRef]) -> bool:
    return [file.identity for file in before] == [file.identity for file in value]


def _without_repeats(name: str, source: SourceBase, files: Sequence[FileRef]) -> list[FileRef]:
    if source.duplicates == "keep":
        return list(files)
    first: dict[tuple[str, str, str], FileRef] = {}
    for file in files:
        seen = first.setdefault(file.identity, file)
        if seen is not file and source.duplicates == "error":
            raise CollisionError(
                f"source {name} has {file.name} of {_origin(file)} twice",
                why=f"it comes from {_origin(seen)} and from {_origin(file)}, and `duplicates: "
                "error` refuses that",
                mend="name only one of the two in parent_sources, or choose `duplicates: first`",
            )
    return list(first.values())


def _collision(
    name: str, key: str, before: Sequence[FileRef], value: Sequence[FileRef]
) -> CollisionError:
    return CollisionError(
        f"source {name} has two values for the key {key}",
        why=f"one is from {_origins(before)}, one from {_origins(value)}, and `on_collision: "
        "error` refuses that",
        mend="rename one of the keys, or choose `on_collision: override` or `append`",
    )


def _origin(file: FileRef) -> str:
    return "/".join(file.origin) or "this repository"


def _origins(files: Sequence[FileRef]) -> str:
    return " and ".join(dict.fromkeys(map(_origin, files))) or "an empty list"
