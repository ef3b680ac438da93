"""The symlink that publishes a dataset."""

from pathlib import Path

from hugflow.errors import HugflowError
from hugflow.store.atomic import disk_errors, make_folder, sync_folder, temporary_path


def link(path: Path, target: Path) -> bool:
    """Let `path` point to `target`, replacing an older link in one step.

    Returns False when it did so already. Raises HugflowError when something that is not a link
    stands there: it is never replaced.
    """
    if path.is_symlink() and path.readlink() == target:
        return False
    if path.exists() and not path.is_symlink():
        raise HugflowError(
            f"cannot link {path}",
            why="a file or folder that is not a link stands there",
            mend="move it away; hugflow replaces only links",
        )
    try:
        make_folder(path.parent)
        temporary = temporary_path(path)
        temporary.unlink(missing_ok=True)
        with disk_errors(path):
            temporary.symlink_to(target)
            temporary.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise HugflowError(
            f"cannot link {path}",
            why=f"{path.parent} cannot be written: {error.strerror}",
            mend="set PROCESSED_ROOT to a folder you may write (`hugflow init` tests it)",
        ) from error
    return True


def is_linked(path: Path, target: Path) -> bool:
    """Whether `path` is a link to `target`, and `target` is there."""
    return path.is_symlink() and path.readlink() == target and target.is_dir()
