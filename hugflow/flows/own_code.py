"""A digest over the project's own code that a flow consists of; nothing is imported.

It covers the file or package of the class, the files `<Class>.yaml` beside it, and, wherever these
import or name them as `package.module.Class`, further files and packages of the project's root and
synced modules at their commits. Installed packages do not count.
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hugflow.flows.module_files import (
    INIT_FILE,
    digest_lines,
    digest_linked,
    digest_tree,
    hash_files,
)
from hugflow.flows.names import PACKAGE
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import Synced, read_lock
from hugflow.store.atomic import read_file

INSTALLED: Final = "installed"
MAX_BYTES: Final = 1 << 20
_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


def digest_own_code(places: FlowPlaces, dotted: str, *, code_only: bool = False) -> str:
    """The digest for a class `module.Class` or `package.module.Class` of the project.

    code_only: without other files of packages, which their code may write as it runs; these are not
    read.
    `installed` for a class that is not in the project's root.
    """
    first = dotted.partition(".")[0]
    digest_by_name = {first: _digest(places.root, first, code_only=code_only)}
    if digest_by_name[first] == INSTALLED:
        return INSTALLED
    waiting, modules = [first], set[str]()
    while waiting:
        for name in _read_names(places.root, waiting.pop()):
            top = name.partition(".")[0]
            if top == PACKAGE:
                modules.add(".".join(name.split(".")[:3]))
            elif top not in digest_by_name and _is_own(places.root, top):
                digest_by_name[top] = _digest(places.root, top, code_only=code_only)
                waiting.append(top)
    if modules:
        digest_by_name |= dict(_digest_modules(places, modules, code_only=code_only))
    yamls = dict(_digest_yamls(places.root, digest_by_name))
    if len(digest_by_name) == 1 and not yamls:
        return digest_by_name[first]
    lines = [f"{name} {digest}\n" for name, digest in sorted({**digest_by_name, **yamls}.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _is_own(root: Path, name: str) -> bool:
    """Whether a name is code of the root; other folders, such as one of datasets, are none."""
    return (root / name / INIT_FILE).is_file() or (root / f"{name}.py").is_file()


def _digest(root: Path, name: str, *, code_only: bool) -> str:
    if (root / name).is_dir():
        return _digest_folder(root / name, code_only=code_only)
    file = root / f"{name}.py"
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else INSTALLED


def _digest_folder(folder: Path, *, code_only: bool) -> str:
    return digest_lines(hash_files(folder, _is_code)) if code_only else digest_tree(folder)


def _is_code(path: Path) -> bool:
    return path.suffix in (".py", ".yaml", ".yml")


def _read_names(root: Path, name: str) -> Iterator[str]:
    """The names that the code of a file or package imports, or has as texts with dots."""
    if (root / name).is_dir():
        folder = root / name
        files = [*folder.rglob("*.py"), *folder.rglob("*.yaml")]
    else:
        files = [root / f"{name}.py", *_find_yamls(root, name)]
    for file in files:
        text = _read(file)
        if file.suffix == ".yaml":
            yield from _DOTTED.findall(text)
            continue
        tree = _parse(text)
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from _DOTTED.findall(node.value)


def _digest_yamls(root: Path, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The digest of each file of a class's defaults; a package's are in its own digest."""
    for name in names:
        if not (root / name).is_dir():
            for file in _find_yamls(root, name):
                yield file.name, hashlib.sha256(file.read_bytes()).hexdigest()


def _find_yamls(root: Path, name: str) -> Iterator[Path]:
    tree = _parse(_read(root / f"{name}.py"))
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.ClassDef) and (root / f"{node.name}.yaml").is_file():
            yield root / f"{node.name}.yaml"


def _digest_modules(
    places: FlowPlaces, packages: set[str], *, code_only: bool
) -> Iterator[tuple[str, str]]:
    """Commit and files of synced modules, and of those that they ask for."""
    entries = read_lock(places.lock_file)
    found = {module for module in entries if module.package in packages}
    while (
        more := {
            module for module, entry in entries.items() if found.intersection(entry.by_modules)
        }
        - found
    ):
        found |= more
    for module in found:
        synced = entries[module].synced
        digest = _digest_module(places, synced, code_only=code_only)
        yield module.package, f"{synced.commit} {digest}"


def _digest_module(places: FlowPlaces, synced: Synced, *, code_only: bool) -> str:
    folder = places.module(synced.module)
    if synced.is_local and folder.is_dir():
        return _digest_folder(folder, code_only=True) if code_only else digest_linked(folder)
    return synced.digest


def _read(file: Path) -> str:
    try:
        return read_file(file)[:MAX_BYTES].decode("utf-8", "replace")
    except OSError:
        return ""


def _parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
