"""The files of a repository at one state, before any of them is stored; and which may be."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from hugflow.hierarchy.errors import UnsafeArchiveError
from hugflow.names import stem_key

MOST_FILES = 50_000
MOST_BYTES = 1 << 30
MOST_FILE_BYTES = 256 << 20
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]|\A[A-Za-z]:|[\ud800-\udfff]")
_LONGEST_PATH = 1_000
_MEND = "ask the owner of the repository for one without it, or override it by a local folder"


class Contents(Protocol):
    """Files by path, with `/`, relative to the repository's own folder."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """The size of each file, as it is declared."""

    def read(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of files, in some order."""


def refuse_paths(paths: Iterable[str]) -> None:
    """Raise UnsafeArchiveError for paths that could leave a folder, or that collide.

    Two paths collide if they are equal, if a disk may take them for one, or if one is a folder of
    the other.
    """
    kind_by_path: dict[str, str] = {}
    spelling: dict[str, str] = {}
    for number, path in enumerate(paths, 1):
        if number > MOST_FILES:
            raise unsafe("it has too many members", f"more than {MOST_FILES:,} are not read")
        refuse_path(path)
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            prefix = "/".join(parts[:depth])
            if prefix in kind_by_path and depth < len(parts):
                if kind_by_path[prefix] == "file":
                    raise unsafe(
                        f"{prefix!r} is a file and a folder", "one would replace the other"
                    )
                continue
            key = stem_key(prefix)
            if depth == len(parts) and prefix in kind_by_path:
                raise unsafe(f"{path!r} is there twice", "one would replace the other")
            if spelling.setdefault(key, prefix) != prefix:
                raise unsafe(
                    f"{spelling[key]!r} and {prefix!r} differ only in case or form",
                    "some disks take them for one file",
                )
            kind_by_path[prefix] = "file" if depth == len(parts) else "folder"


def refuse_path(path: str) -> None:
    """Raise UnsafeArchiveError for one path that could leave a folder."""
    parts = path.split("/")
    if path.startswith("/"):
        raise unsafe(f"{path!r} is an absolute path", "it names a place outside its folder")
    if _UNSAFE.search(path) or any(part in ("", ".", "..") for part in parts):
        raise unsafe(f"{path!r} is no plain path", "it could name a place outside its folder")
    if len(path) > _LONGEST_PATH or any(len(part.encode()) > 255 for part in parts):
        raise unsafe("a path is too long", f"{path[:60]!r}... would fit on no disk")


def refuse_sizes(sizes: Mapping[str, int]) -> None:
    """Raise UnsafeArchiveError for files that are too large, alone or together."""
    for path, size in sizes.items():
        if size > MOST_FILE_BYTES:
            raise unsafe(f"{path!r} is too large", f"a file has at most {MOST_FILE_BYTES:,} bytes")
    if sum(sizes.values()) > MOST_BYTES:
        raise unsafe("its files are too large", f"at most {MOST_BYTES:,} bytes are read")


def unsafe(what: str, why: str) -> UnsafeArchiveError:
    """The error for content that is refused."""
    return UnsafeArchiveError(what, why=why, mend=_MEND)
