"""Several hosts: the addresses that they share, and the settings of Celery.

`hugflow init --cluster` writes `cluster.env` into the project root, which is not committed:

    HUGFLOW_POSTGRES_URL=postgresql+psycopg2://hugflow:secret@db1:5432/hugflow
    HUGFLOW_BROKER_URL=redis://queue1:6379/0
    HUGFLOW_RESULT_URL=redis://queue1:6379/1

dagster.yaml and dagster_celery_config.py take them from the environment. A name that is set in the
environment counts before the file.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from dotenv import dotenv_values

from hugflow.redact import remember

ENV_FILE: Final = "cluster.env"
POSTGRES: Final = "HUGFLOW_POSTGRES_URL"
BROKER: Final = "HUGFLOW_BROKER_URL"
RESULTS: Final = "HUGFLOW_RESULT_URL"
ADDRESSES: Final = (POSTGRES, BROKER, RESULTS)
# SQLAlchemy 2.1 takes `postgresql://` for psycopg 3, which Dagster does not install.
POSTGRES_SCHEME: Final = "postgresql+psycopg2"
# What the file holds until a person has filled it in.
TO_FILL_IN: Final = "CHANGE_ME"
# Longer than any run. After it, redis delivers a run again that waits behind a long one, and
# Dagster takes a run whose result has expired for dead.
LONGEST_RUN_S: Final = 30 * 24 * 3600


def read_addresses(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The addresses that the hosts share, by name: of the environment, else of `cluster.env`.

    A name that is set nowhere, or not filled in yet, is missing.
    """
    path = root / ENV_FILE
    written = dotenv_values(path) if path.is_file() else {}
    found = {name: environ.get(name) or written.get(name) or "" for name in ADDRESSES}
    return {name: value for name, value in found.items() if value and TO_FILL_IN not in value}


def is_cluster(root: Path) -> bool:
    """Whether `hugflow init --cluster` has made this project one of several hosts."""
    return (root / ENV_FILE).is_file()


def export_addresses(root: Path) -> None:
    """Put the addresses into the environment, where Dagster and Celery read them."""
    for name, value in read_addresses(root, os.environ).items():
        os.environ[name] = value
        if password := split_address(value)[0]:
            remember(password)
            remember(unquote(password))


def split_address(address: str) -> tuple[str, str]:
    """The password in an address, and its host with the port; each "" where there is none.

    Any character may be in the password: `urlsplit` refuses brackets there, and ends the host at a
    slash.
    """
    user, _, place = address.partition("://")[2].rpartition("@")
    return user.partition(":")[2], re.split("[/?#]", place, maxsplit=1)[0]


def celery_settings(root: Path) -> dict[str, Any]:
    """Celery's settings for a worker of the project, by their names.

    https://docs.celeryq.dev/en/stable/userguide/configuration.html
    """
    export_addresses(root)
    return {
        "broker_url": os.environ.get(BROKER),
        "result_backend": os.environ.get(RESULTS),
        # A run loads the requests of its time: the next one needs a new process.
        "worker_max_tasks_per_child": 1,
        # A waiting run stays in the queue, for any worker, until one is free.
        "worker_prefetch_multiplier": 1,
        # With early acknowledgement one more run would be reserved, and lost to a killed worker.
        "worker_disable_prefetch": True,
        "broker_connection_retry_on_startup": True,
        **shared_celery_settings(),
    }


def shared_celery_settings() -> dict[str, Any]:
    """The settings that workers and the launcher in dagster.yaml have in common."""
    return {
        "broker_transport_options": {"visibility_timeout": LONGEST_RUN_S},
        "result_backend_transport_options": {"visibility_timeout": LONGEST_RUN_S},
        "result_expires": LONGEST_RUN_S,
        # Without it Dagster takes a run that is at work for one that was never started.
        "task_track_started": True,
    }
