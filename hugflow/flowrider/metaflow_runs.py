"""Reading Metaflow runs through a child process."""

import importlib.util
import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from hugflow.errors import HugflowError
from hugflow.flowrider.config import FlowConfig
from hugflow.flowrider.environment import metaflow_environment
from hugflow.flowrider.errors import FlowRunError, RunNotFound
from hugflow.flowrider.metaflow_child import NOT_FOUND
from hugflow.redact import in_a_line, redact

_CHILD: Final = "hugflow.flowrider.metaflow_child"
_CLIENT_CACHE: Final = "METAFLOW_CLIENT_CACHE_PATH"
# The preflow options that say where the runs are.
_DEFAULT_BY_OPTION: Final = {
    "metadata": "METAFLOW_DEFAULT_METADATA",
    "datastore": "METAFLOW_DEFAULT_DATASTORE",
}


def read_artifact(root: Path, config: FlowConfig, flow: str, run_id: str, artifact: str) -> Any:
    """An artifact of the last step of a run, whoever started the run. Raises RunNotFound.

    It is unpickled, as Metaflow itself does with its store.
    """
    data = _ask(root, config, {"read": "artifact", "artifact": artifact}, flow, run_id)
    return pickle.loads(data)  # noqa: S301  # of our own child


def read_names(root: Path, config: FlowConfig, flow: str, run_id: str) -> list[str]:
    """The names of a run's artifacts. Raises RunNotFound."""
    names: list[str] = json.loads(_ask(root, config, {"read": "names"}, flow, run_id))
    return [name for name in names if not name.startswith("_")]


def read_run_log(root: Path, config: FlowConfig, flow: str, run_id: str) -> str:
    """What all steps of a run printed, also those it took over. Raises RunNotFound."""
    return redact(_ask(root, config, {"read": "log"}, flow, run_id).decode())


def require_metaflow() -> None:
    """Raise HugflowError if Metaflow is not installed."""
    if importlib.util.find_spec("metaflow") is None:
        raise HugflowError(
            "Metaflow is not installed",
            why="the flow is a Metaflow flow, and Metaflow comes with an extra",
            mend="pip install 'hugflow[metaflow]'",
        )


def _ask(root: Path, config: FlowConfig, request: dict[str, Any], flow: str, run_id: str) -> bytes:
    require_metaflow()
    environment = {**os.environ, **metaflow_environment(root, os.environ)}
    for option, variable in _DEFAULT_BY_OPTION.items():
        if isinstance(value := config.preflow_kwargs.get(option), str):
            environment[variable] = value
    for name, value in config.env.items():
        if isinstance(value, str):
            environment.setdefault(name, value)
    whole = {**request, "root": str(root), "flow": flow, "run_id": run_id}
    with tempfile.TemporaryDirectory(prefix="hugflow-artifact-") as folder:
        out = Path(folder, "answer")
        command = [sys.executable, "-P", "-B", "-m", _CHILD, json.dumps(whole), str(out)]
        done = subprocess.run(  # noqa: S603  # a list of ours
            command,
            cwd=root,
            env={**environment, _CLIENT_CACHE: folder},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode == NOT_FOUND:
            raise RunNotFound(
                out.read_text("utf-8"),
                why=f"Metaflow's data is looked for as the YAML says, below {root} if it is local",
                mend="check the run id, and that the datastore is where it was; a local one that has "
                "moved is named by METAFLOW_DATASTORE_SYSROOT_LOCAL",
            )
        if done.returncode != 0:
            last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise FlowRunError(
                f"the run {run_id} of {flow} cannot be read",
                why=in_a_line(" ".join(last) or f"the child process ended with {done.returncode}"),
                mend="check that the classes of the artifact can be imported, and that Metaflow "
                "reaches its datastore",
                run_id=run_id,
                returncode=done.returncode,
            )
        return out.read_bytes()
