"""Packages for one call: installed by pip into a folder of their own, first on the path.

    FLOWRIDER_TEMP_DIR/overlays/<sha256 of Python, requirements and pip's arguments>/

Nothing that is installed is overwritten, and nothing is left behind after the call.
"""

import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from types import ModuleType
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from hugflow.errors import HugflowError
from hugflow.flowrider.environment import open_temp_dir
from hugflow.redact import in_a_line

FOLDER: Final = "overlays"


class OverlayFailed(HugflowError):
    """Packages cannot be installed for a call, or clash with what is imported."""


def to_requirements(libraries: Mapping[str, str | None]) -> list[str]:
    """Requirements as pip reads them: a bare version means `==`, None means any version.

    Raises OverlayFailed for what is no requirement.
    """
    found = []
    for name, constraint in libraries.items():
        text = f"{name}{_to_specifier(constraint)}"
        try:
            Requirement(text)
        except InvalidRequirement as error:
            raise OverlayFailed(
                f"{in_a_line(text)!r} is no requirement",
                why=in_a_line(str(error)),
                mend='write libraries={"name": "1.2.0"}, {"name": ">=1,<2"} or {"name": None}',
            ) from error
        found.append(text)
    return found


@contextmanager
def overlaid(requirements: Sequence[str], pip_args: Sequence[str] = ()) -> Iterator[None]:
    """While the block runs, these packages are imported first; they are installed if needed.

    Raises OverlayFailed if pip fails, or one of them is already imported in another version.
    """
    folder = _install(requirements, pip_args)
    _refuse_clash(folder)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name, each in list(sys.modules.items()) if _is_from(each, folder)]:
            del sys.modules[name]
        importlib.invalidate_caches()


def _to_specifier(constraint: str | None) -> str:
    if constraint is None:
        return ""
    try:
        return f"=={Version(constraint)}" if constraint.strip() else ""
    except InvalidVersion:
        return f" {constraint}"


def _install(requirements: Sequence[str], pip_args: Sequence[str]) -> Path:
    """The folder with the packages; pip runs only if it does not exist yet."""
    named = [sys.implementation.cache_tag, sys.platform, sorted(requirements), list(pip_args)]
    name = hashlib.sha256(json.dumps(named).encode()).hexdigest()[:32]
    folder = open_temp_dir(Path.cwd()) / FOLDER / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(f"{folder}.{_own_suffix()}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--target", str(fresh), *pip_args, *requirements]
    try:
        done = subprocess.run(  # noqa: S603  # a list; the requirements were checked
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise OverlayFailed(
                f"{', '.join(requirements)} cannot be installed",
                why=in_a_line(lines[-1] if lines else f"pip ended with {done.returncode}"),
                mend="check the names, the versions, and that the package index is reached",
            )
        fresh.mkdir(exist_ok=True)
        try:
            fresh.rename(folder)
        except OSError:
            # Another process has installed the same meanwhile.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _own_suffix() -> str:
    return f"{os.getpid()}-{threading.get_ident()}"


def _refuse_clash(folder: Path) -> None:
    """Raise OverlayFailed if a package is imported already in another version."""
    for distribution in distributions(path=[str(folder)]):
        name = canonicalize_name(distribution.metadata["Name"])
        try:
            is_same = version(name) == distribution.version
        except PackageNotFoundError:
            is_same = False
        if is_same:
            continue
        tops = {file.parts[0].removesuffix(".py") for file in distribution.files or ()}
        for top in sorted(tops & sys.modules.keys()):
            if not _is_from(sys.modules[top], folder):
                raise OverlayFailed(
                    f"{name} {distribution.version} clashes with the package {top}",
                    why=f"{top} is already imported, from another place, and stays as it is",
                    mend="ask for the installed version, or import it in a step of its own",
                )


def _is_from(module: ModuleType | None, folder: Path) -> bool:
    places = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
    return any(place is not None and Path(place).is_relative_to(folder) for place in places)
