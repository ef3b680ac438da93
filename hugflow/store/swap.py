"""Exchange of two names in one step: two folders, or a folder and a link.

Linux has `renameat2(RENAME_EXCHANGE)` (since 3.15), macOS `renamex_np(RENAME_SWAP)`; Python has
neither. On a file system without such a step the caller has to use two renames.
"""

import ctypes
import errno
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from hugflow.store.atomic import sync_folder

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_RENAME_SWAP = 2
_UNKNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


def swap(first: Path, second: Path) -> bool:
    """Exchange two existing names. False if this system or disk has no such step."""
    call = _find_call()
    if call is None:
        return False
    if call(os.fsencode(first), os.fsencode(second)) != 0:
        number = ctypes.get_errno()
        if number in _UNKNOWN:
            return False
        raise OSError(number, os.strerror(number), str(first), None, str(second))
    for folder in {first.parent, second.parent}:
        sync_folder(folder)
    return True


@cache
def _find_call() -> Any | None:
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        renamex = getattr(library, "renamex_np", None)
        return renamex and (lambda first, second: renamex(first, second, _RENAME_SWAP))
    renameat2 = getattr(library, "renameat2", None)
    return renameat2 and (
        lambda first, second: renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE)
    )
