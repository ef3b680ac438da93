"""What a person should know before they import a module that was synced."""

import ast
import logging
from pathlib import Path

from hugflow.flows.module_files import INIT_FILE
from hugflow.flows.names import ModuleId
from hugflow.installed import is_installed
from hugflow.store.atomic import read_file

log = logging.getLogger(__name__)

REQUIREMENTS_FILE = "pip_requirements.txt"
MAX_BYTES = 100_000


def warn_of_use(folder: Path, module: ModuleId) -> None:
    """Warn of packages that a module needs and that are not installed, and of an empty package."""
    missing = find_missing_packages(folder)
    if missing:
        names = " ".join(f'"{each}"' for each in missing)
        log.warning("%s needs packages that are not installed: pip install %s", module, names)
    if lacks_names(folder, module):
        log.warning(
            "%s exports no names; its __init__.py lacks: from .%s import %s",
            module.package,
            module.repo_package,
            module.repo_package,
        )


def find_missing_packages(folder: Path) -> list[str]:
    """The lines of `pip_requirements.txt` that this Python does not meet; nothing is installed."""
    lines = [line.partition(" #")[0].strip() for line in _read(folder / REQUIREMENTS_FILE)]
    return [
        line
        for line in lines
        if line and not line.startswith(("#", "-")) and not is_installed(line)
    ]


def lacks_names(folder: Path, module: ModuleId) -> bool:
    """Whether `from <package> import <repo>` gives a file and not the class of that name."""
    if not (folder / f"{module.repo_package}.py").is_file():
        return False
    try:
        statements = ast.parse("\n".join(_read(folder / INIT_FILE))).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    # A docstring exports nothing.
    return all(isinstance(each, ast.Expr) for each in statements)


def _read(path: Path) -> list[str]:
    try:
        return read_file(path)[:MAX_BYTES].decode("utf-8", "replace").splitlines()
    except OSError:
        return []
