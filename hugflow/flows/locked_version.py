"""Which commits of flow modules are locked, as a version that changes with them."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from hugflow.errors import HugflowError
from hugflow.flows.names import parse_module_id
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import read_lock


def locked_version(root: Path, modules: Iterable[str]) -> str:
    """A digest over the locked content of these modules of a project; "" where none is locked.

    modules: `user/repo`. A lock that cannot be read counts as none: running the steps reports it.
    """
    try:
        locked = read_lock(FlowPlaces(root).lock_file)
        found = sorted(
            f"{module}@{locked[module].synced.commit} {locked[module].synced.digest}"
            for module in map(parse_module_id, set(modules))
            if module in locked
        )
    except HugflowError:
        return ""
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16] if found else ""
