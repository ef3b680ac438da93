"""What a manifest records of exports: their files, with sizes and hashes.

    "exports": {"nemo": {"version": 1, "files": {"nemo.jsonl": {"sha256": "...", "bytes": 4096}}}}

Of exports that are rendered from plan and index. The index has a key of its own; the card has
none, because its words may change while the dataset stays the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

# In these folders, and by these names, a tree holds what is no export.
_TAKEN = frozenset({"audio", "json", "index", "manifest.json", "failures.jsonl", "README.md"})


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One file as it was written."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class RecordedExport:
    """The files of one export, by their paths relative to the tree.

    version: of the export that rendered them. Raises ValueError for a path that no export has.
    """

    version: int
    files: Mapping[str, RecordedFile]

    def __post_init__(self) -> None:
        """Refuse paths that lead to anything else than an export."""
        for path in self.files:
            if not _is_export_path(path):
                raise ValueError(f"{path!r} is no path of an export")


def _is_export_path(path: str) -> bool:
    """Whether it names a file of the tree, or of a folder in it, that no row and no record is."""
    parts = PurePosixPath(path).parts
    is_plain = "/".join(parts) == path and ".." not in parts and "\0" not in path
    return is_plain and 1 <= len(parts) <= 2 and parts[0] not in _TAKEN
