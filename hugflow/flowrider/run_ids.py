"""The `.run_id` beside a YAML: the id of the last run of exactly that YAML that succeeded.

It is text: Metaflow's ids look like numbers, those of Dagster and Argo do not.
"""

from pathlib import Path

from hugflow.flowrider.errors import RunNotFound
from hugflow.flowrider.places import run_id_path_for
from hugflow.store.atomic import write_file
from hugflow.store.locks import hold

_WAIT_S = 60.0


def load_run_id(config_path: Path | str) -> str:
    """The run id beside a YAML, whose suffix may be missing. Raises RunNotFound."""
    path = run_id_path_for(Path(config_path))
    try:
        run_id = path.read_text("utf-8").strip()
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        run_id = ""
    if not run_id or not run_id.isprintable() or "/" in run_id:
        raise RunNotFound(
            f"{path} names no run",
            why="it is written when a run of its YAML has succeeded",
            mend="run the flow with `hugflow run`, or get the file from version control",
        )
    return run_id


def write_run_id(config_path: Path, run_id: str, locks: Path) -> Path:
    """Write the run id beside a YAML, whole or not at all; return the file."""
    path = run_id_path_for(config_path)
    # The temporary file has a fixed name, and two runs of one YAML may end at once.
    with hold(locks / f"{path.name}.lock", f"{path.name}", wait_s=_WAIT_S):
        write_file(path, run_id)
    return path
