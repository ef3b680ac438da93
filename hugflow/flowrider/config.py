"""The YAML of one run: what to start the flow with.

    engine: metaflow          metaflow or dagster; absent: what the flow file is written for
    preflow_kwargs:           options of Metaflow itself; for Dagster `selection` and `partition`
      datastore: local
    flow_kwargs:              the flow's parameters, and options of `run`
      random_seed: 3
      info:
        hook: {name: project_name.hooks.info, args: 1, kwargs: {b: 2}}
    tags: ["my extra tag"]
    env: {OMP_NUM_THREADS: 1} environment variables of the run

Each section may be empty. Reading a config runs no hook: see `hugflow.flowrider.hooks`.
"""

import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from hugflow.flowrider.errors import FlowConfigError
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.show_key import show_key
from hugflow.store.atomic import read_file
from hugflow.trees.from_yaml import parse_yaml
from hugflow.trees.tree import Node

Engine: TypeAlias = Literal["metaflow", "dagster"]

ENGINES: Final = get_args(Engine)
SECTIONS: Final = ("engine", "preflow_kwargs", "flow_kwargs", "tags", "env")
HOOK: Final = "hook"
HOOK_KEYS: Final = ("name", "args", "kwargs")
LARGEST_CONFIG_BYTES: Final = 64 << 10
# Each hook in the arguments of a hook is three levels deeper.
DEEPEST: Final = 64

_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """Where a config was read, so that errors can name the line."""

    name: str
    root: Node | None = None

    def place(self, path: tuple[str | int, ...]) -> str:
        """The file and line of a value, and its keys: `dev.yaml:3: flow_kwargs.a[0].b`."""
        line = f"{self.root.line_of(path)}:" if self.root is not None else ""
        return f"{self.name}:{line} {show_path(path)}" if self.name else show_path(path)


@dataclass(frozen=True, slots=True)
class FlowConfig:
    """What a YAML says; values that are hooks stay hooks until `resolve_hooks`."""

    engine: Engine | None = None
    preflow_kwargs: Mapping[str, Any] = field(default_factory=dict)
    flow_kwargs: Mapping[str, Any] = field(default_factory=dict)
    tags: Any = ()
    env: Mapping[str, Any] = field(default_factory=dict)
    origin: ConfigSource = field(default=ConfigSource(""), repr=False, compare=False)


