"""Which datasets are here, by what they are and not by what their folders are called."""

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
    """The datasets that have a plan, whether anything of them is stored or not, by name."""
    return _identities(places, _folder_names(places.state_dir / "plans"))


def read_identity(places: Places, name: str) -> Identity | None:
    """What the dataset called `name` is, by its manifest, else by its plan; None when neither tells.

    Only an answer that leads back to this very name counts.
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
