"""One tick of the sensor after another, with a real remote and Dagster in memory."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from hugflow.removal.remove import RemovalOrder, remove_dataset
from hugflow.requests.catalog import read_catalog
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.standing.obstacles import read_obstacle
from hugflow.stages.standing.retry_records import ask_retry
from hugflow.stages.sync import sync_dataset
from hugflow.stages.tree.manifest import MANIFEST
from hugflow.testing.hub import LoopbackHub
from hugflow_assets.reporting.checks import MEANING_BY_CHECK
from hugflow_resources import alive
from hugflow_resources.alive import show_alive
from hugflow_resources.hub import HubResource
from hugflow_resources.tags import PLAN_TAG
from hugflow_sensors import requests_on_main
from hugflow_sensors import tick as tick_module
from hugflow_sensors.runs import attempt_tags
from tests.dagster.conftest import RANGE_END, RANGE_START, Ask
from tests.dagster.sensor_world import World
from tests.dagster.test_alive import leave_dead


def test_an_empty_main_asks_for_nothing(world: World):
    result = world.tick_after_push()
    assert not result.run_requests
    assert "main asks for nothing" in world.words(result)
    assert read_catalog(world.places) is not None


def test_a_request_on_main_becomes_one_run_over_all_its_shards(world: World, ask: Ask):
    name = ask(shards=3)
    result = world.tick_after_push()
    (run,) = result.run_requests or []
    keys = world.instance.get_dynamic_partitions(f"{name}/shards")
    assert (run.tags[RANGE_START], run.tags[RANGE_END]) == (keys[0], keys[-1])
    assert len(keys) == 3
    assert {key.path[1] for key in run.asset_selection or ()} == {
        "raw",
        "audio",
        "metadata",
        "processed",
    }


def test_the_run_that_the_sensor_asks_for_makes_the_dataset(world: World, ask: Ask):
    name = ask()
    (request,) = world.tick_after_push().run_requests or []
    definitions = world.load()
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=world.instance,
        tags=dict(request.tags),
        asset_selection=list(request.asset_selection or ()),
    )
    assert result.success
    assert world.places.link(name).is_symlink()
    assert "1 complete" in world.words(world.tick())


def test_several_runs_share_a_dataset_and_a_failed_one_is_asked_for_alone(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    with (world.project.root / ".env").open("a") as file:
        file.write("RUNS_PER_DATASET=2\n")
    ask(shards=4)
    first, second = world.tick_after_push().run_requests or []
    starts = [run.tags["dagster/asset_partition_range_start"][8:13] for run in (first, second)]
    assert starts == ["00000", "00002"]
    assert first.run_key != second.run_key
    assert first.tags["hugflow/part"] != second.tags["hugflow/part"]
    definitions = world.definitions
    assert definitions is not None
    job = definitions.resolve_implicit_global_asset_job_def()
    done = job.execute_in_process(
        instance=world.instance,
        tags=dict(first.tags),
        asset_selection=list(first.asset_selection or ()),
    )
    assert done.success
    world.end_run(second, dg.DagsterRunStatus.FAILURE)
    monkeypatch.setattr("hugflow_sensors.decide.BACK_OFF_S", (0.0, 300.0))
    again = world.tick().run_requests or []
    starts = [run.tags["dagster/asset_partition_range_start"][8:13] for run in again]
    assert starts == ["00002", "00003"]
    assert {run.tags["hugflow/attempt"] for run in again} == {"2"}


def test_asking_again_gives_the_same_run_key_so_that_nothing_runs_twice(world: World, ask: Ask):
    ask()
    first = world.tick_after_push().run_requests or []
    world.cursor = None
    assert [run.run_key for run in world.tick().run_requests or []] == [
        run.run_key for run in first
    ]


def test_while_a_run_is_at_work_no_other_is_asked_for(world: World, ask: Ask):
    ask()
    (request,) = world.tick_after_push().run_requests or []
    world.end_run(request, dg.DagsterRunStatus.STARTED)
    result = world.tick()
    assert not result.run_requests
    assert "a run is at work" in world.words(result)


def test_a_failed_run_is_followed_by_another_attempt_only_after_a_pause(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    ask()
    (request,) = world.tick_after_push().run_requests or []
    world.end_run(request, dg.DagsterRunStatus.FAILURE)
    result = world.tick()
    assert not result.run_requests
    assert "the next begins at" in world.words(result)
    monkeypatch.setattr("hugflow_sensors.decide.BACK_OFF_S", (0.0, 300.0))
    (again,) = world.tick().run_requests or []
    assert again.run_key != request.run_key
    assert again.tags["hugflow/attempt"] == "2"


def test_what_a_person_asks_to_try_again_waits_for_no_pause(world: World, ask: Ask):
    name = ask()
    (request,) = world.tick_after_push().run_requests or []
    world.end_run(request, dg.DagsterRunStatus.FAILURE)
    assert not world.tick().run_requests
    ask_retry(world.places, name, datetime.now(UTC))
    (again,) = world.tick().run_requests or []
    assert again.tags["hugflow/attempt"] == "2"
    world.end_run(again, dg.DagsterRunStatus.FAILURE)
    assert "its last run failed" in world.words(world.tick())


def test_a_run_whose_process_has_gone_is_ended_and_one_that_is_alive_is_not(world: World, ask: Ask):
    ask()
    (request,) = world.tick_after_push().run_requests or []
    run = world.end_run(request, dg.DagsterRunStatus.STARTED)
    with show_alive(world.places, run.run_id):
        world.tick()
        assert world.status(run) is dg.DagsterRunStatus.STARTED
    leave_dead(world.places, run.run_id)
    result = world.tick()
    assert world.status(run) is dg.DagsterRunStatus.FAILURE
    assert "has gone" in world.words(result)
    assert not list((world.places.state_dir / "locks" / "runs").iterdir())


def test_a_run_that_died_while_it_was_being_stopped_ends_as_stopped(world: World, ask: Ask):
    ask()
    (request,) = world.tick_after_push().run_requests or []
    run = world.end_run(request, dg.DagsterRunStatus.STARTED)
    world.instance.report_run_canceling(run)
    leave_dead(world.places, run.run_id)
    world.tick()
    assert world.status(run) is dg.DagsterRunStatus.CANCELED


def test_a_run_that_is_none_of_ours_is_left_alone_however_silent_it_is(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    ask()
    world.tick_after_push()
    monkeypatch.setattr(alive, "LONGEST_BIRTH_S", -1.0)

    @dg.job
    def somebody_elses() -> None:
        """Nothing of ours."""

    run = world.instance.create_run_for_job(somebody_elses)
    world.start(run)
    world.tick()
    assert world.status(run) is dg.DagsterRunStatus.STARTED


def test_a_run_that_has_not_started_yet_is_not_asked_for_again(world: World, ask: Ask):
    ask()
    (request,) = world.tick_after_push().run_requests or []
    world.end_run(request, dg.DagsterRunStatus.NOT_STARTED)
    result = world.tick()
    assert not result.run_requests
    assert "a run is at work" in world.words(result)


def test_a_run_that_crashed_and_that_dagster_starts_again_is_waited_for(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow_sensors.decide.BACK_OFF_S", (0.0, 300.0))
    ask()
    (request,) = world.tick_after_push().run_requests or []
    run = world.end_run(request, dg.DagsterRunStatus.FAILURE)
    world.instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    assert not world.tick().run_requests
    world.instance.add_run_tags(run.run_id, {"dagster/auto_retry_run_id": "of-the-next"})
    assert len(world.tick().run_requests or []) == 1


def test_only_what_is_missing_on_disk_is_asked_for(world: World, ask: Ask):
    name = ask(shards=4)
    world.tick_after_push()
    build = world.build(name)
    from hugflow.stages.making.make_shards import make_shards

    list(make_shards(build, build.plan.shards[:1]))
    list(make_shards(build, build.plan.shards[3:]))
    (request,) = world.tick().run_requests or []
    keys = list(build.plan.shard_by_key())
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == (keys[1], keys[2])


def test_what_local_sync_made_is_adopted_and_not_made_again(world: World, ask: Ask):
    name = ask()
    world.tick_after_push()
    sync_dataset(world.build(name))
    result = world.tick()
    assert not result.run_requests
    stages = [
        event.asset_key.path[1]
        for event in result.asset_events
        if isinstance(event, dg.AssetMaterialization)
    ]
    assert stages.count("processed") == 2
    checks = [e for e in result.asset_events if isinstance(e, dg.AssetCheckEvaluation)]
    # The folder was not loaded: VERIFY_LOAD is false here.
    assert {c.check_name for c in checks} == set(MEANING_BY_CHECK) - {"folder_loads"}
    assert all(check.passed for check in checks)
    for event in result.asset_events:
        world.instance.report_runless_asset_event(event)
    assert world.tick().asset_events == []
    assert "1 complete" in world.words(world.tick())


def test_what_a_tick_has_no_room_to_adopt_is_adopted_by_the_next(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tick_module, "EVENTS_PER_TICK", 12)
    names = [ask(name=f"room-{number}") for number in range(3)]
    world.tick_after_push()
    for name in names:
        sync_dataset(world.build(name))
    for _ in range(6):
        assert "unexpected" not in world.words(world.adopt())
    assert "3 complete" in world.words(world.tick())
    for name in names:
        key = dg.AssetKey([name, "processed"])
        assert len(world.instance.get_materialized_partitions(key)) == 2


def queries_of(world: World, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often a tick of a new process asks Dagster what it knows of a dataset."""
    asked: list[object] = []
    usual = tick_module.unrecorded

    def count(*arguments: object) -> object:
        asked.append(arguments)
        return usual(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(tick_module, "unrecorded", count)
        world.load()
        assert "1 complete" in world.words(world.adopt())
    return len(asked)


def test_a_new_process_does_not_look_anew_at_what_is_complete_and_known(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    name = ask()
    world.complete(name)
    world.tick()
    assert queries_of(world, monkeypatch) == 0
    (world.places.catalog / "settled.json").write_text("{")
    assert queries_of(world, monkeypatch) == 1
    assert queries_of(world, monkeypatch) == 0
    manifest = world.places.dataset(name).manifest
    manifest.write_bytes(manifest.read_bytes())
    assert queries_of(world, monkeypatch) == 1


def test_what_is_known_to_another_event_log_is_told_anew(world: World, ask: Ask):
    name = ask()
    world.complete(name)
    world.tick()
    with dg.DagsterInstance.ephemeral() as other:
        world.instance = other
        world.load()
        assert len(world.adopt().asset_events) > 9
        assert other.has_asset_key(dg.AssetKey([name, "processed"]))


def test_a_request_edited_on_main_to_ask_for_other_rows_is_planned_and_made_anew(
    world: World, hub: LoopbackHub, ask: Ask
):
    name = ask()
    world.tick_after_push()
    hf_id = "sensor/" + name.split("__")[1]
    file = f"requests/add/{name.split('__')[1]}.yaml"
    request = AddRequest(hf_id=hf_id, description="Asked for")
    sync_dataset(open_build(request, world.places, HubResource().open(), Options()))
    assert "1 complete" in world.words(world.tick())
    world.project.push({file: f"hf_id: {hf_id}\ndescription: Asked for\nmp3_source: reencode\n"})
    (run,) = world.tick_after_push().run_requests or []
    standing = MANIFEST.require(world.places.dataset(name).manifest)
    assert run.tags[PLAN_TAG] != standing.plan
    assert world.places.link(name).is_symlink()


def test_a_link_that_is_gone_is_noticed(world: World, ask: Ask):
    name = ask()
    world.tick_after_push()
    sync_dataset(world.build(name))
    for event in world.tick().asset_events:
        world.instance.report_runless_asset_event(event)
    world.tick()
    world.places.link(name).unlink()
    assert len(world.tick().run_requests or []) == 1


def test_one_request_that_cannot_be_planned_hides_no_other_and_is_left_alone_for_a_while(
    world: World, ask: Ask, hub: LoopbackHub
):
    name = ask(name="nothing-there", publish=False)
    ask(name="beside-it")
    result = world.tick_after_push()
    assert len(result.run_requests or []) == 1
    world.end_run((result.run_requests or [])[0], dg.DagsterRunStatus.STARTED)
    hub.clear_requests()
    again = world.tick()
    assert "nothing-there" in world.words(again)
    assert "tried again at" in world.words(again)
    obstacle = read_obstacle(world.places, name)
    assert obstacle is not None
    assert obstacle.note == "refused"
    assert obstacle.next_try_at is not None
    assert not hub.requests


def test_a_surprise_in_one_dataset_stops_no_other_and_is_left_alone_for_a_while(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    surprising, plain = ask(name="a-surprise"), ask(name="b-plain")
    usual = tick_module.open_build

    def open_build(request: AddRequest, *rest: object) -> Build:
        if request.name == surprising:
            raise RuntimeError("this error was not foreseen")
        return usual(request, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(tick_module, "open_build", open_build)
    (run,) = world.tick_after_push().run_requests or []
    assert run.tags["hugflow/dataset"] == plain
    assert surprising in (world.cursor or "")


def test_a_file_that_is_no_request_is_told_and_hides_no_other(world: World, ask: Ask):
    world.project.push({"requests/add/bad.yaml": "hf_id: [\n"})
    name = ask()
    world.tick_after_push()
    assert world.instance.get_dynamic_partitions(f"{name}/shards")
    (request,) = world.tick().run_requests or []
    world.end_run(request, dg.DagsterRunStatus.STARTED)
    assert "refused: requests/add/bad.yaml" in world.words(world.tick())


def test_a_main_that_cannot_be_read_is_not_an_empty_one(world: World, ask: Ask):
    name = ask()
    world.tick_after_push()
    world.project.remote.rename(world.project.remote.with_name("away.git"))
    result = world.tick()
    (request,) = result.run_requests or []
    assert request.tags["hugflow/dataset"] == name
    world.end_run(request, dg.DagsterRunStatus.STARTED)
    assert "main cannot be read" in world.words(world.tick())


def test_a_main_that_was_never_read_starts_nothing_and_says_so(world: World):
    world.project.remote.rename(world.project.remote.with_name("away.git"))
    result = world.tick()
    assert not result.run_requests
    assert "main cannot be read" in world.words(result)
    assert "To fix it" in world.words(result)


def test_a_deleted_request_file_removes_nothing(world: World, ask: Ask):
    name = ask()
    world.tick_after_push()
    sync_dataset(world.build(name))
    (path,) = (world.project.work_tree / "requests" / "add").iterdir()
    path.unlink()
    world.project.push({})
    world.tick_after_push()
    assert world.places.link(name).is_symlink()
    assert world.places.dataset(name).manifest.is_file()


def test_a_dataset_removed_by_hand_is_not_made_again_until_its_request_changes(
    world: World, ask: Ask, hub: LoopbackHub
):
    name = ask()
    world.tick_after_push()
    build = world.build(name)
    sync_dataset(build)
    order = RemovalOrder("ada@host", datetime.now(UTC), requests=(build.request.digest,))
    remove_dataset(world.places, build.request.identity, order)
    hub.clear_requests()
    result = world.tick()
    assert not result.run_requests
    assert "removed by hand" in world.words(result)
    assert f"hugflow retry {name}" in world.words(result)
    assert hub.requests == ()
    assert not world.places.plans(name).exists()
    (path,) = (world.project.work_tree / "requests" / "add").iterdir()
    world.project.push({f"requests/add/{path.name}": f"{path.read_text()}owner: ada\n"})
    (run,) = world.tick_after_push().run_requests or []
    assert run.tags["hugflow/dataset"] == name


def test_no_token_and_no_credential_of_a_url_is_kept(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REQUESTS_REPO", "http://ada:secret-word@127.0.0.1:9/requests")
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_made_up_token_for_tests")
    result = world.tick()
    kept = f"{world.words(result)}{result.cursor}"
    assert "secret-word" not in kept
    assert "ghp_" not in kept
    assert "127.0.0.1:9" in kept


def test_attempts_are_told_apart_by_dataset_plan_and_request(world: World, ask: Ask):
    name = ask()
    world.tick_after_push()
    build = world.build(name)
    tags = attempt_tags(build.plan, build.request.digest)
    assert tags["hugflow/dataset"] == name
    assert tags["hugflow/plan"] == build.plan.id


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"hugflow.yaml": "\npolcy: {owners: [bob]}\n"}, "hugflow.yaml:2: polcy is an unknown key"),
        ({"hugflow.json": '{"setings": {}}'}, "hugflow.json:1: setings is an unknown key"),
        ({"hugflow.yaml": "", "hugflow.yml": ""}, "hugflow.yaml: is not the only project file"),
    ],
)
def test_a_project_file_on_main_that_cannot_be_read_changes_nothing_and_is_told(
    world: World, ask: Ask, files: dict[str, str], said: str
):
    name = ask()
    world.complete(name)
    (world.project.work_tree / "requests" / "add").mkdir(parents=True, exist_ok=True)
    other = ask(name="other")
    removal = "hf_id: sensor/speech\ndescription: Gone\n"
    world.project.push({**files, "requests/remove/speech.yaml": removal})
    for result in (world.tick(), world.tick_after_push(), world.tick()):
        words = world.words(result)
        assert "nothing is changed" in words
        assert said in words
        assert not result.run_requests
        assert not result.asset_events
    assert world.places.link(name).is_symlink()
    assert not world.places.plans(other).exists()
    for path in files:
        (world.project.work_tree / path).unlink()
    world.project.push({})
    world.tick_after_push()
    assert world.places.plans(other).exists()


def test_a_project_file_of_the_platform_that_cannot_be_read_changes_nothing_and_is_told(
    world: World, ask: Ask
):
    world.tick_after_push()
    name = ask()
    file = world.project.root / "hugflow.yaml"
    file.write_text("polcy: {}\n")
    result = world.tick()
    words = world.words(result)
    assert "nothing is changed" in words
    assert "hugflow.yaml:1: polcy is an unknown key" in words
    assert "did you mean policy?" in words
    assert not result.run_requests
    file.unlink()
    assert world.tick_after_push().run_requests
    assert world.places.plans(name).exists()


def test_state_files_that_all_nest_too_deeply_stop_no_tick_and_keep_no_dataset_away(
    world: World, ask: Ask, capsys: pytest.CaptureFixture[str]
):
    name, other = ask(name="nested-one"), ask(name="nested-two")
    world.complete(name)
    before = {path for path in world.places.state_dir.rglob("*") if is_record(path)}
    for kind in ("removed", "kept", "retries", "notices", "progress"):
        before.add(world.places.state_dir / kind / f"{name}.json")
    before |= {world.places.outbox / "x.json", world.places.service_limit("github")}
    before.add(world.places.trash / f"20261122T010203123456Z-{name}" / "entry.json")
    for path in (*before, world.places.dataset(name).manifest):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[" * 100_000)
    world.cursor = "[" * 100_000
    world.load()
    result = world.tick_after_push()
    assert [run.tags["hugflow/dataset"] for run in result.run_requests or []] == [other]
    # Whether it was removed cannot be known: a person looks, and the sensor says which file.
    said = capsys.readouterr().err
    assert str(world.places.removed(name)) in said
    assert "Traceback" not in said
    world.places.removed(name).unlink()
    sync_dataset(world.build(name))
    assert world.places.link(name).is_symlink()
    assert MANIFEST.read(world.places.dataset(name).manifest) is not None


def is_record(path: Path) -> bool:
    """A small state file: neither a plan nor a lock that somebody may hold."""
    is_plan = path.parent.parent.name == "plans" and len(path.stem) == 16
    return path.suffix == ".json" and path.is_file() and not is_plan


@pytest.mark.parametrize(
    "path",
    ["speech/config/pipeline/train/train_dev.yaml", "speech/pipeline/train.py", "hugflow.lock"],
)
def test_a_flow_run_or_a_lock_that_was_pulled_asks_for_a_reload(world: World, path: str):
    world.tick_after_push()
    assert "restart the code location" not in world.words(world.tick())
    added = world.project.root / path
    added.parent.mkdir(parents=True, exist_ok=True)
    added.write_text("{}\n")
    assert "restart the code location" in world.words(world.tick())


def test_a_reload_that_outlasts_the_tick_goes_on_and_is_not_asked_for_again(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    asked: list[int] = []

    class Slow:
        def create_client(self) -> "Slow":
            return self

        def reload_code(self, timeout: int) -> None:
            asked.append(timeout)
            raise TimeoutError

    world.load()
    ask()
    monkeypatch.setattr(dg.SensorEvaluationContext, "code_location_origin", Slow())
    assert "cannot reload itself (TimeoutError)" in world.words(world.tick())
    # An error that comes after the whole time is the end of the waiting alone.
    monkeypatch.setattr(requests_on_main, "RELOAD_TIMEOUT_S", 0)
    assert "is still reloading" in world.words(world.tick())
    assert "restart the code location" in world.words(world.tick())
    assert len(asked) == 2
    assert asked[0] < 60
