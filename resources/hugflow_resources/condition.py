"""The condition of a project's Dagster instance, for callers that do not import Dagster.

    python -m hugflow_resources.condition ROOT

prints one JSON object and creates nothing:

    {"version": "1.13.27", "runs": 12, "daemons_asleep": ["SENSOR"]}
    {"version": "1.13.27", "error": "OperationalError: unable to open database file"}
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import dagster as dg

from hugflow.redact import redact
from hugflow_resources.instance import open_instance


def read_condition(root: Path) -> dict[str, Any]:
    """The condition as JSON values; an unusable instance gives its error."""
    condition: dict[str, Any] = {"version": dg.__version__}
    try:
        with open_instance(root) as instance:
            daemons = instance.get_daemon_statuses()
            condition["runs"] = instance.get_runs_count()
            condition["daemons_asleep"] = [
                name for name, status in daemons.items() if status.required and not status.healthy
            ]
    except Exception as error:  # noqa: BLE001  # whatever hinders it is the answer
        first_line = next(iter(str(error).splitlines()), "")
        # The address of a database may hold its password.
        condition["error"] = f"{type(error).__name__}: {redact(first_line)}"
    return condition


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.write(json.dumps(read_condition(Path(sys.argv[1]))) + "\n")
