"""A copy of the project in a temporary folder, with the flow at its root.

Metaflow packages what lies beside and below the flow's file: at the root of the copy that is the
whole project. The working tree is never written to.
"""

import os
import shutil
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hugflow.errors import CannotWrite
from hugflow.store.atomic import disk_errors

# In the temporary folder: `bundles/<attempt>`.
BUNDLES: Final = "bundles"
# Environments and data: no part of a project's code.
_LEFT_OUT: Final = frozenset({"__pycache__", "node_modules"})
_DATA: Final = frozenset({"datasets", "processed"})
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_ENVIRONMENT_MARK: Final = "pyvenv.cfg"


@contextmanager
def bundled(
    package: Path, flow_path: Path, suffixes: Sequence[str], folder: Path
) -> Iterator[Path]:
    """Copy a project to `folder` and give the flow's file there; the copy is deleted at the end.

    folder: `TEMP/bundles/<attempt>`; TEMP may lie in the project, and is not copied.
    """
    try:
        yield make_bundle(package, flow_path, suffixes, folder)
    finally:
        remove_bundle(folder)


def make_bundle(package: Path, flow_path: Path, suffixes: Sequence[str], folder: Path) -> Path:
    """Copy the files with these suffixes, and the flow to the copy's root; the flow's new path.

    The project is the folder of the package. Of an installed package, it is the package alone.
    """
    root = package.parent
    top = package if root.name in _INSTALLED else root
    with disk_errors(folder):
        folder.mkdir(parents=True)
        for path in find_files(top, suffixes, {folder.parent, folder.parent.parent}):
            target = folder / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        at_root = folder / flow_path.name
        at_root.unlink(missing_ok=True)
        shutil.copyfile(flow_path, at_root)
    return at_root


def find_files(root: Path, suffixes: Sequence[str], without: Set[Path]) -> Iterator[Path]:
    """The files of a project with one of the suffixes, except in hidden folders and environments.

    without: folders that are left out.
    """
    endings = tuple(suffixes)
    for place, folders, files in os.walk(root):
        here = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _LEFT_OUT
            and here / name not in without
            and not (here / name / _ENVIRONMENT_MARK).exists()
            and not (here == root and name in _DATA and not (here / name / "__init__.py").exists())
        )
        for name in sorted(files):
            if name.endswith(endings) and (here / name).is_file():
                yield here / name


def remove_bundle(folder: Path) -> None:
    """Delete a copy. Raises CannotWrite if a part of it remains."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise CannotWrite(
            f"the copy of the project {folder} cannot be deleted",
            why="a part of it is in use, or belongs to another user",
            mend="delete the folder; it holds nothing of value",
        )
