"""Whether the class that a step names is in its file: read as text, nothing is imported.

A file that imports `*` or makes names as it runs may have any class, and is not judged; nor is a
package that brings its own modules about.
"""

import ast
from collections.abc import Iterator, Sequence
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
_ANYTHING = frozenset(
    {"globals", "locals", "vars", "exec", "setattr", "__getattr__", "__dict__", "import_module"}
)
# A package whose `__init__.py` has one of these may have modules without a file of their own.
_ANY_MODULE = frozenset({"sys", "__path__", "importlib"})


@dataclass(frozen=True, slots=True)
class Unknown:
    """A class that is not there. what: in words. near: the name that may be meant."""

    what: str
    near: str | None

    @property
    def mend(self) -> str:
        """How to fix it."""
        return f"did you mean {self.near}?" if self.near else "check `flow` of the step"


def find_unknown_classes(
    places: FlowPlaces, steps: Sequence[FlowStep]
) -> Iterator[tuple[FlowStep, Unknown]]:
    """The steps whose class is not in its files, each with what is not there."""
    for step in steps:
        unknown = find_unknown_class(places, step)
        if unknown is not None:
            yield step, unknown


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
    if not _is_code(places.root, top) and _is_installed(places.root, top):
        return None
    if not _exists(places.root, top):
        own = [*places.root.glob("*.py"), *(each.parent for each in places.root.glob("*/*.py"))]
        return Unknown(f"there is no module {top} here", nearest_name(top, {p.stem for p in own}))
    return _look(places.root, modules, name, step.flow.rpartition(".")[0])


def _look(folder: Path, modules: list[str], name: str, where: str) -> Unknown | None:
    path = folder
    for module in modules:
        if not _exists(path, module):
            return _look_for_module(path, module)
        path = path / module
    file = path / INIT_FILE if path.is_dir() else path.with_name(f"{path.name}.py")
    names = _read_names(file)
    if isinstance(names, Unknown):
        return names
    if names is None or name in names:
        return None
    return Unknown(f"{where} has no class {name}", nearest_name(name, names))


def _look_for_module(package: Path, module: str) -> Unknown | None:
    """What is unknown of a package without such a file; None if it may have the module anyway."""
    names = _read_names(package / INIT_FILE)
    if names is None or (not isinstance(names, Unknown) and names & _ANY_MODULE):
        return None
    if package.is_file() or any(package.glob(f"{module}.*")):
        return None
    stems = {each.stem for each in package.glob("*.py") if each.name != INIT_FILE}
    what = f"{package.name} has no module {module}"
    return Unknown(what, nearest_name(module, stems))


def _exists(folder: Path, module: str) -> bool:
    return (folder / module).is_dir() or (folder / f"{module}.py").is_file()


def _is_code(folder: Path, module: str) -> bool:
    """Whether a name is code here; an installed package comes before a folder of other files."""
    return (folder / module / INIT_FILE).is_file() or (folder / f"{module}.py").is_file()


def _is_installed(root: Path, module: str) -> bool:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return False
    # Where the root is among Python's folders, a folder of it is found, too.
    return spec is not None and spec.submodule_search_locations != [str(root / module)]


def _read_names(file: Path) -> set[str] | Unknown | None:
    """The names that a file may define; None if it cannot be told."""
    try:
        data = read_file(file)
    except FileNotFoundError:
        # A package without an `__init__.py` has no names.
        return set() if file.name == INIT_FILE and file.parent.is_dir() else None
    except OSError:
        return None
    if len(data) > MAX_BYTES:
        return None
    try:
        tree = ast.parse(data)
    except SyntaxError as error:
        return Unknown(f"{file.name} is no Python: line {error.lineno}: {error.msg}", None)
    except (ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names |= {node.attr} if isinstance(node.ctx, ast.Store) else {node.attr} & _ANYTHING
    return None if "*" in names or names & _ANYTHING else names
