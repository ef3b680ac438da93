"""Removals that stand on main, tick after tick, with a real remote and Dagster in memory."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from hugflow.ledger.stages import STAGE_NAMES
from hugflow.removal.remove import RemovalOrder, remove_dataset
from hugflow.removal.undo import bring_back
from hugflow.requests.catalog import write_catalog
from hugflow.requests.model import AddRequest
from hugflow.stages.standing.retry_records import ask_retry
from hugflow.stages.sync import sync_dataset
from hugflow.store.trash import TIME_TO_LIVE, read_entries
from hugflow.testing.hub import LoopbackHub
from hugflow_resources.requests_repo import RequestsRepo
from tests.builds import open_in
from tests.cli.test_expand import publish
from tests.dagster.conftest import Ask
from tests.dagster.sensor_world import World


def removal(name: str, more: str = "") -> dict[str, str]:
    """The file that removes a dataset, by its path."""
    own = name.split("__")[1]
    text = f"hf_id: sensor/{own}\nreason: No longer needed\n{more}"
    return {f"requests/remove/{own}.yaml": text}


def ask_to_remove(world: World, *names: str, more: str = "") -> str:
    """Push removals as one commit; what the next two ticks say."""
    files = [removal(name, more) for name in names]
    world.project.push({path: text for file in files for path, text in file.items()})
    first = world.words(world.tick())
    world.load()
    return first + world.words(world.tick())


def stands(world: World, name: str) -> bool:
    return world.places.link(name).is_symlink() and world.places.dataset(name).root.is_dir()


def test_a_removal_on_main_takes_the_dataset_to_the_trash(world: World, ask: Ask):
    name = ask()
    world.complete(name)
    words = ask_to_remove(world, name)
    assert not stands(world, name)
    assert not world.places.link(name).is_symlink()
    assert not world.places.dataset(name).root.exists()
    (entry,) = read_entries(world.places)
    assert (entry.name, entry.reason) == (name, "No longer needed")
    assert entry.by.startswith("Ada, main@")
    assert f"hugflow undo {name}" in words


def test_what_was_removed_shows_green_nowhere(world: World, ask: Ask):
    name = ask()
    world.complete(name)
    ask_to_remove(world, name)
    assert not world.instance.get_dynamic_partitions(f"{name}/shards")
    for stage in ("plan", *STAGE_NAMES):
        assert not world.instance.has_asset_key(dg.AssetKey([name, stage]))
    world.load()
    keys = world.definitions.resolve_asset_graph().get_all_asset_keys()  # type: ignore[union-attr]
    assert keys == {dg.AssetKey(["hugflow", "overview"])}


def test_while_a_removal_stands_its_dataset_stays_removed(world: World, ask: Ask, hub: LoopbackHub):
    name = ask()
    world.complete(name)
    ask_to_remove(world, name)
    hub.clear_requests()
    for _ in range(3):
        result = world.tick_after_push()
        assert not result.run_requests
    assert hub.requests == ()
    assert len(read_entries(world.places)) == 1


def test_a_removal_that_is_taken_back_lets_the_dataset_come_again(world: World, ask: Ask):
    name = ask()
    world.complete(name)
    ask_to_remove(world, name)
    world.delete(next(iter(removal(name))))
    (run,) = world.tick_after_push().run_requests or []
    assert run.tags["hugflow/dataset"] == name
    assert world.instance.get_dynamic_partitions(f"{name}/shards")


def test_a_removal_waits_for_the_run_that_is_at_work(world: World, ask: Ask):
    name = ask()
    (request,) = world.tick_after_push().run_requests or []
    run = world.end_run(request, dg.DagsterRunStatus.STARTED)
    world.build(name).folder.root.mkdir(parents=True)
    assert "once its run has ended" in ask_to_remove(world, name)
    assert world.places.plans(name).is_dir()
    world.instance.report_run_canceled(run)
    world.tick()
    assert not world.places.plans(name).is_dir()


def test_more_than_three_removals_that_come_together_wait_for_a_confirmation_of_each(
    world: World, ask: Ask
):
    names = [ask(name=f"together-{number}", shards=1) for number in range(4)]
    for name in names:
        world.complete(name)
    assert ask_to_remove(world, *names).count("`confirm: true`") == 8
    assert all(stands(world, name) for name in names)
    confirmed, others = names[:2], names[2:]
    ask_to_remove(world, *confirmed, more="confirm: true\n")
    assert not any(stands(world, name) for name in confirmed)
    for _ in range(2):
        world.cursor = None
        world.tick()
    assert all(stands(world, name) for name in others)


def test_three_removals_that_come_together_go(world: World, ask: Ask):
    names = [ask(name=f"three-{number}", shards=1) for number in range(3)]
    for name in names:
        world.complete(name)
    ask_to_remove(world, *names)
    assert not any(stands(world, name) for name in names)


def test_removals_that_wait_go_on_waiting_when_the_state_is_lost(world: World, ask: Ask):
    names = [ask(name=f"lost-{number}", shards=1) for number in range(4)]
    for name in names:
        world.complete(name)
    ask_to_remove(world, *names)
    (world.places.catalog / "requests.json").unlink()
    world.cursor = None
    world.tick_after_push()
    world.tick()
    assert all(stands(world, name) for name in names)


def test_nothing_is_removed_while_main_cannot_be_read(world: World, ask: Ask):
    name = ask()
    world.complete(name)
    world.project.push(removal(name))
    write_catalog(world.places, RequestsRepo().fetch_catalog(world.places, None))
    world.load()
    away = world.project.remote.with_name("away.git")
    world.project.remote.rename(away)
    assert "main cannot be read" in world.words(world.tick())
    assert stands(world, name)
    away.rename(world.project.remote)
    world.tick()
    assert not stands(world, name)


def test_an_empty_main_removes_nothing(world: World, ask: Ask):
    names = [ask(name=f"empty-{number}", shards=1) for number in range(2)]
    for name in names:
        world.complete(name)
    for path in (world.project.work_tree / "requests" / "add").iterdir():
        path.unlink()
    world.project.push({})
    world.tick_after_push()
    world.tick()
    assert all(stands(world, name) for name in names)


def test_what_something_uses_is_kept_and_it_is_told_what(world: World, ask: Ask):
    name = ask()
    world.complete(name)
    alias = world.places.processed_root / "favourite"
    alias.symlink_to(world.places.dataset(name).root)
    assert "favourite" in ask_to_remove(world, name)
    assert stands(world, name)
    assert "tried again at" in world.words(world.tick())
    alias.unlink()
    ask_retry(world.places, name, datetime.now(UTC))
    world.tick()
    assert not stands(world, name)


def test_a_dataset_that_a_person_brought_back_is_not_taken_again_by_the_same_removal(
    world: World, ask: Ask
):
    name = ask()
    world.complete(name)
    ask_to_remove(world, name)
    bring_back(world.places, name)
    result = world.tick()
    assert stands(world, name)
    assert "restored by hand" in world.words(result)
    ask_to_remove(world, name, more="confirm: true\n")
    assert not stands(world, name)


def test_a_removal_that_a_kill_ended_half_way_is_finished(world: World, ask: Ask):
    name = ask()
    world.complete(name)
    request = AddRequest(hf_id=f"sensor/{name.split('__')[1]}", description="Asked for")

    def kill(step: str) -> None:
        if step == "tree":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove_dataset(
            world.places,
            request.identity,
            RemovalOrder("ada@host", datetime.now(UTC)),
            on_step=kill,
        )
    assert world.places.plans(name).is_dir()
    ask_to_remove(world, name)
    assert not world.places.plans(name).is_dir()
    assert [entry.phase for entry in read_entries(world.places)] == ["gone"]


def test_whoever_the_policy_does_not_let_remove_removes_nothing(world: World, ask: Ask):
    name = ask()
    world.complete(name)
    world.project.push({"hugflow.yaml": "policy: {removers: [bob, '*@elsewhere.org']}\n"})
    assert "does not let Ada remove" in ask_to_remove(world, name)
    assert stands(world, name)
    world.project.push({"hugflow.yaml": "policy: {removers: [bob, '*@EXAMPLE.org']}\n"})
    world.tick_after_push()
    assert not stands(world, name)


def test_a_policy_that_cannot_be_read_lets_nobody_remove(world: World, ask: Ask):
    name = ask()
    world.complete(name)
    world.project.push({"hugflow.yaml": "policy: {removers: everybody}\n"})
    assert "the policy in hugflow.yaml cannot be read" in ask_to_remove(world, name)
    assert stands(world, name)


def test_an_ambiguous_removal_takes_nothing_and_lists_what_it_may_mean(
    world: World, ask: Ask, hub: LoopbackHub
):
    name = ask(name="ambiguous")
    world.complete(name)
    commit = hub.publish("sensor/ambiguous", {"NOTES.md": b"more words"})
    text = f"hf_id: sensor/ambiguous\ndescription: Another revision\nrevision: {commit}\n"
    world.project.push({"requests/add/second.yaml": text})
    second = AddRequest(hf_id="sensor/ambiguous", description="x", revision=commit).name
    world.complete(second)
    assert "may mean 2 datasets" in ask_to_remove(world, name)
    assert stands(world, name)
    assert stands(world, second)


def test_what_has_lain_in_the_trash_for_its_time_is_deleted(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    name = ask()
    world.complete(name)
    ask_to_remove(world, name)
    world.tick()
    assert len(read_entries(world.places)) == 1
    monkeypatch.setattr("hugflow.store.trash.TIME_TO_LIVE", TIME_TO_LIVE - timedelta(days=8))
    assert "deleted for good" in world.words(world.tick())
    assert not read_entries(world.places)


def test_a_removal_with_a_pattern_removes_each_dataset_of_its_add_file(
    world: World, hub: LoopbackHub
):
    publish(hub, "sensor/pattern")
    pattern = 'hf_id: sensor/pattern\nexpand: {subsets: "en_*"}\n'
    other = "hf_id: sensor/pattern\ndescription: x\nsubset: ms_my\n"
    adds = {"requests/add/p.yaml": f"{pattern}description: x\n", "requests/add/o.yaml": other}
    world.project.push(adds)
    for _ in range(3):
        world.tick_after_push()
    names = [
        f"sensor__pattern__subset_{subset}__split_train__rev_main"
        for subset in ("en_us", "en_gb", "ms_my")
    ]
    open_for = open_in(world.places)
    for subset in ("en_us", "en_gb", "ms_my"):
        sync_dataset(open_for("sensor/pattern", description="x", subset=subset))
    world.adopt()
    assert all(stands(world, name) for name in names)
    world.project.push({"requests/remove/p.yaml": f"{pattern}reason: Replaced\n"})
    words = world.words(world.tick()) + world.words(world.tick())
    assert [stands(world, name) for name in names] == [False, False, True]
    assert {entry.name for entry in read_entries(world.places)} == {*names[:2]}
    assert all(f"{name}: removed as requests/remove/p.yaml asks" in words for name in names[:2])
    world.load()
    assert not world.tick().run_requests
