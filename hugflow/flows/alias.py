"""The name `flows` in synced code, and making synced modules importable in this process.

Synced code says `from flows import flow_verse`. No package of that name exists, and a project may
have one of its own; so the name is ours for code below `flow_modules` alone. `flow_modules/__init__.py`
calls `install`: from then on the modules below it run with an `__import__` of their own, which
answers `flows` with `hugflow.flows` and everything else as ever.
"""

import builtins
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from hugflow.flows.module_files import CACHE_FOLDER
from hugflow.flows.names import PACKAGE

ALIAS = "flows"
TARGET = "hugflow.flows"


def install() -> None:
    """Give code below `flow_modules` the name `flows`; doing it again is harmless."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def make_importable(root: Path, changed: Sequence[str]) -> None:
    """Let `import flow_modules` find the modules of `root` in this process, as they are now.

    changed: packages whose files were replaced; what was imported of them before is imported again.
    """
    importlib.invalidate_caches()
    package = root / PACKAGE
    spec = PathFinder.find_spec(PACKAGE)
    if spec is None or not _is_at(spec, package):
        sys.path.insert(0, str(root))
    loaded = sys.modules.get(PACKAGE)
    is_elsewhere = loaded is not None and not _is_at(loaded.__spec__, package)
    stale = (PACKAGE,) if is_elsewhere else tuple(changed)
    for name in list(sys.modules):
        if any(name == each or name.startswith(f"{each}.") for each in stale):
            del sys.modules[name]
            parent, _, own = name.rpartition(".")
            if parent in sys.modules:
                # `from parent import own` looks there first.
                vars(sys.modules[parent]).pop(own, None)


class _Finder(MetaPathFinder):
    """Finds what any finder of paths finds below `flow_modules`, and loads it with our import."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module below `flow_modules`; None for all others."""
        if not fullname.startswith(f"{PACKAGE}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        if CACHE_FOLDER in fullname.split("."):
            # What lies there is no part of any module, and no digest covers it.
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return spec


class _Loader(SourceFileLoader):
    """Runs a module's source with builtins whose `__import__` is ours."""

    def exec_module(self, module: ModuleType) -> None:
        """Run it; functions defined in it import by ours too, whenever they run."""
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import}
        super().exec_module(module)


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,  # noqa: A002  # the names that Python calls it by
    locals: Mapping[str, object] | None = None,  # noqa: A002
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """`__import__`, with `flows` read as `hugflow.flows`."""
    if level == 0 and (name == ALIAS or name.startswith(f"{ALIAS}.")):
        found = importlib.import_module(TARGET + name.removeprefix(ALIAS))
        # `import flows.x` binds the first of the names, `from flows.x import y` asks for the last.
        return found if fromlist else importlib.import_module(TARGET)
    return builtins.__import__(name, globals, locals, fromlist or (), level)


def _is_at(spec: ModuleSpec | None, package: Path) -> bool:
    locations = spec.submodule_search_locations if spec is not None else None
    return any(Path(each).resolve() == package.resolve() for each in locations or ())
