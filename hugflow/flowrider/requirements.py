"""The requirements of a project that are not installed where a step runs."""

import shlex
import sys
from pathlib import Path
from typing import Final

from hugflow.installed import is_installed

FILE: Final = "requirements.txt"
# The package itself: a bundle imports it anyway.
_OWN: Final = frozenset({".", "-e .", "-e ./", "--editable ."})


def find_missing() -> tuple[list[str], list[str]]:
    """The requirements to install, and pip's arguments for them; both empty if all are there.

    They are read from `requirements.txt` beside the flow's file, else in the working directory.
    """
    for folder in (Path(sys.argv[0]).resolve().parent, Path.cwd()):
        if (folder / FILE).is_file():
            return parse_missing((folder / FILE).read_text("utf-8"), folder)
    return [], []


def parse_missing(text: str, folder: Path) -> tuple[list[str], list[str]]:
    """What of a requirements file is to be installed, and its options, such as an index."""
    missing, options = [], []
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split(" #")[0].strip()
        if not words or words.startswith("#") or words in _OWN:
            continue
        if words.startswith("-"):
            options += _to_absolute(shlex.split(words.replace("=", " ", 1)), folder)
        elif not is_installed(words):
            missing.append(words)
    includes_files = any(option in ("-r", "--requirement") for option in options)
    return (missing, options) if missing or includes_files else ([], [])


def _to_absolute(words: list[str], folder: Path) -> list[str]:
    """An option with its file named absolutely: pip runs in another folder."""
    option, *values = words
    if option in ("-r", "--requirement", "-c", "--constraint", "-f", "--find-links"):
        values = [str(folder / value) if "://" not in value else value for value in values]
    return [option, *values]
