"""What uses a flow module: requests with a step of it, and flows that the project serves."""

from collections.abc import Iterable, Iterator

from hugflow.flows.names import ModuleId
from hugflow.flows.project_key import KEY
from hugflow.project_file import ProjectFile
from hugflow.requests.collect import AddFile


def find_request_uses(module: ModuleId, files: Iterable[AddFile]) -> Iterator[str]:
    """The requests that a module's code makes a dataset for, each with its step."""
    for file in files:
        for step in file.request.flows:
            if step.use == str(module) or step.flow.startswith(f"{module.package}."):
                yield f"{file.path} (the step {step.name!r} of {file.request.name})"


def find_serving_uses(module: ModuleId, file: ProjectFile) -> Iterator[str]:
    """The served flows of the project file that are of a module."""
    node = file.nodes.get(KEY)
    value = node.plain if node is not None else None
    served = value.get("serve") if isinstance(value, dict) else None
    for entry in served if isinstance(served, list) else []:
        flow = entry.get("flow") if isinstance(entry, dict) else None
        if isinstance(flow, str) and flow.startswith(f"{module.package}."):
            yield f"{file.shown_name} (the served flow {entry.get('endpoint')!r})"
