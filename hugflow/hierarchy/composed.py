"""What a source is after composition: its files in order, each with its origin."""

from dataclasses import field
from pathlib import Path

from hugflow.hierarchy.errors import MissingFileError
from hugflow.late_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class FileRef:
    """One stored file.

    name: under which it is stored. origin: the path of parents by which it came; empty for the
    project's own. node: the lock's name of its repository, `root` for the project. source: of that
    repository.
    """

    name: str
    path: Path
    sha256: str
    origin: tuple[str, ...]
    node: str
    source: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes two files one: repository, source and name, whatever the way there."""
        return self.node, self.source, self.name


@dataclass(frozen=True, slots=True)
class Override:
    """An entry that a later value of the same key replaced."""

    key: str
    lost: tuple[FileRef, ...]
    won: tuple[FileRef, ...]


@dataclass(frozen=True, slots=True)
class ComposedSource:
    """The files of a source, those of its parents' sources first.

    overridden: a way to a file goes through a local override, so the lock does not describe it.
    replaced: the dict entries that lost against a later one.
    """

    name: str
    format: str
    files_list: list[FileRef] = field(default_factory=list)
    files_dict: dict[str, list[FileRef]] = field(default_factory=dict)
    overridden: bool = False
    replaced: tuple[Override, ...] = ()

    def files(self, key: str | None = None) -> list[FileRef]:
        """The files of a key; without a key all files, list entries before dict entries."""
        if key is None:
            return [*self.files_list, *(file for each in self.files_dict.values() for file in each)]
        if key not in self.files_dict:
            raise MissingFileError(
                f"source {self.name} has no entry {key}",
                why=f"its entries are {', '.join(self.files_dict) or 'none'}",
                mend="add it to files_dict, or name another entry",
            )
        return list(self.files_dict[key])

    def paths(self) -> list[Path]:
        """The paths of all files, list entries before dict entries."""
        return [file.path for file in self.files()]

    def path(self, key: str) -> Path:
        """The path of a key's only file. Raises MissingFileError unless there is exactly one."""
        files = self.files(key)
        if len(files) != 1:
            raise MissingFileError(
                f"entry {key} of source {self.name} has {len(files)} files, not one",
                why="a step that reads one file could not say which",
                mend="read them all, or choose `on_collision: override`",
            )
        return files[0].path
