"""What the environment says about runs, and the environment that a run gets."""

import os
import pwd
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from hugflow.errors import CannotWrite
from hugflow.flowrider.config import FlowConfig
from hugflow.flowrider.text import to_text
from hugflow.store.atomic import disk_errors

TEMP_DIR: Final = "FLOWRIDER_TEMP_DIR"
LOCAL_ROOT: Final = "METAFLOW_DATASTORE_SYSROOT_LOCAL"
# Marks every process of an attempt, so that those of a killed run are found.
ATTEMPT: Final = "HUGFLOW_FLOW_ATTEMPT"
_USER: Final = "METAFLOW_USER"
# Where Metaflow looks for a user; it refuses root.
_USERS: Final = (_USER, "SUDO_USER", "USERNAME", "USER")
_ROOT: Final = "root"
_ANYBODY: Final = "hugflow"


def open_temp_dir(root: Path) -> Path:
    """The folder of bundles and cached artifacts, made if it is missing.

    FLOWRIDER_TEMP_DIR of the environment, else of the project's `.env`, relative to the project's
    folder; else a folder in the system's temporary folder that only this user can enter.

    Raises CannotWrite.
    """
    dotenv = root / ".env"
    values = dotenv_values(dotenv, interpolate=False) if dotenv.is_file() else {}
    chosen = os.environ.get(TEMP_DIR) or values.get(TEMP_DIR)
    if chosen:
        folder = root / Path(chosen).expanduser()
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder.resolve()
    folder = Path(tempfile.gettempdir()) / f"hugflow-flows-{os.getuid()}"
    with disk_errors(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise CannotWrite(
            f"{folder} cannot be used",
            why="it belongs to another user",
            mend=f"set {TEMP_DIR} to a folder of your own",
        )
    return folder.resolve()


def run_environment(
    config: FlowConfig, root: Path, environment: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a run: ours, what Metaflow needs, and the config's `env` over both.

    A null in `env` unsets a variable. Raises FlowConfigError for a value that has no text.
    """
    env = {**environment, **metaflow_environment(root, environment)}
    env.setdefault("PYTHONUNBUFFERED", "1")
    for name, value in config.env.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = to_text(value, config.origin.place(("env", name)))
    return env


def metaflow_environment(root: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What Metaflow needs beside the environment: where `.metaflow` is, and a user.

    It has no user in a container or a service, and refuses root.
    """
    added = {}
    if not environment.get(LOCAL_ROOT):
        added[LOCAL_ROOT] = str(root)
    if not any(environment.get(name, _ROOT) not in ("", _ROOT) for name in _USERS):
        added[_USER] = _ANYBODY if user_name() == _ROOT else user_name()
    return added


def user_name() -> str:
    """The name of the user that this process runs as."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"
