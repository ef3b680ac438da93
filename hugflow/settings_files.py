"""The two files that hold settings, both in the project root.

`.env`, as shells write it; UTF-8, from Windows too (BOM, CRLF). It is not committed:

    export STORAGE_ROOT="/data/speech"   # a comment
    LOG_LEVEL=DEBUG

`hugflow.yaml`, which is committed. What else stands at its top level belongs to others:

    settings:
      STORAGE_ROOT: /data/speech
      WORKERS: 4

What is wrong with a file is a value, so that all of it can be told at once. Nothing that was
written is repeated but names and line numbers.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from dotenv.parser import parse_stream
from yaml.constructor import SafeConstructor

from hugflow.errors import SettingInvalid
from hugflow.requests.problems import show_key

DOTENV = ".env"
YAML = "hugflow.yaml"
LARGEST_FILE_BYTES = 64 * 1024

_DOTENV_MEND = "write one NAME=value a line, in UTF-8"
_YAML_MEND = "write `settings:` and below it, indented, one `NAME: value` a line, in UTF-8"


@dataclass(frozen=True, slots=True)
class Unfit:
    """Stands for a value that no setting can have, such as a list."""

    kind: str


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What one file says: values by name, with their lines, and what is wrong with the file.

    unread_lines: those of `.env` that are not NAME=value.
    """

    values: Mapping[str, object] = field(default_factory=dict)
    line_by_name: Mapping[str, int] = field(default_factory=dict)
    unread_lines: tuple[int, ...] = ()
    problems: tuple[SettingInvalid, ...] = ()


def read_dotenv(root: Path) -> SettingsFile:
    """Read `root/.env`; of a name that stands there twice the last value counts."""
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


def read_yaml(root: Path) -> SettingsFile:
    """Read `settings:` of `root/hugflow.yaml`: text, numbers, truth values, and Unfit."""
    text = _read_text(root / YAML, _YAML_MEND)
    if isinstance(text, SettingInvalid):
        return SettingsFile(problems=(text,))
    try:
        # Composed, not loaded: what stands beside `settings` is not ours to build.
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}" if mark is not None else "some line"
        return _bad_yaml(f"it is not YAML from {place} on")
    except (yaml.YAMLError, ValueError, RecursionError):
        return _bad_yaml("it is not YAML")
    pairs = tree.value if isinstance(tree, yaml.MappingNode) else []
    settings = next((node for key, node in pairs if key.value == "settings"), None)
    if isinstance(settings, yaml.MappingNode):
        return _read_pairs(settings.value)
    is_absent = settings is None or settings.tag == "tag:yaml.org,2002:null"
    return SettingsFile() if is_absent else _bad_yaml("`settings` is not a mapping")


def _read_pairs(pairs: Iterable[tuple[yaml.Node, yaml.Node]]) -> SettingsFile:
    values: dict[str, object] = {}
    line_by_name: dict[str, int] = {}
    problems: list[SettingInvalid] = []
    for key, node in pairs:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.append(_bad_line(line, "the name of a setting is one word"))
        elif key.value in values:
            problems.append(_bad_line(line, "it stands there a second time", key.value))
        else:
            line_by_name[key.value] = line
            values[key.value] = _read_value(node)
    return SettingsFile(values, line_by_name, problems=tuple(problems))


def _read_value(node: yaml.Node) -> object:
    if not isinstance(node, yaml.ScalarNode):
        return Unfit("a list" if isinstance(node, yaml.SequenceNode) else "a mapping")
    try:
        value = SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError):
        return Unfit("no value that YAML knows")
    is_plain = value is None or isinstance(value, str | int | float)
    return value if is_plain else Unfit("a date or bytes")


def _bad_line(line: int, why: str, name: str = "") -> SettingInvalid:
    return SettingInvalid(
        f"{show_key(name) if name else 'a setting'} ({YAML}) has no valid value",
        why=f"line {line}: {why}",
        mend="write each name once, and after it one value, in quotes",
    )


def _read_text(path: Path, mend: str) -> str | SettingInvalid:
    """The text of a file, without its BOM; "" where there is no such file."""
    try:
        # A folder called .env is somebody's virtual environment.
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


def _bad_yaml(why: str) -> SettingsFile:
    return SettingsFile(problems=(_invalid(YAML, why, _YAML_MEND),))


def _invalid(name: str, why: str, mend: str) -> SettingInvalid:
    return SettingInvalid(f"{name} cannot be used", why=why, mend=mend)
