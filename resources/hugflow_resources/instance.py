"""A project's Dagster instance: the one that `dagster` opens when started in the project root.

    python -m hugflow_resources.instance [ROOT]

prepares it. Several processes that open a new SQLite home at once can break it for good, so run
this before starting them.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from hugflow.cluster import ADDRESSES, ENV_FILE, export_addresses, is_cluster, read_addresses
from hugflow.errors import HugflowError, UsageWrong
from hugflow.settings import load_settings
from hugflow.store.atomic import make_folder
from hugflow.store.layout import DAGSTER_CONFIG, DAGSTER_FOLDER
from hugflow.store.locks import hold
from hugflow_resources.dagster_private import InstanceRef

PREPARING_S = 120.0
_LONGEST_REASON = 300
# Runs that may download at once. Inside them MAX_CONCURRENT_DOWNLOADS limits the connections.
POOL = "hf_downloads"
# Runs that may do row steps at once.
FLOWS_POOL = "flows"


def has_instance(root: Path) -> bool:
    """Whether there is an instance for this root: DAGSTER_HOME or `dagster.yaml`."""
    return bool(os.environ.get("DAGSTER_HOME")) or (root / DAGSTER_CONFIG).is_file()


@contextmanager
def open_instance(root: Path) -> Iterator[dg.DagsterInstance]:
    """Open the instance of DAGSTER_HOME, else the one that `root/dagster.yaml` describes.

    Raises UsageWrong when there is neither: Dagster would forget everything.
    """
    export_addresses(root)
    with ExitStack() as stack:
        try:
            instance = stack.enter_context(_open(root))
        except HugflowError:
            raise
        except Exception as error:
            if is_cluster(root):
                raise _explain(root, error) from error
            raise
        yield instance


def _open(root: Path) -> dg.DagsterInstance:
    if os.environ.get("DAGSTER_HOME"):
        return dg.DagsterInstance.get()
    if not has_instance(root):
        raise UsageWrong(
            f"Dagster has no instance in {root}",
            why=f"DAGSTER_HOME is not set, and there is no {DAGSTER_CONFIG}",
            mend="go to the root of a project, or make one with `hugflow init`",
        )
    base = root / DAGSTER_FOLDER
    make_folder(base)
    # Dagster resolves relative paths against the working directory, which may be another folder.
    config = yaml.safe_load((root / DAGSTER_CONFIG).read_text("utf-8")) or {}
    ref = InstanceRef.from_dir(
        str(base), config_dir=str(root), overrides=_with_absolute_folders(config, root)
    )
    return dg.DagsterInstance.from_ref(ref)


def _explain(root: Path, error: Exception) -> HugflowError:
    """Why the instance of a project of several hosts cannot be opened."""
    what = "Dagster's instance of this cluster cannot be opened"
    if find_spec("dagster_postgres") is None:
        return UsageWrong(
            what,
            why="dagster-postgres is not installed on this host",
            mend="pip install 'hugflow[cluster]'",
        )
    missing = [name for name in ADDRESSES if name not in read_addresses(root, os.environ)]
    if missing:
        return UsageWrong(
            what,
            why=f"{', '.join(missing)} not filled in",
            mend=f"write the addresses into {root / ENV_FILE}, then run `hugflow init --cluster`",
        )
    # After some tries Dagster only says that there were too many.
    cause = error.__cause__ or error
    reason = next((line.strip() for line in str(cause).splitlines() if line.strip()), "")
    return HugflowError(
        what,
        why=f"{type(cause).__name__}: {reason}"[:_LONGEST_REASON],
        mend="`hugflow doctor` looks at the database and its address",
    )


def prepare_instance(root: Path, *, slots: int) -> None:
    """Create the instance's tables, one process at a time; doing it again changes nothing.

    slots: the initial limit of each pool. A limit that an operator sets in the UI is kept.
    """
    lock = root / DAGSTER_FOLDER.parent / "locks" / "dagster-instance.lock"
    with hold(lock, "Dagster's instance", wait_s=PREPARING_S), open_instance(root) as instance:
        instance.get_runs(limit=1)
        storage = instance.event_log_storage
        if not storage.supports_global_concurrency_limits:
            return
        limited = {limit.name for limit in storage.get_pool_limits()}
        for pool in (POOL, FLOWS_POOL):
            if pool not in limited:
                storage.set_concurrency_slots(pool, slots)


def _with_absolute_folders(config: Any, root: Path) -> Any:
    if not isinstance(config, dict):
        return config
    return {
        key: str(root / value)
        if key == "base_dir" and isinstance(value, str)
        else _with_absolute_folders(value, root)
        for key, value in config.items()
    }


if __name__ == "__main__":
    try:
        root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
        slots = load_settings(root).settings.max_concurrent_downloads
        prepare_instance(root, slots=slots)
    except HugflowError as failure:
        sys.stderr.write(f"{failure}\n")
        sys.exit(failure.exit_code)
