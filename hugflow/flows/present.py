"""What is there of a module now, and whether somebody changed it since it was synced."""

from pathlib import Path
from typing import Literal

from hugflow.flows.module_files import digest_tree
from hugflow.flows.names import ModuleId
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import NO_COMMIT, LockEntry, Synced, read_id
from hugflow.late_dataclass import dataclass

Kind = Literal["absent", "link", "synced", "unknown"]


@dataclass(frozen=True, slots=True)
class Present:
    """What stands at a module's place.

    synced: None where nothing is there, or a folder that no sync made. is_modified: files were
    changed, added or deleted since. link: where a link leads.
    """

    kind: Kind
    synced: Synced | None = None
    is_modified: bool = False
    link: Path | None = None


ABSENT = Present("absent")


def read_present(places: FlowPlaces, module: ModuleId, entry: LockEntry | None) -> Present:
    """What stands at a module's place; entry: what flow.mod says of it.

    The module's own FLOW_MODULE_ID counts first: it appears together with the files, and a sync that
    was killed right after has not written flow.mod yet.
    """
    folder = places.module(module)
    locked = entry.synced if entry is not None else None
    if folder.is_symlink():
        synced = locked if locked is not None and locked.commit == NO_COMMIT else None
        return Present("link", synced, link=folder.resolve())
    if not folder.is_dir():
        return Present("unknown", is_modified=True) if folder.exists() else ABSENT
    synced = read_id(folder)
    if synced is None and locked is not None and locked.commit != NO_COMMIT:
        synced = locked
    if synced is None or synced.module != module:
        return Present("unknown", is_modified=True)
    return Present("synced", synced, is_modified=digest_tree(folder) != synced.digest)
