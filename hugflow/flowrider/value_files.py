"""One value in a file: a line that says what it is, then its bytes.

    {"hugflow_value": 1, "key": ["EnvironmentFlow", "1795...", "info"], "kind": "json",
     "sha256": "9f86..."}
    {"a": 1}

The first line is one line in the file. A file is believed only if key and hash are right.
"""

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from hugflow.flowrider.values import KINDS, decode, encode
from hugflow.store.atomic import commit, read_file, write_temporary

VERSION: Final = 1


class NoValue(Exception):
    """A file has no value: it is missing, broken, or that of another key."""


def write_value(path: Path, key: Sequence[str], value: Any) -> bool:
    """Write a value whole; False, and no file, if the value has no bytes (see `values`)."""
    encoded = encode(value)
    if encoded is None:
        return False
    kind, data = encoded
    header = {
        "hugflow_value": VERSION,
        "key": list(key),
        "kind": kind,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    # Several processes may keep the same value at once: each has a file of its own until then.
    own = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    commit([write_temporary(own, [json.dumps(header).encode() + b"\n", data])])
    own.replace(path)
    return True


def read_value(path: Path, key: Sequence[str]) -> Any:
    """The value in a file. Raises NoValue."""
    try:
        head, _, data = read_file(path).partition(b"\n")
        header = json.loads(head)
        kind = header["kind"]
        is_right = (
            header["hugflow_value"] == VERSION
            and header["key"] == list(key)
            and kind in KINDS
            and header["sha256"] == hashlib.sha256(data).hexdigest()
        )
        if is_right:
            return decode(kind, data)
    except Exception as error:  # the libraries raise their own for broken bytes
        raise NoValue(str(path)) from error
    raise NoValue(str(path))
