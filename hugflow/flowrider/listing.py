"""What `hugflow runs` shows: configs, the run that each pins, and attempts. No hook runs."""

from pathlib import Path
from typing import Any

from hugflow.flowrider.attempts import AttemptPlaces, attempts_folder, read_attempts
from hugflow.flowrider.errors import RunNotFound
from hugflow.flowrider.places import PipelinePlaces, find_configs
from hugflow.flowrider.run_ids import load_run_id
from hugflow.late_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ConfigState:
    """A config, and how its last attempt ended.

    run_id: the pinned run. state, last_run_id: of the last attempt; None if there was none.
    """

    flow: str
    tag: str
    config_path: Path
    run_id: str | None
    state: str | None
    last_run_id: str | None

    @property
    def line(self) -> str:
        """One line for people."""
        pinned = f"pinned: {self.run_id}" if self.run_id else "never succeeded"
        return f"{self.flow:<40} {self.tag:<12} {self.state or 'not run here':<13} {pinned}"


def list_configs(places: PipelinePlaces) -> list[ConfigState]:
    """All configs of a package, sorted by flow and tag."""
    return [_read_state(places, flow, tag) for flow, tag in find_configs(places)]


def list_attempts(places: PipelinePlaces, flow: str, tag: str) -> list[dict[str, Any]]:
    """The attempts of one config as JSON values, the latest last."""
    folder = attempts_folder(places, flow, tag)
    return [
        {
            "id": attempt.id,
            "started_at": attempt.started_at.isoformat(timespec="seconds"),
            "state": attempt.state,
            "run_id": attempt.run_id,
            "origin_run_id": attempt.origin_run_id,
            "engine": attempt.engine,
            "user": attempt.user,
            "tags": list(attempt.tags),
            "log": str(AttemptPlaces(folder / attempt.id).log),
        }
        for attempt in read_attempts(places, flow, tag)
    ]


def _read_state(places: PipelinePlaces, flow: str, tag: str) -> ConfigState:
    path = places.config(flow, tag)
    try:
        run_id = load_run_id(path)
    except RunNotFound:
        run_id = None
    last = next(reversed(read_attempts(places, flow, tag)), None)
    state, last_run_id = (last.state, last.run_id) if last is not None else (None, None)
    return ConfigState(flow, tag, path, run_id, state, last_run_id)
