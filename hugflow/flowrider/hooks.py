"""Hooks of a config: functions that are imported and called, and replaced by their results.

flow_kwargs:
  info:
    hook:
      name: project_name.hooks.describe    a function, class or method
      args: 1                              a list is spread; anything else is the one argument
      kwargs: {b: {hook: {...}}}           hooks in arguments are called first
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hugflow.flowrider.config import HOOK, ConfigSource, FlowConfig, is_hook
from hugflow.flowrider.errors import HookError
from hugflow.redact import in_a_line


def resolve_hooks(config: FlowConfig, *, root: Path | str | None = None) -> FlowConfig:
    """The config with every hook replaced by what it returns.

    root: the project's folder, from which hooks are imported first.

    Raises HookError with the place in the YAML; the cause is what the hook raised.
    """
    with imports_from(Path(root) if root is not None else None):
        resolved = {
            name: _resolve(getattr(config, name), (name,), config.origin)
            for name in ("preflow_kwargs", "flow_kwargs", "tags", "env")
        }
    return replace(config, **resolved)


@contextmanager
def imports_from(root: Path | None) -> Iterator[None]:
    """While the block runs, modules are found in `root` first, and none is compiled into it."""
    if root is None:
        yield
        return
    place, wrote_nothing = str(root.resolve()), sys.dont_write_bytecode
    sys.path.insert(0, place)
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = wrote_nothing
        sys.path.remove(place)


def find_function(name: str) -> Any:
    """What a dotted name means: a module's attribute, or an attribute of its class.

    Raises ImportError and AttributeError, and what the module raises when it is imported.
    """
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:cut])
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            # Only if the name itself is no module: a module may fail to import another one.
            if cut > 1 and error.name is not None and _is_within(error.name, module_name):
                continue
            raise
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(f"{name} names no module", name=name)


def _is_within(name: str, whole: str) -> bool:
    return whole == name or whole.startswith(f"{name}.")


def _resolve(value: Any, path: tuple[str | int, ...], origin: ConfigSource) -> Any:
    if is_hook(value):
        return _call(value[HOOK], (*path, HOOK), origin)
    if isinstance(value, Mapping):
        return {key: _resolve(inner, (*path, key), origin) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_resolve(item, (*path, number), origin) for number, item in enumerate(value)]
    return value


def _call(hook: Mapping[str, Any], path: tuple[str | int, ...], origin: ConfigSource) -> Any:
    written = hook.get("args")
    args = _resolve(written, (*path, "args"), origin)
    kwargs = _resolve(hook.get("kwargs") or {}, (*path, "kwargs"), origin)
    if written is None:
        args = []
    elif not isinstance(written, list | tuple):
        args = [args]
    name = hook["name"]
    try:
        function = find_function(name)
    except (Exception, SystemExit) as error:
        raise _failed(name, "cannot be imported", path, origin, error) from error
    try:
        return function(*args, **kwargs)
    except (Exception, SystemExit) as error:
        raise _failed(name, "failed", path, origin, error) from error


def _failed(
    name: str, how: str, path: tuple[str | int, ...], origin: ConfigSource, error: BaseException
) -> HookError:
    # The place of the value that the hook gives: `flow_kwargs.a[0].b`.
    return HookError(
        f"{origin.place(path[:-1])}: the hook {name} {how}",
        why=in_a_line(f"{type(error).__name__}: {error}"),
        mend="check the name and the arguments; they are called from the project's folder",
    )
