"""The project file: bytes to its top-level keys, each with its value and lines.

`hugflow.yaml`, `hugflow.yml` or `hugflow.json` in a project's root; only one of them:

    parents:                      the hierarchy of repositories
      speech: {location: ...}
    settings: {WORKERS: 4}        docs/settings.md
    policy: {largest_gb: 500}     docs/requests.md

If there is none of these, a legacy `config.json` is read: unknown keys in it are ignored, and
settings, policy and flows are not taken from it. `hugflow.local.yaml`, which is not committed,
holds only `overrides`.

Errors of the file as a whole are found here and nowhere else. The module that owns a key reads the
value below it, and declares the key as `KEY`, or several as `KEYS`; our KEYS names that module.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from hugflow.errors import SettingInvalid
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.project_root import LOCAL_FILE_NAME, PROJECT_FILE_NAMES
from hugflow.show_key import show_key
from hugflow.trees.from_json import parse_json
from hugflow.trees.from_yaml import parse_yaml
from hugflow.trees.tree import Fault, Node

NAMES = PROJECT_FILE_NAMES
LEGACY_NAME = "config.json"
LOCAL_NAME = LOCAL_FILE_NAME
LARGEST_FILE_BYTES = 64 * 1024

# The module that reads each key.
KEYS: Mapping[str, str] = {
    "parents": "hugflow.hierarchy.project_config",
    "sources": "hugflow.hierarchy.project_config",
    "sheet_names": "hugflow.hierarchy.project_config",
    "steps": "hugflow.hierarchy.project_config",
    "meta": "hugflow.hierarchy.project_config",
    "inputpath": "hugflow.hierarchy.project_config",
    "temppath": "hugflow.hierarchy.project_config",
    "outputpath": "hugflow.hierarchy.project_config",
    "flows_outputbasename": "hugflow.hierarchy.project_config",
    "output_split_number": "hugflow.hierarchy.project_config",
    "settings": "hugflow.settings_files",
    "policy": "hugflow.requests.policy",
    "flows": "hugflow.flows.project_key",
}
LOCAL_KEYS: Mapping[str, str] = {"overrides": "hugflow.hierarchy.overrides"}
_NOT_IN_LEGACY = frozenset({"settings", "policy", "flows"})
_ELSEWHERE = {
    "overrides": f"move it to {LOCAL_NAME}",
    "serve": "write it below `flows:`",
}
# These end a line for YAML but not on the review page, or reorder the text there.
_REFUSED_CHARACTERS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]|\r(?!\n)"
)
_SETTING_NAME = re.compile(r"[A-Z]+(?:_[A-Z]+)*")


class ProjectFileInvalid(SettingInvalid):
    """A project file is not valid; `name` and `line` say where."""

    def __init__(self, name: str, fault: Fault, *, has_line: bool = True) -> None:
        """Name the place of a fault, and the fault."""
        self.name = name
        self.fault = fault
        self.line = fault.line if has_line else None
        where = f"{name}:{fault.line}:" if has_line else name
        super().__init__(f"{where} {fault.what}", why=fault.why, mend=fault.mend)


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """The content of one project file: values with their lines, by top-level key.

    name: None if there is no file.
    problems: errors of the file as a whole; `nodes` still has what could be read.
    warnings: what is odd, one line each.
    """

    name: str | None = None
    nodes: Mapping[str, Node] = field(default_factory=dict)
    problems: tuple[ProjectFileInvalid, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def shown_name(self) -> str:
        """The file's name, or the name that it would have."""
        return self.name or NAMES[0]


def read_project_file(root: Path, *, ignores_unknown: bool = False) -> ProjectFile:
    """Read the project file of a folder; an empty one if there is none.

    ignores_unknown: unknown keys are no problem, as in a parent repository.
    """
    names = [name for name in NAMES if os.path.lexists(root / name)]
    if len(names) > 1:
        problem = ProjectFileInvalid(names[0], not_the_only_file(names), has_line=False)
        return ProjectFile(names[0], problems=(problem,))
    name = names[0] if names else LEGACY_NAME
    if not os.path.lexists(root / name):
        return ProjectFile()
    return _read(root / name, ignores_unknown=ignores_unknown)


def read_local_file(root: Path) -> ProjectFile:
    """Read `hugflow.local.yaml` of a folder; an empty one if there is none."""
    path = root / LOCAL_NAME
    return _read(path) if os.path.lexists(path) else ProjectFile()


