"""What the code location was loaded from beside the requests: files of the work tree.

Flow runs, the hierarchy and the versions of row steps are made from them, so a change asks for a
reload.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from hugflow.project_file import NAMES as PROJECT_FILES

_LOCKS = ("hugflow.lock", "flow_modules/flow.mod")
_PATTERNS = ("*/config/pipeline/**/*.yaml", "*/pipeline/**/*.py")


def stamp_work_tree(root: Path | None) -> str:
    """A digest over names, sizes and times of these files; "" outside of a project.

    A new commit that is checked out changes it if it touches one of them.
    """
    if root is None:
        return ""
    stamps = (f"{path.relative_to(root)}\0{_stamp(path)}\n" for path in sorted(_find(root)))
    return hashlib.sha256("".join(stamps).encode(errors="surrogateescape")).hexdigest()


def _find(root: Path) -> Iterator[Path]:
    yield from (root / name for name in (*PROJECT_FILES, *_LOCKS))
    for pattern in _PATTERNS:
        yield from root.glob(pattern)


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "absent"
    return f"{status.st_size} {status.st_mtime_ns}"
