"""Snapshots of remote parents: their project file and their own data, in a read-only folder.

    HUGFLOW_CACHE_DIR/snapshots/<tree sha256>/hugflow.yaml
    HUGFLOW_CACHE_DIR/snapshots/<tree sha256>/input/...

The hash is over sorted lines `path NUL sha256-of-the-file LF`, of bytes as git or the archive has
them, so it is the same on every machine. A snapshot appears whole or not at all.
"""

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from hugflow.hierarchy.contents import Contents, refuse_paths, refuse_sizes
from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.load import CONFIG_NAMES, Project, parse_repository, read_repository
from hugflow.late_dataclass import dataclass
from hugflow.project_file import LARGEST_FILE_BYTES, LEGACY_NAME, NAMES, not_the_only_file
from hugflow.store.atomic import disk_errors, make_folder
from hugflow.store.digest import file_sha256
from hugflow.store.locks import hold

LOCK_NAME = "hugflow.lock"
_LFS = b"version https://git-lfs.github.com/spec/"
_LARGEST_LOCK = 4 << 20
_SWEPT_AFTER_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stored snapshot. lock: the repository's own lock, if it has one."""

    folder: Path
    sha256: str
    lock: bytes | None = None


def tree_sha256(digest_by_path: Mapping[str, str]) -> str:
    """The hash of a tree, from the sha256 of each file."""
    lines = sorted(f"{path}\0{digest}\n".encode() for path, digest in digest_by_path.items())
    return hashlib.sha256(b"".join(lines)).hexdigest()


def digest_files(project: Project) -> dict[str, str]:
    """The sha256 of a repository's project file and of each file of its own data, by path."""
    found = {project.config_file.name: file_sha256(project.config_file)}
    if project.input.is_dir():
        for path in sorted(project.input.rglob("*")):
            if path.is_file():
                found[path.relative_to(project.root).as_posix()] = file_sha256(path)
    return found


def find_snapshot(cache: Path, sha256: str, trail: tuple[str, ...]) -> Snapshot | None:
    """The stored snapshot of a hash; None if there is none, or if its content has changed."""
    folder = cache / "snapshots" / sha256
    if not folder.is_dir():
        return None
    try:
        project = read_repository(folder, trail)
        is_sound = tree_sha256(digest_files(project)) == sha256
    except (ConfigError, OSError):
        is_sound = False
    return Snapshot(folder, sha256) if is_sound else None


def store_snapshot(contents: Contents, cache: Path, trail: tuple[str, ...]) -> Snapshot:
    """Store what a child may use of a repository. Raises ConfigError; then nothing is left."""
    sizes = contents.sizes
    name = _find_config(sizes, trail)
    if sizes[name] > LARGEST_FILE_BYTES:
        raise ConfigError(
            f"{name} is larger than {LARGEST_FILE_BYTES // 1024} KiB",
            why="a project file is not larger",
            mend="ask its owner to move the data out of it",
            trail=trail,
        )
    [(_, data)] = contents.read([name])
    project = parse_repository(data, name, trail)
    inside = f"{project.config.inputpath}/"
    kept = [name, *sorted(path for path in sizes if path.startswith(inside))]
    refuse_paths(kept)
    refuse_sizes({path: sizes[path] for path in kept})
    lock = None
    if LOCK_NAME in sizes and sizes[LOCK_NAME] <= _LARGEST_LOCK:
        [(_, lock)] = contents.read([LOCK_NAME])
    with _new_folder(cache) as folder:
        digests = {}
        for path, each in contents.read(kept):
            if each.startswith(_LFS) and len(each) < 1024:
                raise ConfigError(
                    f"{path} is a pointer of Git LFS, not the file",
                    why="the repository stores the file elsewhere, where it is not looked for",
                    mend="store the files of the input folder in git itself",
                    trail=trail,
                )
            _write(folder / path, each)
            digests[path] = hashlib.sha256(each).hexdigest()
        sha256 = tree_sha256(digests)
        final = cache / "snapshots" / sha256
        _settle(folder, final, trail)
    return Snapshot(final, sha256, lock)


def _find_config(sizes: Mapping[str, int], trail: tuple[str, ...]) -> str:
    names = [name for name in NAMES if name in sizes]
    if len(names) > 1:
        fault = not_the_only_file(names)
        raise ConfigError(fault.what, why=fault.why, mend=fault.mend, trail=trail, file=names[0])
    if names or LEGACY_NAME in sizes:
        return names[0] if names else LEGACY_NAME
    raise ConfigError(
        "the repository has no project file",
        why=f"it has none of {', '.join(CONFIG_NAMES)} at its top",
        mend="check the location; an archive may have one top folder, and the project file in it",
        trail=trail,
    )


@contextmanager
def _new_folder(cache: Path) -> Iterator[Path]:
    """A new folder in the cache, deleted at the end unless it was renamed."""
    make_folder(cache / "snapshots")
    sweep(cache)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=cache / "snapshots"))
    try:
        yield folder
    finally:
        delete_tree(folder)


def _write(path: Path, data: bytes) -> None:
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not synced to the disk: whoever reads a snapshot compares its hash.
        with path.open("xb") as file:
            file.write(data)


def _settle(folder: Path, final: Path, trail: tuple[str, ...]) -> None:
    """Give a new snapshot its name; one of that name that is damaged gives way."""
    if find_snapshot(final.parent.parent, final.name, trail) is not None:
        return
    with disk_errors(final), hold(final.parent / "snapshots.lock", "the snapshots", wait_s=60.0):
        if find_snapshot(final.parent.parent, final.name, trail) is not None:
            return
        _set_modes(folder)
        damaged = Path(tempfile.mkdtemp(prefix=".damaged-", dir=final.parent))
        if final.exists():
            final.chmod(stat.S_IRWXU)
            final.rename(damaged / final.name)
        folder.rename(final)
        final.chmod(0o555)
        delete_tree(damaged)


def _set_modes(folder: Path) -> None:
    """Make files and inner folders read-only; the umask decides who may read them."""
    umask = os.umask(0)
    os.umask(umask)
    for path in folder.rglob("*"):
        path.chmod((0o555 if path.is_dir() else 0o444) & ~umask)
    folder.chmod(0o755 & ~umask)


def sweep(cache: Path) -> None:
    """Delete what killed processes left in the cache a day ago or more."""
    oldest = time.time() - _SWEPT_AFTER_S
    for pattern in (".fetch-*", "snapshots/.new-*", "snapshots/.damaged-*"):
        for folder in cache.glob(pattern):
            with suppress(OSError):
                if folder.stat().st_mtime < oldest:
                    delete_tree(folder)


def delete_tree(folder: Path) -> None:
    """Delete a folder of our cache, also if it is read-only."""
    for path in (folder, *(each for each in folder.rglob("*") if each.is_dir())):
        if not path.is_symlink() and path.exists():
            path.chmod(stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)
