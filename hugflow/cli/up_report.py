"""What `hugflow up` prints once its web UI answers: address, project, datasets, next look at main."""

import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from hugflow.cli.asked import read_project_requests, request_path_by_name
from hugflow.errors import HugflowError
from hugflow.settings import ProjectSettings

SENSOR = "requests_on_main"
ASKING_S = 10.0
_QUERY = """query($selector: SensorSelector!) {
  sensorOrError(sensorSelector: $selector) {
    ... on Sensor { minIntervalSeconds sensorState { status nextTick { timestamp } } }
  }
}"""


def answers_http(url: str) -> bool:
    """Whether a web server answers, whatever its answer is."""
    try:
        # A proxy of the environment must not be asked for a server of this host.
        with _opener().open(f"{url}/server_info", timeout=ASKING_S):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def render_report(
    project: ProjectSettings, shown_url: str, url: str, location: str, token_file: Path | None
) -> list[str]:
    """The lines to print.

    shown_url: the address for people. url: the address that this host itself can ask.
    """
    return [
        f"hugflow is up at {shown_url} (stop it with Ctrl-C)",
        f"  project   {project.root}",
        f"  datasets  {_describe_datasets(project)}",
        f"  main      {_describe_main(project, url, location, token_file)}",
    ]


def render_datasets(states: Iterable[str]) -> str:
    """`3: 2 completed, 1 pending`; how to get one where there is none."""
    number_by_state = Counter(states)
    if not number_by_state:
        return "none yet: put a request into requests/add/ on main"
    parts = [f"{number:,} {state}" for state, number in number_by_state.most_common()]
    return f"{number_by_state.total():,}: {', '.join(parts)}"


def render_look(sensor: dict[str, Any] | None, now: float) -> str:
    """When main is looked at next. sensor: as the web server describes it; None if it does not."""
    state = (sensor or {}).get("sensorState") or {}
    if not sensor or not state:
        return f"the sensor {SENSOR} is not loaded: see the page Deployment of the web UI"
    if state["status"] != "RUNNING":
        return f"not looked at: the sensor {SENSOR} is off; switch it on at the page Automation"
    every_s = sensor["minIntervalSeconds"]
    tick = state.get("nextTick")
    at = tick["timestamp"] if tick is not None else now
    soon = "now" if at <= now else f"at {datetime.fromtimestamp(at).astimezone():%H:%M:%S}"
    return f"looked at every {every_s} s, next {soon}"


def _describe_datasets(project: ProjectSettings) -> str:
    from hugflow.stages.standing.status import read_statuses

    try:
        files = request_path_by_name(read_project_requests(project))
        # As the overview: `refused` says more than `pending`.
        return render_datasets(
            status.note if status.note in ("refused", "waiting") else status.state
            for status in read_statuses(project.places, files)
        )
    except HugflowError as error:
        return f"unknown: {error.what}"


def _describe_main(
    project: ProjectSettings, url: str, location: str, token_file: Path | None
) -> str:
    try:
        remote = project.find_remote()
    except HugflowError as error:
        return f"cannot be looked at: {error.what}"
    look = render_look(_ask_sensor(url, location, token_file), time.time())
    return f"{remote.branch} of {remote.shown}: {look}"


def _ask_sensor(url: str, location: str, token_file: Path | None) -> dict[str, Any] | None:
    selector = {
        "repositoryName": "__repository__",
        "repositoryLocationName": location,
        "sensorName": SENSOR,
    }
    body = json.dumps({"query": _QUERY, "variables": {"selector": selector}}).encode()
    headers = {"Content-Type": "application/json"}
    try:
        if token_file is not None:
            headers["Authorization"] = f"Bearer {token_file.read_text('ascii').strip()}"
        request = urllib.request.Request(f"{url}/graphql", body, headers)  # noqa: S310  # our own
        with _opener().open(request, timeout=ASKING_S) as answer:
            sensor = json.load(answer)["data"]["sensorOrError"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return sensor if isinstance(sensor, dict) and "sensorState" in sensor else None


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
