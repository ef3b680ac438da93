"""The files of a module: which a repository may have, which count, and the digest over them.

The digest is `sha256:<hex>` over one line a file, sorted by path: `<kind> <sha256> <path>`, where the
kind is `file` or `link`. Python's caches and our own FLOW_MODULE_ID do not count.
"""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from hugflow.errors import FlowModuleRefused
from hugflow.store.atomic import disk_errors

if TYPE_CHECKING:
    from hugflow.clients.repository import PublishedFile

ID_FILE = "FLOW_MODULE_ID"
INIT_FILE = "__init__.py"
CACHE_FOLDER = "__pycache__"
COMPILED_SUFFIXES = (".pyc", ".pyo")

MAX_FILES = 5_000
MAX_TOTAL_BYTES = 1 << 30
MAX_DEPTH = 20
MAX_NAME_BYTES = 200
CHUNK_BYTES = 1 << 20

_DRIVE = re.compile(r"[A-Za-z]:")
# git's own, and what the Hub's clients leave: not part of a module.
_LEFT_OUT = (".cache", CACHE_FOLDER)


def is_ignored(path: PurePosixPath | Path) -> bool:
    """Whether a file is no part of what a module says: a cache of Python's, or our own record."""
    return CACHE_FOLDER in path.parts or path.parts == (ID_FILE,)


def choose_files(files: "Iterable[PublishedFile]", what: str) -> "list[PublishedFile]":
    """The files of a repository that a module is made of, in the order of their paths.

    Left out: git's own files, compiled Python, caches. Raises FlowModuleRefused for a path that
    could leave the module's folder or hide in it, and for too many files or bytes.
    """
    chosen: dict[str, PublishedFile] = {}
    names: dict[str, str] = {}
    for file in files:
        reason = _find_fault(file.path)
        if reason:
            raise _refused(f"{what}: the path {file.path[:200]!r} is refused", reason)
        if _is_left_out(PurePosixPath(file.path)):
            continue
        for path in (file.path, *map(str, PurePosixPath(file.path).parents)):
            other = names.setdefault(_fold(path), path)
            if other != path:
                raise _refused(
                    f"{what}: the paths {other[:200]!r} and {path[:200]!r} are refused",
                    "some disks take the two for one file",
                )
        chosen[file.path] = file
        if len(chosen) > MAX_FILES:
            raise _refused(f"{what}: too many files", f"a flow module has {MAX_FILES:,} at most")
    total = sum(file.size_bytes for file in chosen.values())
    if total > MAX_TOTAL_BYTES or any(file.size_bytes < 0 for file in chosen.values()):
        raise _refused(
            f"{what}: {total:,} bytes are too many",
            f"a flow module has {MAX_TOTAL_BYTES:,} at most",
        )
    return [chosen[path] for path in sorted(chosen)]


def digest_tree(folder: Path) -> str:
    """The digest over what a module's folder holds now."""
    return digest_lines(hash_files(folder))


def digest_linked(folder: Path) -> str:
    """The digest over a linked folder, without hidden files: it may be a checkout of git."""
    return digest_lines(hash_files(folder, lambda path: not any(map(_is_hidden, path.parts))))


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def digest_lines(hash_by_path: Mapping[str, str]) -> str:
    """The digest over files that were hashed by `hash_files`."""
    lines = "".join(f"{hash_by_path[path]} {path}\n" for path in sorted(hash_by_path))
    return f"sha256:{hashlib.sha256(lines.encode('utf-8', 'surrogateescape')).hexdigest()}"


def hash_files(folder: Path, counts: Callable[[Path], bool] = lambda path: True) -> dict[str, str]:
    """Kind and hash of each file of a module's folder that counts, by its path in it.

    counts: of these only those for which it is true; the others are not read.
    """
    return {
        path.as_posix(): _hash(folder / path)
        for path in walk_files(folder)
        if not is_ignored(path) and counts(path)
    }


def walk_files(folder: Path) -> Iterator[Path]:
    """Every file, link and special file below a folder, relative to it; links are not followed."""
    with disk_errors(folder, "read"):
        for parent, folders, names in os.walk(folder, onerror=_raise):
            inside = Path(parent).relative_to(folder)
            folders[:] = [each for each in folders if each != CACHE_FOLDER]
            linked = [each for each in folders if Path(parent, each).is_symlink()]
            yield from (inside / name for name in (*names, *linked))


def _hash(path: Path) -> str:
    with disk_errors(path, "read"):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            target = os.fsencode(path.readlink())
            return f"link {hashlib.sha256(target).hexdigest()}"
        if not stat.S_ISREG(mode):
            return f"special {'0' * 64}"
        with path.open("rb") as file:
            return f"file {hashlib.file_digest(file, 'sha256').hexdigest()}"


def _find_fault(path: str) -> str | None:
    """Why no module may have a file of this path; None for a path that is sound."""
    parts = path.split("/")
    if not path or path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        return "it could lead out of the module's folder"
    if "\\" in path or _DRIVE.match(path):
        return "on some systems it leads out of the module's folder"
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in path):
        return "it holds characters that cannot be seen"
    if path.casefold() == ID_FILE.casefold():
        return "that name is kept for the record of which commit the module is of"
    if len(parts) > MAX_DEPTH or any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        return "it is longer or deeper than some disks allow"
    return None


def _is_left_out(path: PurePosixPath) -> bool:
    is_of_git = any(part.casefold().startswith(".git") for part in path.parts)
    is_cache = any(part in _LEFT_OUT for part in path.parts)
    return is_of_git or is_cache or path.suffix in COMPILED_SUFFIXES


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())


def _refused(what: str, why: str) -> FlowModuleRefused:
    mend = "tell the repository's owner, or take another revision; nothing was fetched"
    return FlowModuleRefused(what, why=why, mend=mend)


def _raise(error: OSError) -> None:
    raise error
