"""The symlink that publishes a dataset."""

import logging
import os
from pathlib import Path

from hugflow.errors import CannotWrite
from hugflow.store.atomic import disk_errors, fresh_temporary, make_folder, sync_folder

log = logging.getLogger(__name__)


def link(path: Path, target: Path) -> bool:
    """Let `path` point to `target`, replacing an older link in one step.

    Returns False if it already did. Raises the errors of `check_link`.
    """
    if path.is_symlink() and path.readlink() == target:
        return False
    check_link(path)
    if path.is_symlink():
        log.warning("%s led to %s; it leads to %s now", path, path.readlink(), target)
    temporary = fresh_temporary(path)
    with disk_errors(path):
        temporary.symlink_to(target)
        temporary.rename(path)
    sync_folder(path.parent)
    return True


def check_link(path: Path) -> None:
    """Check that a link can be made at `path`, before the work begins.

    Raises CannotWrite if its folder cannot be made or written, or if something that is not a link
    exists there: only links are replaced.
    """
    if path.exists() and not path.is_symlink():
        raise CannotWrite(
            f"cannot link {path}",
            why="there is a file or folder that is not a link",
            mend="move it away; hugflow replaces only links",
        )
    try:
        make_folder(path.parent)
    except (OSError, CannotWrite) as error:
        reason = error.why if isinstance(error, CannotWrite) else error.strerror
        raise _no_folder(path.parent, reason or "it cannot be made") from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _no_folder(path.parent, "this user may not write it")


def _no_folder(folder: Path, why: str) -> CannotWrite:
    return CannotWrite(
        f"no link can be made in {folder}",
        why=why,
        mend="set PROCESSED_ROOT to a folder you may write (`hugflow init` tests it), then run "
        "the same command again",
    )


def is_linked(path: Path, target: Path) -> bool:
    """Whether `path` is a link to `target`, and `target` exists."""
    return path.is_symlink() and path.readlink() == target and target.is_dir()
