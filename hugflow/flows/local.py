"""Modules that are folders of this machine: linked, never copied."""

from pathlib import Path

from hugflow.errors import FlowModuleIdInvalid
from hugflow.flows.dependencies import Dependency
from hugflow.flows.places import FlowPlaces


def find_folder(places: FlowPlaces, asked: Dependency) -> Path:
    """The folder that a local revision means; a relative one is relative to the root.

    Raises FlowModuleIdInvalid where it is no folder, or one that modules are synced into.
    """
    try:
        folder = (places.root / Path(asked.revision).expanduser()).resolve()
    except (OSError, RuntimeError) as error:
        raise _unfit(asked, f"it cannot be resolved: {error}") from error
    if not folder.is_dir():
        raise _unfit(asked, f"{folder} is no folder")
    modules = places.modules.resolve()
    if folder.is_relative_to(modules) or modules.is_relative_to(folder):
        raise _unfit(asked, f"{folder} holds synced modules, or is one")
    return folder


def _unfit(asked: Dependency, why: str) -> FlowModuleIdInvalid:
    return FlowModuleIdInvalid(
        f"{asked}: not a folder that can be linked",
        why=why,
        mend="name a folder outside of flow_modules; a branch's name does not begin with /, ./, ../ or ~",
    )
