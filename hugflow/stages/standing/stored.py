"""The datasets that exist here, by their identity and not by the names of folders."""

from collections.abc import Iterable
from pathlib import Path

from hugflow.errors import StateUnreadable
from hugflow.requests.model import Identity
from hugflow.shards.plans import read_current_plan
from hugflow.stages.standing.removal_records import removed_names
from hugflow.stages.tree.manifest import read_manifest_name
from hugflow.store.layout import Places


def list_names(places: Places) -> list[str]:
    """Names of the datasets that are planned, stored or removed, in order; no file is read."""
    stored = _folder_names(places.storage_root)
    complete = [name for name in stored if places.dataset(name).manifest.is_file()]
    planned = _folder_names(places.state_dir / "plans")
    return sorted({*complete, *planned, *removed_names(places)})


def read_stored(places: Places) -> list[Identity]:
    """The datasets that have a tree in storage, complete or not, by name."""
    return _identities(places, _folder_names(places.storage_root))


def read_planned(places: Places) -> list[Identity]:
    """The datasets that have a plan, stored or not, by name."""
    return _identities(places, _folder_names(places.state_dir / "plans"))


def read_identity(places: Places, name: str) -> Identity | None:
    """The identity of the dataset `name`, from its manifest, else from its plan; None if unknown.

    An identity counts only if it gives this very name.
    """
    named = read_manifest_name(places.dataset(name).manifest)
    found = named.identity if named is not None else _planned_identity(places, name)
    return found if found is not None and found.name == name else None


def _planned_identity(places: Places, name: str) -> Identity | None:
    try:
        plan = read_current_plan(places, name)
    except StateUnreadable:
        return None
    if plan is None:
        return None
    asked = plan.request
    return Identity(asked.hf_id, asked.subset, asked.split, asked.revision)


def _identities(places: Places, names: Iterable[str]) -> list[Identity]:
    found = [read_identity(places, name) for name in sorted(names)]
    return [identity for identity in found if identity is not None]


def _folder_names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return [
        path.name
        for path in folder.iterdir()
        if path.name[0] != "." and path.is_dir() and not path.is_symlink()
    ]
