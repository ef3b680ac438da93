"""What a step sees of its sources: one joint list and one joint dict of files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from hugflow.hierarchy.composed import ComposedSource
from hugflow.hierarchy.errors import MissingFileError
from hugflow.late_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class StepFiles:
    """The files of a step's sources, in the order in which the step names them.

    files_list: list entries, then dict entries. files_dict: by key; of a key that two of the
    sources have, the later source's.
    root: the project's folder.
    """

    root: Path = Path()
    files_list: tuple[Path, ...] = ()
    files_dict: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    sources: tuple[ComposedSource, ...] = ()

    def path(self, key: str) -> Path:
        """The only file of a key. Raises MissingFileError unless there is exactly one."""
        found = self.files_dict.get(key, ())
        if len(found) != 1:
            raise MissingFileError(
                f"there are {len(found)} files with the key {key!r}, not one",
                why=f"the sources have the keys {', '.join(self.files_dict) or 'none'}",
                mend="name a source that has one file of that key",
            )
        return found[0]

    def read_json(self) -> list[Any]:
        """The content of each file, in order."""
        return [json.loads(path.read_bytes()) for path in self.files_list]


def join_files(root: Path, sources: Sequence[ComposedSource]) -> StepFiles:
    """The files of several sources, as a step sees them."""
    joint: list[Path] = []
    keyed: dict[str, tuple[Path, ...]] = {}
    for source in sources:
        joint += [file.path for file in source.files_list]
    for source in sources:
        for key, files in source.files_dict.items():
            keyed[key] = tuple(file.path for file in files)
            joint += keyed[key]
    return StepFiles(root, tuple(joint), keyed, tuple(sources))
