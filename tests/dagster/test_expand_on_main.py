"""One request on main that becomes several datasets."""

from hugflow.testing.hub import LoopbackHub
from tests.cli.test_collection import SLUG
from tests.cli.test_expand import publish
from tests.dagster.sensor_world import World


def test_a_pattern_on_main_becomes_a_run_for_each_dataset(world: World, hub: LoopbackHub):
    publish(hub, "acme/pattern")
    text = 'hf_id: acme/pattern\ndescription: x\nexpand: {subsets: "en_*"}\n'
    world.project.push({"requests/add/pattern.yaml": text})
    asked = world.tick_after_push()
    assert "becomes 2 datasets" in world.words(asked)
    assert not asked.run_requests
    result = world.tick_after_push()
    started = {(run.asset_selection or [])[0].path[0] for run in result.run_requests or []}
    assert started == {
        f"acme__pattern__subset_{subset}__split_train__rev_main" for subset in ("en_us", "en_gb")
    }


def test_a_collection_on_main_becomes_a_run_for_each_of_its_datasets(
    world: World, hub: LoopbackHub
):
    for hf_id in ("acme/one", "acme/two"):
        publish(hub, hf_id)
    hub.collect(SLUG, [("dataset", "acme/two"), ("model", "acme/x"), ("dataset", "acme/one")])
    text = f"hf_collection: {SLUG}\ndescription: x\nsubset: en_us\n"
    world.project.push({"requests/add/voices.yaml": text})
    asked = world.tick_after_push()
    assert "becomes 2 datasets" in world.words(asked)
    assert not asked.run_requests
    result = world.tick_after_push()
    started = {(run.asset_selection or [])[0].path[0] for run in result.run_requests or []}
    assert started == {
        f"acme__{name}__subset_en_us__split_train__rev_main" for name in ("one", "two")
    }
