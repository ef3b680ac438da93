"""The two files with settings, both in the project root.

`.env`, as shells write it; UTF-8, from Windows too (BOM, CRLF). It is not committed:

    export STORAGE_ROOT="/data/speech"   # a comment
    LOG_LEVEL=DEBUG

The project file (`hugflow.project_file`), which is committed, below `settings:`:

    settings:
      STORAGE_ROOT: /data/speech
      WORKERS: 4

Problems of a file are values, so that all of them are reported at once. They repeat only names and
line numbers, never values.
"""

import io
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from dotenv.parser import parse_stream

from hugflow.errors import SettingInvalid
from hugflow.late_dataclass import dataclass
from hugflow.project_file import LARGEST_FILE_BYTES, ProjectFile
from hugflow.trees.tree import Node

DOTENV = ".env"
KEY = "settings"

_DOTENV_MEND = "write one NAME=value a line, in UTF-8"
_YAML_MEND = "write `settings:` and below it, indented, one `NAME: value` a line, in UTF-8"


@dataclass(frozen=True, slots=True)
class NotPlain:
    """A value of a type that no setting can have, such as a list."""

    kind: str


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The content of one file: values by name, with their lines, and the file's problems.

    unread_lines: lines of `.env` that are not NAME=value.
    name: the file's name.
    """

    values: Mapping[str, object] = field(default_factory=dict)
    line_by_name: Mapping[str, int] = field(default_factory=dict)
    unread_lines: tuple[int, ...] = ()
    problems: tuple[SettingInvalid, ...] = ()
    name: str = DOTENV


def read_dotenv(root: Path) -> SettingsFile:
    """Read `root/.env`; if a name appears twice, the last value counts."""
    text = _read_text(root / DOTENV, _DOTENV_MEND)
    if isinstance(text, SettingInvalid):
        return SettingsFile(problems=(text,))
    values: dict[str, object] = {}
    line_by_name: dict[str, int] = {}
    unread_lines: list[int] = []
    for binding in parse_stream(io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n"))):
        # The parser counts the blank lines before a binding as its own.
        source = binding.original.string
        blank = source[: len(source) - len(source.lstrip())]
        line = binding.original.line + blank.count("\n")
        if binding.error:
            unread_lines.append(line)
        elif binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
            line_by_name[binding.key] = line
    return SettingsFile(values, line_by_name, tuple(unread_lines))


def to_settings(file: ProjectFile) -> SettingsFile:
    """The values below `settings:` in the project file: text, numbers, booleans, and NotPlain."""
    name = file.shown_name
    node = file.nodes.get(KEY)
    if node is None or node.value is None:
        return SettingsFile(name=name, problems=file.problems)
    if not isinstance(node.value, Mapping):
        why = f"line {node.line}: `settings` is not a mapping"
        bad = SettingInvalid(f"{name} cannot be used", why=why, mend=_YAML_MEND)
        return SettingsFile(name=name, problems=(*file.problems, bad))
    return SettingsFile(
        {key: _to_value(inner) for key, inner in node.value.items()},
        {key: inner.line for key, inner in node.value.items()},
        problems=file.problems,
        name=name,
    )


def _to_value(node: Node) -> object:
    if isinstance(node.value, tuple):
        return NotPlain("a list")
    return NotPlain("a mapping") if isinstance(node.value, Mapping) else node.value


def _read_text(path: Path, mend: str) -> str | SettingInvalid:
    """The text of a file without its BOM; "" when there is no such file."""
    try:
        # A folder called .env is a virtual environment.
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "it cannot be opened"
        return _invalid(path.name, reason, "make it readable, or move it away")
    if len(data) > LARGEST_FILE_BYTES:
        why = f"it is larger than {LARGEST_FILE_BYTES // 1024} KiB"
        return _invalid(path.name, why, f"leave only what {path.name} is for")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _invalid(path.name, f"line {line} is not UTF-8", mend)


def _invalid(name: str, why: str, mend: str) -> SettingInvalid:
    return SettingInvalid(f"{name} cannot be used", why=why, mend=mend)
