"""Where a project is: the folder with its settings."""

import os
from collections.abc import Mapping
from pathlib import Path

from hugflow.errors import SettingInvalid

PROJECT_FILE_NAMES = ("hugflow.yaml", "hugflow.yml", "hugflow.json")
LOCAL_FILE_NAME = "hugflow.local.yaml"
PROJECT_FILES = ("workspace.yaml", *PROJECT_FILE_NAMES)


def find_root(start: Path, environ: Mapping[str, str]) -> Path | None:
    """The project root: the nearest folder from `start` upwards, else HUGFLOW_HOME, else None.

    Raises SettingInvalid when HUGFLOW_HOME is needed and is not a folder.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in PROJECT_FILES):
            return folder
    home = environ.get("HUGFLOW_HOME")
    if not home:
        return None
    folder = Path(os.path.expanduser(home)).resolve()  # noqa: PTH111  # Path's raises for nobody
    if not folder.is_dir():
        raise SettingInvalid(
            "HUGFLOW_HOME (environment) is no folder",
            why="it names the project for those who are in none",
            mend="set it to the root of a project, unset it, or go into a project",
        )
    return folder
