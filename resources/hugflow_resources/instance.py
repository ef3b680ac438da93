"""A project's Dagster instance: the one that `dagster` opens when started in the project root.

    python -m hugflow_resources.instance [ROOT]

prepares it. Several processes that open a new SQLite home at once can break it for good, so run
this before starting them.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from hugflow.cluster import export_addresses
from hugflow.errors import HugflowError, UsageWrong
from hugflow.settings import load_settings
from hugflow.store.atomic import make_folder
from hugflow.store.layout import DAGSTER_CONFIG, DAGSTER_FOLDER
from hugflow.store.locks import hold
from hugflow_resources.dagster_private import InstanceRef

PREPARING_S = 120.0
# Runs that may download at once. Inside them MAX_CONCURRENT_DOWNLOADS limits the connections.
POOL = "hf_downloads"


def has_instance(root: Path) -> bool:
    """Whether there is an instance for this root: DAGSTER_HOME or `dagster.yaml`."""
    return bool(os.environ.get("DAGSTER_HOME")) or (root / DAGSTER_CONFIG).is_file()


@contextmanager
def open_instance(root: Path) -> Iterator[dg.DagsterInstance]:
    """Open the instance of DAGSTER_HOME, else the one that `root/dagster.yaml` describes.

    Raises UsageWrong when there is neither: Dagster would forget everything.
    """
    export_addresses(root)
    if os.environ.get("DAGSTER_HOME"):
        with dg.DagsterInstance.get() as instance:
            yield instance
        return
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
    with dg.DagsterInstance.from_ref(ref) as instance:
        yield instance


def prepare_instance(root: Path, *, download_slots: int) -> None:
    """Create the instance's tables, one process at a time; doing it again changes nothing.

    download_slots: the initial limit of the pool of downloading runs. A limit that an operator sets
    in the UI is kept.
    """
    lock = root / DAGSTER_FOLDER.parent / "locks" / "dagster-instance.lock"
    with hold(lock, "Dagster's instance", wait_s=PREPARING_S), open_instance(root) as instance:
        instance.get_runs(limit=1)
        storage = instance.event_log_storage
        if not storage.supports_global_concurrency_limits:
            return
        if POOL not in {limit.name for limit in storage.get_pool_limits()}:
            storage.set_concurrency_slots(POOL, download_slots)


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
        prepare_instance(root, download_slots=slots)
    except HugflowError as failure:
        sys.stderr.write(f"{failure}\n")
        sys.exit(failure.exit_code)
