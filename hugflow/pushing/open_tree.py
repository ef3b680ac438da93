"""A complete tree, read by one handle: a tree that replaces it meanwhile is not read.

A sync or a rollback exchanges trees by name, and a push takes hours. By the handle all files are
of one tree. If that tree is gone or has changed, the push ends with an error.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from hugflow.errors import PlanOutOfDate, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.pushing.owner import parse_manifest
from hugflow.stages.tree.manifest import Manifest
from hugflow.stages.tree.versions import Version, read_version, version_id
from hugflow.store.layout import Places


@dataclass(frozen=True, slots=True)
class OpenTree:
    """The tree of one version. manifest_bytes: its manifest, as it was when it was opened."""

    places: Places
    version: Version
    manifest_bytes: bytes
    handle: int

    @property
    def manifest(self) -> Manifest:
        """Its manifest."""
        return self.version.manifest

    def open(self, path: str) -> BinaryIO:
        """Open a file of the tree. Raises PlanOutOfDate if another version is in use by now."""
        try:
            return _open(self.handle, path)
        except FileNotFoundError:
            self.refuse_change()
            raise

    def read(self, path: str) -> bytes:
        """The bytes of a file; raises as `open` does."""
        with self.open(path) as file:
            return file.read()

    def refuse_change(self) -> None:
        """Raise PlanOutOfDate if the version in use is another one by now."""
        name = self.manifest.dataset
        now = read_version(self.places.dataset(name), name)
        if now is None or now.id != self.version.id:
            raise _changed(name, self.version.id)


@contextmanager
def open_tree(places: Places, name: str) -> Iterator[OpenTree]:
    """The complete tree of a dataset. Raises UsageWrong when it is not complete."""
    version = read_version(places.dataset(name), name)
    if version is None:
        raise UsageWrong(
            f"{name} is not complete, so it is not pushed",
            why="only a dataset with a manifest has all its rows",
            mend="`hugflow local-sync` on its request makes the rest",
        )
    handle = os.open(version.folder.root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with _open(handle, version.folder.manifest.name) as file:
            data = file.read()
        manifest = parse_manifest(data)
        if manifest is None or version_id(manifest) != version.id:
            raise _changed(name, version.id)
        yield OpenTree(places, version, data, handle)
    finally:
        os.close(handle)


def _open(handle: int, path: str) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY, dir_fd=handle), "rb")


def _changed(name: str, version: str) -> PlanOutOfDate:
    return PlanOutOfDate(
        f"{name} was not pushed: its version {version} is not in use any more",
        why="a sync, a rollback or a removal has replaced its files meanwhile",
        mend="run the same command again: it pushes the version in use then",
    )