def parse_config(path: Path | str) -> FlowConfig:
    """Read the YAML of a run. Raises FlowConfigError with file, line and key."""
    path = Path(path)
    try:
        text = read_file(path, LARGEST_CONFIG_BYTES).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise FlowConfigError(
            f"{path} does not exist",
            why="the YAML of a run lies in config/pipeline/ and is called FLOW_TAG.yaml",
            mend="write it (an empty file is enough), or choose another one with --tag",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise FlowConfigError(
            f"{path} cannot be read", why=why or str(error), mend="make it a text file"
        ) from error
    return parse_config_text(text, path.name)


def parse_config_text(text: str, name: str = "config") -> FlowConfig:
    """Read the text of a YAML; name: of the file, for errors."""
    tree = parse_yaml(text, max_depth=DEEPEST)
    for fault in tree.faults:
        raise FlowConfigError(f"{name}:{fault.line}: {fault.what}", why=fault.why, mend=fault.mend)
    if tree.root is None or tree.root.value is None:
        return FlowConfig(origin=ConfigSource(name))
    origin = ConfigSource(name, tree.root)
    value = tree.root.plain
    if not isinstance(value, dict):
        raise FlowConfigError(
            f"{name}:{tree.root.line}: the file is not a mapping",
            why=f"its top level holds {', '.join(SECTIONS)}",
            mend="write `flow_kwargs:` and the parameters below it",
        )
    return to_config(value, origin)


def to_config(value: Mapping[str, Any], origin: ConfigSource) -> FlowConfig:
    """Check the sections of a config. Raises FlowConfigError."""
    for key in value:
        if key not in SECTIONS:
            near = nearest_name(key, SECTIONS)
            raise FlowConfigError(
                f"{origin.place((key,)).replace(key, show_key(key))} is an unknown key",
                why=f"a config has {', '.join(SECTIONS)}",
                mend=f"did you mean {near}?" if near else "delete it, or move it to flow_kwargs",
            )
    engine = value.get("engine")
    if engine is not None and engine not in ENGINES:
        raise FlowConfigError(
            f"{origin.place(('engine',))}: there is no such engine",
            why=f"flows run with {' or '.join(ENGINES)}",
            mend="write one of them, or leave the key out",
        )
    sections = {
        name: _to_section(name, value.get(name), origin)
        for name in ("preflow_kwargs", "flow_kwargs", "env")
    }
    tags = value.get("tags")
    _check_hooks(tags, ("tags",), origin)
    if isinstance(tags, dict) and not is_hook(tags):
        raise FlowConfigError(
            f"{origin.place(('tags',))}: it is not a list",
            why="a run has a list of tags",
            mend='write tags: ["one", "another one"]',
        )
    return FlowConfig(engine, **sections, tags=() if tags is None else tags, origin=origin)


def is_hook(value: object) -> bool:
    """Whether a value of a YAML is a hook: `{hook: {name: ...}}`."""
    return isinstance(value, Mapping) and value.keys() == {HOOK}


def show_path(path: tuple[str | int, ...]) -> str:
    """The keys of a value as people write them: `flow_kwargs.a[0].b`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def _to_section(name: str, value: object, origin: ConfigSource) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FlowConfigError(
            f"{origin.place((name,))}: it is not a mapping",
            why="it holds names with values",
            mend="write one `name: value` a line below it, indented",
        )
    is_variable = name == "env"
    for key in value:
        if not (_VARIABLE if is_variable else _OPTION).fullmatch(key):
            kind = "the name of an environment variable" if is_variable else "an option's name"
            raise FlowConfigError(
                f"{origin.place((name, key))}: it is not {kind}",
                why="it is handed to the flow as it is written",
                mend="use letters, digits and _; an option may hold - too",
            )
        if not is_variable and key.replace("_", "-") == "run-id-file":
            raise FlowConfigError(
                f"{origin.place((name, key))}: this option is reserved",
                why="the run's id is written beside the YAML once the run has succeeded",
                mend="delete it",
            )
    _check_hooks(value, (name,), origin)
    return value


def _check_hooks(value: object, path: tuple[str | int, ...], origin: ConfigSource) -> None:
    """Check the form of each hook at any depth; nothing is imported."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            _check_hooks(item, (*path, number), origin)
    if not isinstance(value, dict):
        return
    if is_hook(value):
        _check_hook(value[HOOK], (*path, HOOK), origin)
    for key, inner in value.items():
        _check_hooks(inner, (*path, key), origin)


def _check_hook(hook: object, path: tuple[str | int, ...], origin: ConfigSource) -> None:
    if not isinstance(hook, dict) or "name" not in hook:
        raise FlowConfigError(
            f"{origin.place(path)}: it has no name",
            why="a hook is a mapping of name, args and kwargs",
            mend="write hook: {name: package.module.function}",
        )
    for key in hook:
        if key not in HOOK_KEYS:
            near = nearest_name(key, HOOK_KEYS)
            raise FlowConfigError(
                f"{origin.place((*path, key))}: a hook has no such key",
                why=f"it has {', '.join(HOOK_KEYS)}",
                mend=f"did you mean {near}?" if near else "delete it",
            )
    if not isinstance(hook["name"], str) or not _DOTTED.fullmatch(hook["name"]):
        raise FlowConfigError(
            f"{origin.place((*path, 'name'))}: it is not the dotted name of a function",
            why="the function is imported by this name",
            mend="write name: package.module.function",
        )
    kwargs = hook.get("kwargs")
    if kwargs is not None and not isinstance(kwargs, dict):
        raise FlowConfigError(
            f"{origin.place((*path, 'kwargs'))}: it is not a mapping",
            why="it holds the arguments that are given by name",
            mend="write kwargs: {name: value}, or use args",
        )
