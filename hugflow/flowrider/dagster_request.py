"""What the engine `dagster` is asked to run: values for a child process, which imports Dagster.

{"root": "/home/ada/project", "package": "project_name", "flow": "example/assets",
"run_id": "0b3c...", "origin_run_id": null, "selection": "key:stats", "partition": null,
"flow_kwargs": {"random_seed": 3}, "tags": ["project_name"]}

"""

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from hugflow.flowrider.config import FlowConfig
from hugflow.flowrider.errors import FlowConfigError
from hugflow.flowrider.text import to_text
from hugflow.nearest import nearest_name

if TYPE_CHECKING:
    from hugflow.flowrider.launch import Launch

log = logging.getLogger(__name__)

PREFLOW_KEYS: Final = ("selection", "partition")
# One YAML may describe a run for both engines.
METAFLOW_KEYS: Final = frozenset(
    {
        "datastore",
        "datastore-root",
        "environment",
        "event-logger",
        "metadata",
        "monitor",
        "package-suffixes",
        "pylint",
        "quiet",
        "with",
    }
)


def to_request(launch: "Launch", run_id: str) -> dict[str, Any]:
    """The request of a run. Raises FlowConfigError for a key or value that the engine lacks."""
    config = launch.config
    for key in config.preflow_kwargs:
        if key not in PREFLOW_KEYS and key not in METAFLOW_KEYS:
            near = nearest_name(key, PREFLOW_KEYS)
            raise FlowConfigError(
                f"{config.origin.place(('preflow_kwargs', key))}: the engine dagster has no such key",
                why=f"it takes {' and '.join(PREFLOW_KEYS)}",
                mend=f"did you mean {near}?" if near else "delete it",
            )
    if launch.step is not None:
        raise FlowConfigError(
            "the engine dagster resumes at no chosen step",
            why="it makes the assets that the run it resumes has not made",
            mend="select the assets in the YAML: preflow_kwargs.selection",
        )
    texts = {
        key: None if value is None else to_text(value, config.origin.place(("preflow_kwargs", key)))
        for key, value in config.preflow_kwargs.items()
        if key in PREFLOW_KEYS
    }
    return {
        "root": str(launch.places.root),
        "package": launch.places.name,
        "flow": launch.flow,
        "run_id": run_id,
        "origin_run_id": launch.origin_run_id,
        "selection": texts.get("selection"),
        "partition": texts.get("partition"),
        "flow_kwargs": {
            key: _to_value(value, config.origin.place(("flow_kwargs", key)))
            for key, value in config.flow_kwargs.items()
            if key != "tag"
        },
        "tags": list(launch.tags),
    }


def warn_of_unused(config: FlowConfig) -> None:
    """Log which options of Metaflow a config has, which the engine dagster does not use."""
    unused = [key for key in config.preflow_kwargs if key in METAFLOW_KEYS]
    if unused:
        log.warning("the engine dagster does not use preflow_kwargs: %s", ", ".join(unused))


def _to_value(value: Any, place: str) -> Any:
    """A value as JSON keeps it; a path or date becomes text."""
    text = to_text([value], place)
    return json.loads(text)[0]
