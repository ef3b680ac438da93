"""Checks of Dagster: its configuration, its instance, its daemon.

The core may not import Dagster, so a process of its own checks it: `hugflow_resources.condition`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from hugflow.amounts import count
from hugflow.doctor.findings import LONGEST_CHECK_S, Finding, Patient, ok, problem, warning
from hugflow.store.layout import DAGSTER_CONFIG, DAGSTER_FOLDER

LARGEST_CONFIG_BYTES = 64 * 1024


def check_dagster(patient: Patient) -> Iterator[Finding]:
    """Dagster stores its data beside the project, and works."""
    root = patient.project.root
    if find_spec("dagster") is None:
        mend = "install hugflow again: pip install -U hugflow"
        yield problem("dagster", "it is not installed", mend)
        return
    if root is None:
        return
    home = patient.environ.get("DAGSTER_HOME")
    if home and Path(home).resolve() not in (root.resolve(), (root / DAGSTER_FOLDER).resolve()):
        yield warning(
            "DAGSTER_HOME",
            f"it is {home}, so Dagster looks there and not into the project",
            "unset DAGSTER_HOME, unless several projects share that instance on purpose",
        )
    elif not (root / DAGSTER_CONFIG).is_file():
        mend = "`hugflow init` writes one"
        yield problem(
            "dagster", f"there is no {DAGSTER_CONFIG}, so it would forget everything", mend
        )
        return
    else:
        yield from _judge_storage(root)
    if not home and not (root / DAGSTER_FOLDER).is_dir():
        yield warning("dagster", "its instance is not made yet", "`hugflow init` makes it")
        return
    yield from _ask_dagster(root)


def _judge_storage(root: Path) -> Iterator[Finding]:
    base = _sqlite_base(root / DAGSTER_CONFIG)
    if base is not None and (root / base).resolve() != (root / DAGSTER_FOLDER).resolve():
        yield warning(
            DAGSTER_CONFIG,
            f"its SQLite is kept elsewhere than in {DAGSTER_FOLDER}",
            f"set storage.sqlite.base_dir to {DAGSTER_FOLDER}, unless that is on purpose",
        )
    else:
        kept = f"SQLite in {DAGSTER_FOLDER}" if base is not None else "storage of your own"
        yield ok(DAGSTER_CONFIG, kept)


def _sqlite_base(path: Path) -> str | None:
    """The folder of Dagster's SQLite, from dagster.yaml; None if it names another storage."""
    try:
        with path.open("rb") as file:
            config = yaml.safe_load(file.read(LARGEST_CONFIG_BYTES))
        base = config["storage"]["sqlite"]["base_dir"]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return None
    return base if isinstance(base, str) else None


def _ask_dagster(root: Path) -> Iterator[Finding]:
    mend = f"look at {root / DAGSTER_CONFIG}; `hugflow init` makes an instance ready"
    command = [sys.executable, "-m", "hugflow_resources.condition", str(root)]
    try:
        done = subprocess.run(  # noqa: S603  # this Python, a module of ours
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_CHECK_S - 1,
        )
        condition: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        yield problem("dagster", "its instance does not answer", mend)
        return
    except (OSError, ValueError, IndexError):
        yield problem("dagster", "its instance cannot be checked", mend)
        return
    if condition.get("error"):
        yield problem("dagster", str(condition["error"])[:300], mend)
        return
    yield ok(
        "dagster", f"{condition['version']}, its instance holds {count(condition['runs'], 'run')}"
    )
    asleep = condition["daemons_asleep"]
    if asleep:
        what = "the daemon is not running, so nothing watches main"
        yield warning("dagster daemon", what, "`hugflow up` starts it")
    else:
        yield ok("dagster daemon", "alive")
