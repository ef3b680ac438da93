"""`publish_to` on main: the sensor starts the publishing alone, once, and again after a failure."""

from pathlib import Path

import dagster as dg
import pytest

from hugflow.clients.hub import Hub
from hugflow.stages.standing.push_records import read_push
from hugflow.stages.standing.retry_records import ask_retry
from hugflow.testing.hub import LoopbackHub
from hugflow_resources.tags import PUSH_TAG
from tests.dagster.conftest import RANGE_END, RANGE_START, Ask
from tests.dagster.sensor_world import World

# The client of the Hub sends files with a parameter that httpx2 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

TOKEN = "hf_sensor_publishes_12345"


def publish_to(world: World, own: str, place: str) -> None:
    """Bring a change of the request to main: nothing but `publish_to`."""
    [path] = (world.project.work_tree / "requests" / "add").glob("*.yaml")
    kept = [line for line in path.read_text().splitlines() if not line.startswith("publish_to")]
    text = "\n".join([*kept, f"publish_to: {place}", ""])
    world.project.push({f"requests/add/{path.name}": text})


def run(world: World, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    definitions = world.definitions
    assert definitions is not None
    return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=world.instance,
        tags=dict(request.tags),
        asset_selection=list(request.asset_selection or ()),
    )


def mtimes(folder: Path) -> dict[str, int]:
    found = [*folder.glob("json/*"), *folder.glob("audio/*")]
    return {path.name: path.stat().st_mtime_ns for path in found}


def test_a_change_of_publish_to_alone_starts_the_publishing_and_no_row_is_made_again(
    world: World, ask: Ask, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.add_token(TOKEN, "onward", writes=True)
    name = ask()
    world.complete(name)
    assert "1 complete" in world.words(world.tick())
    made = mtimes(world.places.dataset(name).root)
    publish_to(world, name, "onward/from-main")
    (request,) = world.tick_after_push().run_requests or []
    assert [key.path for key in request.asset_selection or ()] == [[name, "processed"]]
    assert request.tags[RANGE_START] == request.tags[RANGE_END]
    assert request.tags[PUSH_TAG].endswith(" onward/from-main")
    asked = len(hub.requests)
    assert run(world, request).success
    assert not [each for each in hub.requests[asked:] if "/resolve/" in each.path]
    push = read_push(world.places, name)
    assert push is not None
    assert push.why is None
    api = Hub(token=TOKEN).api
    files = api.list_repo_files("onward/from-main", repo_type="dataset", revision=push.pushed)
    assert "manifest.json" in files
    assert mtimes(world.places.dataset(name).root) == made
    assert not world.tick().run_requests
    assert not world.tick().run_requests
    # Another place is another publication.
    publish_to(world, name, "onward/second")
    (second,) = world.tick_after_push().run_requests or []
    assert second.run_key != request.run_key


def test_a_publication_that_fails_is_tried_again_after_a_pause_and_when_a_person_asks(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    name = ask()
    world.complete(name)
    out = world.project.root / "out"
    out.write_text("in the way")
    world.project.push({"hugflow.yaml": "policy: {publish_to: ['file://*']}\n"})
    publish_to(world, name, f'"file://{out}"')
    (request,) = world.tick_after_push().run_requests or []
    # The dataset stays published, so the run succeeds, and its check says what failed.
    assert run(world, request).success
    push = read_push(world.places, name)
    assert push is not None
    assert push.address is None
    waiting = world.tick()
    assert not waiting.run_requests
    assert "its last run failed; the next begins at" in world.words(waiting)
    assert f"not pushed to file://{out}: " in world.words(waiting)
    out.unlink()
    ask_retry(world.places, name, push.at.replace(year=push.at.year + 1))
    (again,) = world.tick().run_requests or []
    assert again.run_key != request.run_key
    assert run(world, again).success
    assert (out / "latest.json").is_file()
    assert not world.tick().run_requests


def test_a_failed_publication_counts_as_no_attempt_at_the_rows(world: World, ask: Ask):
    name = ask()
    world.complete(name)
    publish_to(world, name, "onward/rows")
    (request,) = world.tick_after_push().run_requests or []
    world.end_run(request, dg.DagsterRunStatus.FAILURE)
    next((world.places.dataset(name).root / "json").glob("*.json")).unlink()
    world.places.dataset(name).manifest.unlink()
    (rows,) = world.tick().run_requests or []
    assert PUSH_TAG not in rows.tags
    assert rows.tags["hugflow/attempt"] == "1"
