"""Environments with an extra that the tests' own environment does not have, over that one.

A machine makes each once: its packages are those of the extra and their requirements; all others
are those of the environment below.
"""

import hashlib
import os
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

from filelock import FileLock

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
_INSTALL_S = 600


def cluster_pins() -> list[str]:
    """The requirements of the extra, and `dg` of the same version, which checks our component."""
    pins = read_extra("cluster")
    return [*pins, *(f"dagster-dg-cli=={pin[9:]}" for pin in pins if pin[:9] == "dagster==")]


def read_extra(name: str) -> list[str]:
    """The requirements of an extra."""
    extras = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    return list(extras[name])


def make_cluster_venv() -> Path:
    """The Python of the environment with the extra `cluster`."""
    return make_venv("cluster", cluster_pins())


def make_venv(name: str, pins: list[str]) -> Path:
    """The environment's Python; a machine makes it once for these pins and this Python."""
    below = sysconfig.get_path("purelib")
    key = hashlib.sha256("\n".join([*pins, below, sys.version]).encode()).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "hugflow-tests" / f"{name}-{key[:12]}"
    python, ready = folder / "bin" / "python", folder / "ready"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock"), timeout=_INSTALL_S):
        if not ready.is_file():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            own = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
            # Below its own: what is newer there is hidden by what is installed here.
            (own / "below.pth").write_text(f"import site; site.addsitedir({below!r})\n")
            command = [str(python), "-m", "pip", "install", "--quiet", *pins]
            subprocess.run(command, check=True, timeout=_INSTALL_S)
            ready.touch()
    return python
