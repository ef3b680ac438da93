"""What a flow is configured with: its classes' defaults, and what is set on top of them.

Each class may have a file of its name beside its source, `ChatGPT4.yaml` beside `ChatGPT4.py`, and a
mapping `defaults`. A class's own come over those of the classes it grows from, and its file over its
mapping. What is set on top may change values and add none:

    subflows_config:
      first: {flow_class_name: ReverseNumberFlowModule.ReverseNumberAtomicFlow}
"""

import copy
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from hugflow.errors import FlowConfigInvalid
from hugflow.nearest import nearest_name
from hugflow.requests.code_keys import CODE_KEYS, find_code_keys
from hugflow.store.atomic import read_file

MAX_BYTES = 64 * 1024

Config = dict[str, Any]


def read_defaults(flow_class: type, base: type) -> Config:
    """The defaults of a class and of the classes between it and `base`, which counts too."""
    config: Config = {}
    for each in reversed(flow_class.__mro__):
        if issubclass(each, base):
            own: Any = vars(each)
            config = merge(config, own.get("defaults", {}))
            config = merge(config, _read_yaml(each))
    return config


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Config:
    """Both, at every depth of mappings; where both have a value, that of `above`. A copy."""
    merged = copy.deepcopy(dict(below))
    for key, value in above.items():
        own = merged.get(key)
        if isinstance(own, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(own, value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def set_on_top(
    defaults: Mapping[str, Any],
    overrides: Mapping[str, Any],
    what: str,
    *,
    may_name_code: bool = False,
) -> Config:
    """The defaults with values of `overrides`. Raises FlowConfigInvalid for a key they lack.

    may_name_code: whether the overrides are themselves the defaults of a class, which may name
    classes below an empty mapping; the values of a caller never may, at any depth.
    """
    if not may_name_code:
        refuse_code(overrides, what)
    _check(defaults, overrides, what, "")
    return merge(defaults, overrides)


def refuse_code(overrides: Mapping[str, Any], what: str) -> None:
    """Raise FlowConfigInvalid where values name code at any depth."""
    for path in find_code_keys(overrides):
        raise _names_code(what, path)


def find_class_names(value: object) -> Iterator[str]:
    """The classes that a configuration names, at any depth, for subflows that no endpoint serves."""
    if isinstance(value, Mapping):
        name = value.get("flow_class_name")
        if isinstance(name, str) and not value.get("flow_endpoint"):
            yield name
        for each in value.values():
            yield from find_class_names(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from find_class_names(each)


def _check(
    defaults: Mapping[str, Any], overrides: Mapping[str, Any], what: str, above: str
) -> None:
    for key, value in overrides.items():
        path = f"{above}{key}"
        if key in CODE_KEYS:
            raise _names_code(what, path)
        if key not in defaults:
            near = nearest_name(str(key), map(str, defaults))
            raise FlowConfigInvalid(
                f"{what}: there is nothing called {path!r} to set",
                why="a flow takes what its defaults have: "
                + (", ".join(sorted(map(str, defaults))) or "nothing"),
                mend=f"did you mean {near!r}?" if near else "leave it out",
            )
        own = defaults[key]
        # An empty mapping takes any keys, except those that name code.
        if isinstance(own, Mapping) and own and isinstance(value, Mapping):
            _check(own, value, what, f"{path}.")


def _names_code(what: str, path: str) -> FlowConfigInvalid:
    return FlowConfigInvalid(
        f"{what}: {path} cannot be set",
        why="it names the code that runs, which the flow's own files decide",
        mend="leave it out, or write a flow of your own",
    )


def _read_yaml(flow_class: type) -> Config:
    source = getattr(sys.modules.get(flow_class.__module__), "__file__", None)
    if source is None:
        return {}
    path = Path(source).with_name(f"{flow_class.__name__}.yaml")
    try:
        data = read_file(path)
    except FileNotFoundError:
        return {}
    try:
        config = yaml.safe_load(data[: MAX_BYTES + 1]) if len(data) <= MAX_BYTES else None
    except (yaml.YAMLError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error
    if not isinstance(config, dict):
        raise _unreadable(path, f"it is no mapping of at most {MAX_BYTES:,} bytes")
    return config


def _unreadable(path: Path, why: str) -> FlowConfigInvalid:
    return FlowConfigInvalid(
        f"{path} cannot be read as a flow's defaults",
        why=why,
        mend="write it as `name: value` lines",
    )
