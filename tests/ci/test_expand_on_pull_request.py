"""One request of a pull request that becomes several datasets."""

from dataclasses import replace
from datetime import UTC, datetime

from hugflow.ci.planning import Planner
from hugflow.clients.hub import Hub
from hugflow.notify.lines import to_lines
from hugflow.requests.collect import collect_requests
from hugflow.requests.policy import Policy
from hugflow.stages.build.options import Options
from hugflow.stages.standing.settled_requests import read_asked
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from tests.cli.test_collection import SLUG
from tests.cli.test_expand import publish

FILE = "requests/add/pattern.yaml"
TEXT = b'hf_id: acme/pr\ndescription: x\nexpand: {subsets: "en_*"}\n'


def planner(places: Places, policy: Policy) -> Planner:
    options = replace(Options(), policy=policy)
    return Planner(places, Hub(), options, is_binding=False, clock=lambda: datetime.now(UTC))


def test_each_dataset_of_a_pattern_has_a_line_and_a_plan_of_its_own(
    hub: LoopbackHub, places: Places
):
    publish(hub, "acme/pr")
    proposal = planner(places, Policy()).plan(collect_requests({FILE: TEXT}))
    names = [f"acme__pr__subset_{subset}__split_train__rev_main" for subset in ("en_us", "en_gb")]
    assert [build.name for build in proposal.builds.values()] == names
    assert [line.path for line in proposal.lines] == sorted(f"{FILE}#{name}" for name in names)


def test_a_pattern_of_too_many_datasets_fails_its_own_line(hub: LoopbackHub, places: Places):
    publish(hub, "acme/pr")
    proposal = planner(places, Policy(max_expand=1)).plan(collect_requests({FILE: TEXT}))
    assert not proposal.builds
    assert "becomes 2 datasets" in proposal.failed[FILE].what


def test_after_the_merge_each_dataset_of_a_file_keeps_its_line(hub: LoopbackHub, places: Places):
    publish(hub, "acme/pr")
    planned = planner(places, Policy()).plan(collect_requests({FILE: TEXT}))
    main = read_asked(places, {FILE: TEXT})
    assert [line.path for line in to_lines(main)] == [line.path for line in planned.lines]


def test_each_dataset_of_a_collection_has_a_line_before_and_after_the_merge(
    hub: LoopbackHub, places: Places
):
    for hf_id in ("acme/one", "acme/two"):
        publish(hub, hf_id)
    hub.collect(SLUG, [("dataset", "acme/two"), ("model", "acme/x"), ("dataset", "acme/one")])
    text = f"hf_collection: {SLUG}\ndescription: x\nsubset: en_us\n".encode()
    planned = planner(places, Policy()).plan(collect_requests({FILE: text}))
    names = [f"acme__{name}__subset_en_us__split_train__rev_main" for name in ("one", "two")]
    assert sorted(build.name for build in planned.builds.values()) == names
    assert sorted(line.path for line in planned.lines) == [f"{FILE}#{name}" for name in names]
    main = read_asked(places, {FILE: text})
    assert [line.path for line in to_lines(main)] == [line.path for line in planned.lines]
    limited = planner(places, Policy(max_expand=1)).plan(
        collect_requests({FILE: text.replace(b"x", b"y")})
    )
    assert "becomes 2 datasets" in limited.failed[FILE].what


def test_a_removal_with_a_pattern_has_a_line_for_each_dataset(hub: LoopbackHub, places: Places):
    publish(hub, "acme/gone")
    add = TEXT.replace(b"acme/pr", b"acme/gone")
    planner(places, Policy()).plan(collect_requests({FILE: add}))
    path = "requests/remove/pattern.yaml"
    removal = add.replace(b"description", b"reason")
    lines = planner(places, Policy()).plan(read_asked(places, {FILE: add, path: removal})).lines
    names = [f"acme__gone__subset_{subset}__split_train__rev_main" for subset in ("en_gb", "en_us")]
    assert [(line.path, line.dataset) for line in lines if line.kind == "remove"] == [
        (f"{path}#{name}", name) for name in names
    ]
