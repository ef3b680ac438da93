"""Whether the class that a step names is in its file: read as text, nothing is imported.

Only plain files are judged. One that imports `*` or makes names as it runs may have any class.
"""

import ast
from importlib.util import find_spec
from pathlib import Path

from hugflow.errors import FlowModuleIdInvalid
from hugflow.flows.module_files import INIT_FILE
from hugflow.flows.names import parse_module_id
from hugflow.flows.places import FlowPlaces
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.requests.flow_steps import FlowStep
from hugflow.store.atomic import read_file

MAX_BYTES = 1 << 20
_ANYTHING = frozenset({"globals", "exec", "setattr", "__getattr__"})


@dataclass(frozen=True, slots=True)
class Unknown:
    """A class that is not there. what: in words. near: the name that may be meant."""

    what: str
    near: str | None


def find_unknown_class(places: FlowPlaces, step: FlowStep) -> Unknown | None:
    """What a step names and its files do not have; None if they have it, or nobody can tell."""
    if step.endpoint is not None:
        return None
    *modules, name = step.flow.split(".")
    if step.use is not None:
        try:
            folder = places.module(parse_module_id(step.use))
        except FlowModuleIdInvalid:
            return None
        # A module that is not synced is asked for when the step runs.
        return _look(folder, modules, name, step.use) if folder.is_dir() else None
    top = modules[0]
    if not _exists(places.root, top):
        if _is_installed(top):
            return None
        own = [*places.root.glob("*.py"), *(each.parent for each in places.root.glob("*/*.py"))]
        return Unknown(f"there is no module {top} here", nearest_name(top, {p.stem for p in own}))
    return _look(places.root, modules, name, step.flow.rpartition(".")[0])


def _look(folder: Path, modules: list[str], name: str, where: str) -> Unknown | None:
    path = folder.joinpath(*modules)
    file = path / INIT_FILE if path.is_dir() else path.with_suffix(".py")
    names = _read_names(file)
    if names is None or name in names:
        return None
    return Unknown(f"{where} has no class {name}", nearest_name(name, names))


def _exists(folder: Path, module: str) -> bool:
    return (folder / module).is_dir() or (folder / f"{module}.py").is_file()


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _read_names(file: Path) -> set[str] | None:
    """The names that a file may define; None if it cannot be told."""
    try:
        tree = ast.parse(read_file(file)[:MAX_BYTES])
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name):
            names.add(node.id)
    return None if "*" in names or names & _ANYTHING else names
