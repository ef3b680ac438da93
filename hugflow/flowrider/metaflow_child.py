"""Reading a Metaflow run: `python -P -m hugflow.flowrider.metaflow_child REQUEST OUT`.

Metaflow's client keeps its state in globals of the process, so it runs in one of its own.

    {"read": "artifact", "flow": "EnvironmentFlow", "run_id": "1795...", "artifact": "info"}

read: `artifact` writes the value to OUT, pickled; `log` the text of all steps; `names` the names
of the artifacts, as JSON. Exit status 3: there is no such run or artifact, and OUT says so.
"""

import json
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

NOT_FOUND: Final = 3


class NotThere(Exception):
    """There is no such run or artifact."""


def main() -> None:
    """Answer one request."""
    request, out = json.loads(sys.argv[1]), Path(sys.argv[2])
    # What the imports of an artifact's classes print is no answer.
    os.dup2(2, 1)
    sys.path.insert(0, request["root"])
    try:
        run = _find_run(request["flow"], request["run_id"])
        if request["read"] == "log":
            answer = "".join(_read_logs(run)).encode()
        elif request["read"] == "names":
            answer = json.dumps(sorted(each.id for each in _last_task(run))).encode()
        else:
            answer = pickle.dumps(_read_artifact(run, request["artifact"]), protocol=5)
    except NotThere as error:
        out.write_text(str(error), "utf-8")
        sys.exit(NOT_FOUND)
    out.write_bytes(answer)


def _find_run(flow: str, run_id: str) -> Any:
    """The run, whoever started it. Raises NotThere."""
    import metaflow
    from metaflow.exception import MetaflowNotFound

    metaflow.namespace(None)
    _follow_local_datastore()
    try:
        return metaflow.Run(f"{flow}/{run_id}")
    except MetaflowNotFound as error:
        raise NotThere(f"Metaflow knows no run {flow}/{run_id}") from error


def _follow_local_datastore() -> None:
    """Read local artifacts from where the datastore is now.

    Each task records the absolute path of the datastore that it was written to, which is another
    one once the project has moved.
    """
    from metaflow.client.filecache import FileCache
    from metaflow.plugins.datastores.local_storage import LocalStorage

    as_recorded = FileCache._get_flow_datastore

    def find_datastore(self: Any, ds_type: str, ds_root: str, flow_name: str) -> Any:
        if ds_type == "local":
            found = LocalStorage.get_datastore_root_from_config(print, create_on_absent=False)
            ds_root = found or ds_root
        return as_recorded(self, ds_type, ds_root, flow_name)

    FileCache._get_flow_datastore = find_datastore


def _last_task(run: Any) -> Any:
    task = run.end_task
    if task is None:
        raise NotThere(f"the run {run.pathspec} did not come to its last step")
    return task


def _read_artifact(run: Any, name: str) -> Any:
    task = _last_task(run)
    if name not in task:
        names = ", ".join(sorted(each.id for each in task if not each.id.startswith("_")))
        raise NotThere(f"the run {run.pathspec} has no artifact {name}; it has {names}")
    return task[name].data


def _read_logs(run: Any) -> Iterator[str]:
    """What each task printed, the first step first."""
    for step in reversed(list(run)):
        for task in reversed(list(step)):
            source = _origin_of(task)
            taken_over = "" if source is task else f", taken over from {source.pathspec}"
            yield f"--- {task.pathspec}{taken_over}\n"
            for text in (source.stdout, source.stderr):
                yield text if not text or text.endswith("\n") else f"{text}\n"


def _origin_of(task: Any) -> Any:
    """The task that did the work: a cloned task has no log of its own."""
    import metaflow

    while True:
        values = {each.name: each.value for each in task.metadata}
        run_id, task_id = values.get("origin-run-id"), values.get("origin-task-id")
        if run_id in (None, "None") or task_id in (None, "None"):
            return task
        flow, _, step, _ = task.path_components
        task = metaflow.Task(f"{flow}/{run_id}/{step}/{task_id}")


if __name__ == "__main__":
    main()
