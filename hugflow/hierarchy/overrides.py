"""Local folders in place of parents, while somebody works on several repositories at once.

    hugflow.local.yaml (not committed)        HUGFLOW_OVERRIDES
    overrides:                                parent1=../parent,parent1/grandparent1=../grandparent
      parent1/grandparent1: ../grandparent

Entries of the variable are separated by commas, or as in PATH. A key is a path of parents. Later wins: the file, the environment, what a command or caller says.
The lock is neither read for an overridden parent nor written.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from hugflow.hierarchy.errors import ConfigError
from hugflow.project_file import LOCAL_NAME, read_local_file

KEY = "overrides"
VARIABLE = "HUGFLOW_OVERRIDES"
_SEPARATOR = re.compile(r"[,;\n]|:(?=[A-Za-z0-9_/-]+=)")
_TRAIL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(?:/[A-Za-z0-9_][A-Za-z0-9_-]*)*")


def read_overrides(
    root: Path, environ: Mapping[str, str], given: Mapping[str, str | Path] | None = None
) -> dict[tuple[str, ...], Path]:
    """The overridden paths of parents, each with its folder; relative folders begin at `root`."""
    found = _read_file(root)
    for entry in _SEPARATOR.split(environ.get(VARIABLE, "")):
        if entry.strip():
            key, value = parse_override(entry.strip(), VARIABLE)
            found[key] = value
    found |= {str(key): str(value) for key, value in (given or {}).items()}
    return {_to_trail(key): root / Path(value).expanduser() for key, value in found.items()}


def parse_override(text: str, where: str) -> tuple[str, str]:
    """`parent1/grandparent1=../folder` as two texts. Raises ConfigError."""
    key, equals, value = text.partition("=")
    if not equals or not value:
        raise ConfigError(
            f"{where}: {text[:80]!r} is no override",
            why="an override is a path of parents, an equals sign, and a folder",
            mend="write parent1/grandparent1=../grandparent",
        )
    return key.strip(), value.strip()


def _read_file(root: Path) -> dict[str, str]:
    file = read_local_file(root)
    for problem in file.problems:
        fault = problem.fault
        raise ConfigError(
            fault.what, why=fault.why, mend=fault.mend, file=LOCAL_NAME, line=problem.line
        )
    node = file.nodes.get(KEY)
    if node is None or node.value is None:
        return {}
    value = node.plain
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ConfigError(
            "overrides are not paths of parents with folders",
            why="each entry has a path of parents as its key, and a folder",
            mend="write `parent1/grandparent1: ../grandparent`",
            file=LOCAL_NAME,
            line=node.line,
            key=KEY,
        )
    return value


def _to_trail(key: str) -> tuple[str, ...]:
    if not _TRAIL.fullmatch(key):
        raise ConfigError(
            f"{key[:80]!r} is no path of parents",
            why="it is the names of parents from the root, with slashes",
            mend="write parent1 or parent1/grandparent1",
        )
    return tuple(key.split("/"))