def parse_project_file(
    data: bytes, name: str = NAMES[0], *, ignores_unknown: bool = False
) -> ProjectFile:
    """Read the bytes of a project file.

    name: decides between YAML and JSON, and which keys are allowed.
    ignores_unknown: unknown keys are no problem, as in a parent repository.
    """
    is_legacy = name == LEGACY_NAME
    text = _decode(data, is_legacy=is_legacy)
    if isinstance(text, Fault):
        return _damaged(name, text, is_legacy=is_legacy)
    tree = parse_json(text) if name.endswith(".json") else parse_yaml(text)
    faults = list(tree.faults)
    root = tree.root
    nodes: Mapping[str, Node] = {}
    if root is not None and isinstance(root.value, Mapping):
        nodes = root.value
    elif root is not None and root.value is not None:
        why = "its top level holds keys with values, and nothing else"
        faults.append(Fault(root.line, "the file is not a mapping", why, "write `key: value`"))
    keys = LOCAL_KEYS if name == LOCAL_NAME else KEYS
    if is_legacy:
        return _legacy(name, nodes, faults)
    if not ignores_unknown:
        faults += [_unknown_key(key, node, keys) for key, node in nodes.items() if key not in keys]
    known = {key: node for key, node in nodes.items() if key in keys}
    problems = tuple(ProjectFileInvalid(name, fault) for fault in sorted(faults, key=_line))
    return ProjectFile(name, known, problems)


def not_the_only_file(names: Sequence[str]) -> Fault:
    """The error for several project files in one folder, naming the first."""
    why = f"{' and '.join(names[1:])} is there too, and only one of them could count"
    return Fault(1, "is not the only project file", why, "keep one of them, and delete the others")


def _read(path: Path, *, ignores_unknown: bool = False) -> ProjectFile:
    """Read one existing file; a file that cannot be read is a problem."""
    is_legacy = path.name == LEGACY_NAME
    try:
        if not path.is_file():
            return _unusable(path.name, "it is no file", is_legacy=is_legacy)
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        why = error.strerror or "it cannot be opened"
        return _unusable(path.name, why, is_legacy=is_legacy)
    return parse_project_file(data, path.name, ignores_unknown=ignores_unknown)


def _decode(data: bytes, *, is_legacy: bool) -> str | Fault:
    if len(data) > LARGEST_FILE_BYTES:
        why = f"it is larger than {LARGEST_FILE_BYTES // 1024} KiB"
        return Fault(1, "the file cannot be used", why, "keep the keys that it is for")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        why = "the file must read the same on every machine"
        return Fault(line, "the file is not UTF-8", why, "save it as UTF-8")
    found = None if is_legacy else _REFUSED_CHARACTERS.search(text)
    if found is not None:
        return Fault(
            text.count("\n", 0, found.start()) + 1,
            f"the file holds U+{ord(found[0]):04X}, which no project file may hold",
            "a reviewer could not see what it does to the text around it",
            "delete that character; lines end with LF or CRLF",
        )
    return text


def _unknown_key(key: str, node: Node, keys: Mapping[str, str]) -> Fault:
    near = nearest_name(key, keys)
    if key in _ELSEWHERE and keys is KEYS:
        mend = _ELSEWHERE[key]
    elif near is not None:
        mend = f"did you mean {near}?"
    elif keys is KEYS and _SETTING_NAME.fullmatch(key):
        mend = "write it below `settings:`"
    else:
        mend = f"delete it; the keys are {', '.join(keys)}"
    why = "a misspelt key would switch off, in silence, what it is meant to set"
    return Fault(node.line, f"{show_key(key)} is an unknown key", why, mend)


def _legacy(name: str, nodes: Mapping[str, Node], faults: list[Fault]) -> ProjectFile:
    """A legacy file: its faults become warnings, and its unknown keys are ignored."""
    known = {key: node for key, node in nodes.items() if key in KEYS.keys() - _NOT_IN_LEGACY}
    warnings = [f"{name}:{fault.line}: {fault.what}: {fault.why}" for fault in faults]
    warnings += [
        f"{name}:{nodes[key].line}: {key} is not read from {name}; write it into {NAMES[0]}"
        for key in nodes
        if key in _NOT_IN_LEGACY
    ]
    return ProjectFile(name, known, (), tuple(warnings))


def _unusable(name: str, why: str, *, is_legacy: bool) -> ProjectFile:
    fault = Fault(1, "cannot be used", why, "make it a file that you may read, or move it")
    if is_legacy:
        return _legacy(name, {}, [fault])
    return ProjectFile(name, problems=(ProjectFileInvalid(name, fault, has_line=False),))


def _damaged(name: str, fault: Fault, *, is_legacy: bool) -> ProjectFile:
    if is_legacy:
        return _legacy(name, {}, [fault])
    return ProjectFile(name, problems=(ProjectFileInvalid(name, fault),))


def _line(fault: Fault) -> int:
    return fault.line
