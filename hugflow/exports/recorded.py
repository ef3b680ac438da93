"""What a manifest records of exports: their files, with sizes and hashes.

    "exports": {"nemo": {"version": 1, "files": {"nemo.jsonl": {"sha256": "...", "bytes": 4096}}}}

Only exports that are rendered from plan and index are here. The index has its own key; the card is
not recorded, because its words may change while the dataset stays the same.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath

from hugflow.late_dataclass import dataclass

# Folders and names in a tree that do not belong to exports.
_TAKEN = frozenset({"audio", "json", "index", "manifest.json", "failures.jsonl", "README.md"})


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One file, as written."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class RecordedExport:
    """The files of one export, by their paths relative to the tree.

    version: of the export that rendered them. Raises ValueError for a path that no export may have.
    """

    version: int
    files: Mapping[str, RecordedFile]

    def __post_init__(self) -> None:
        """Refuse paths that are not an export's."""
        for path in self.files:
            if not _is_export_path(path):
                raise ValueError(f"{path!r} is no path of an export")


def _is_export_path(path: str) -> bool:
    """Whether it names a file in the tree, up to two folders deep, that is no row and no record."""
    parts = PurePosixPath(path).parts
    is_plain = "/".join(parts) == path and ".." not in parts and "\0" not in path
    return is_plain and 1 <= len(parts) <= 3 and parts[0] not in _TAKEN
