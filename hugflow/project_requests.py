"""The request files of a project; today they are those of its own `requests/` folder.

Shells read requests only here, so that requests of parent repositories can be added in one place.
"""

from collections.abc import Mapping
from pathlib import Path

from hugflow.requests.folder import read_folder


def read_requests(root: Path | None) -> Mapping[str, bytes]:
    """The bytes of a project's request files, by path relative to its root.

    root: None outside of a project; then there are no requests. Raises RequestFileInvalid if a file
        cannot be read: being unable to look is not an empty answer.
    """
    return read_folder(root) if root is not None else {}
