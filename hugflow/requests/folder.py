"""The `requests/` folder of a work tree: which of its files are requests, and their bytes."""

import os
import stat
from pathlib import Path, PurePath, PurePosixPath

from hugflow.requests.problems import Problem, RequestFileInvalid
from hugflow.requests.read import read_request_bytes

REQUESTS_FOLDER = "requests"


def is_request_path(path: PurePath | str) -> bool:
    """Whether a path, relative to the repository, is the path of a request.

    `requests/**.yaml` and `.yml`, in any case; not hidden, and inside the folder.
    """
    parts = PurePosixPath(path).parts
    return (
        len(parts) > 1
        and parts[0] == REQUESTS_FOLDER
        and not any(part.startswith(".") for part in parts)
        and parts[-1].lower().endswith((".yaml", ".yml"))
    )


def read_folder(root: Path) -> dict[str, bytes]:
    """Read the request files below `root / "requests"`, by path relative to `root`.

    Files are read as git sees them: a link is not followed, its content is its target's path. Only
    files, folders and links count. Of a file that is too large for a request, only enough to see
    that is read.

    Without the folder there are no requests. Raises RequestFileInvalid if a file cannot be read:
    being unable to look is not an empty answer.
    """
    data_by_path: dict[str, bytes] = {}
    folders = [root / REQUESTS_FOLDER]
    if not os.path.lexists(folders[0]):
        return {}
    while folders:
        for path in _list_folder(folders.pop()):
            name = path.relative_to(root).as_posix()
            mode = _read_mode(path)
            if stat.S_ISDIR(mode) and not path.name.startswith("."):
                folders.append(path)
            elif is_request_path(name) and stat.S_ISLNK(mode):
                data_by_path[name] = os.fsencode(path.readlink())
            elif is_request_path(name) and stat.S_ISREG(mode):
                data_by_path[name] = read_request_bytes(path)
    return dict(sorted(data_by_path.items()))


def _list_folder(folder: Path) -> list[Path]:
    try:
        # iterdir would follow a link; requests must be in the repository itself.
        if folder.is_symlink():
            raise NotADirectoryError(0, "is a link")
        return list(folder.iterdir())
    except OSError as error:
        why = "the request files could not all be read, so nothing is treated as removed"
        mend = "make it a folder that you may read"
        what = f"cannot be listed: {error.strerror}"
        problem = Problem(str(folder), None, None, None, what, why, mend)
        raise RequestFileInvalid([problem]) from error


def _read_mode(path: Path) -> int:
    """The file's mode; 0 if the file was deleted since its folder was listed."""
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0
