"""One request on main that becomes several datasets."""

from hugflow.testing.hub import LoopbackHub
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
