"""A runner's checkout: no data may be kept in it, and no pull request may change our settings."""

import os
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path

from hugflow.ci.changes import Changes
from hugflow.clients.git import is_tracked
from hugflow.clients.git_program import GitFailed
from hugflow.errors import SettingInvalid, UsageWrong
from hugflow.project_file import LOCAL_NAME
from hugflow.project_file import NAMES as PROJECT_FILES
from hugflow.store.layout import Places

# What a flow of the project's own is made of.
_CODE = (".py", ".yaml", ".yml")
SETTINGS_FILES = (*PROJECT_FILES, LOCAL_NAME, ".env")


def find_checkout(root: Path, environ: Mapping[str, str]) -> Path:
    """The folder of the checkout: GITHUB_WORKSPACE, else the project itself."""
    workspace = environ.get("GITHUB_WORKSPACE")
    return Path(workspace) if workspace else root


def find_inside(places: Places, checkout: Path) -> list[str]:
    """Names of settings whose folder is inside the checkout, or contains it; links are followed."""
    folders = {
        "STORAGE_ROOT": places.storage_root,
        "STATE_DIR": places.state_dir,
        "PROCESSED_ROOT": places.processed_root,
    }
    inside = os.path.realpath(checkout)
    return [name for name, path in folders.items() if _is_within(os.path.realpath(path), inside)]


def refuse_inside(names: Iterable[str], checkout: Path) -> None:
    """Raise SettingInvalid if there are such settings."""
    found = list(names)
    if found:
        raise SettingInvalid(
            f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} inside the checkout "
            f"{checkout}, or around it",
            why="a checkout cleans its folder, and what was made would be gone",
            mend="on the runner, set "
            + " and ".join(f"{name}=/srv/hugflow/{_folder(name)}" for name in found)
            + " in its environment, or any other folder outside of the checkout",
        )


def refuse_proposed_settings(
    root: Path, changes: Changes, read_base: Callable[[str], Container[bytes]]
) -> None:
    """Raise UsageWrong if the settings in force may be those of the pull request.

    A pull request could send our tokens to an address of its choice. A workflow that checks out the
    base is safe.

    read_base: gives the content of a file in the base; a file that is not known to be the base's
        counts as the pull request's.
    """
    for name in SETTINGS_FILES:
        if _is_proposed(root, name, changes, read_base):
            raise UsageWrong(
                f"{name} here may be the one that the pull request brings",
                why="what a pull request sets counts once it is on main, and not before",
                mend="let the workflow check out the base, as `hugflow init` writes it; or bring "
                f"{name} by a pull request of its own",
            )


def refuse_proposed_code(
    root: Path, changes: Changes, read_base: Callable[[str], Container[bytes]]
) -> None:
    """Raise UsageWrong if a request has row steps, and code here may be the pull request's.

    A step may name a class of the project's own. Arguments as for `refuse_proposed_settings`.
    """
    if not any(b"flows" in data for data in changes.data_by_path.values()):
        return
    if not changes.is_whole:
        raise UsageWrong(
            "the pull request changes more files than GitHub lists",
            why="a request has row steps, and code here may be among the changes",
            mend="bring the request by a pull request of its own",
        )
    names = sorted(path for path in changes.others if path.endswith(_CODE))
    for name in names:
        if _is_proposed(root, name, changes, read_base):
            raise UsageWrong(
                f"{name} here may be the one that the pull request brings",
                why="a request has row steps, and no code of a pull request is run",
                mend="let the workflow check out the base, as `hugflow init` writes it; or bring "
                "the code by a pull request of its own",
            )


def _is_proposed(
    root: Path, name: str, changes: Changes, read_base: Callable[[str], Container[bytes]]
) -> bool:
    """Whether a file here may be the one that the pull request brings."""
    if not changes.may_change(name):
        return False
    try:
        here = (root / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return _may_be_checked_out(root, name) and here not in read_base(name)


def _may_be_checked_out(root: Path, name: str) -> bool:
    """Whether git may have put the file here; an untracked file came from another source."""
    try:
        return is_tracked(root, name)
    except GitFailed:
        return True


def _is_within(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) in (folder, path)


def _folder(name: str) -> str:
    return {"STORAGE_ROOT": "datasets", "STATE_DIR": "state"}.get(name, "processed")
