"""A thousand requests: the work of loading, of a tick and of a page grows with their number at most.

Work is counted in calls, files, requests and statements, never in time.
"""

import cProfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._core.test_utils import in_process_test_workspace
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_graphql.test.utils import execute_dagster_graphql
from sqlalchemy import event
from sqlalchemy.engine import Engine

from hugflow.requests import collect
from hugflow.requests.catalog import Catalog, read_catalog, write_catalog
from hugflow.settings import load_settings
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.store.links import link
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from hugflow_assets.loading import load_definitions
from hugflow_sensors import tick as tick_module
from hugflow_sensors.settled import manifest_time, write_settled
from tests.dagster.sensor_world import World

pytestmark = pytest.mark.slow
COUNT, FEW, PAGE_SIZE = 1000, 100, 50
# One more than a tick plans.
NEW = 6
DEFINITIONS = """
from pathlib import Path
from hugflow.settings import load_settings
from hugflow_assets.loading import load_definitions

defs = load_definitions(load_settings(Path(__file__).parent))
"""
CATALOGUE = "{assetNodes{id groupName assetKey{path} kinds}}"
PAGE = """query Page($keys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $keys) {
    assetKey {path} assetMaterializations(limit: 1) {timestamp} targetingInstigators {__typename}
  }
}"""


def request_of(number: int) -> str:
    return f"hf_id: many/d{number}\ndescription: Number {number}\n"


def name_of(number: int) -> str:
    return f"many__d{number}__split_train__rev_main"


def stand_in(world: World, numbers: range) -> None:
    """Let datasets be complete, as the sensor remembers it: a folder, a manifest and a link each."""
    places = world.places
    catalog = read_catalog(places)
    assert catalog is not None
    wanted, settled = {name_of(number) for number in numbers}, {}
    for file in collect.collect_requests(catalog.data_by_path).adds:
        name = file.request.name
        if name in wanted:
            folder = places.dataset(name)
            folder.root.mkdir(parents=True)
            folder.manifest.write_text("{}")
            link(places.link(name), folder.root)
            settled[name] = file.request.digest, manifest_time(places, name)
    write_settled(places, world.instance, settled)


def count_calls(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> Callable[[], int]:
    """Count the calls of a function, from now on."""
    calls, original = [0], getattr(module, name)

    def counted(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        return original(*arguments, **named)

    monkeypatch.setattr(module, name, counted)
    return lambda: calls[0]


def test_a_tick_starts_what_is_new_among_a_thousand_and_the_next_does_nothing(
    world: World, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
):
    for number in range(NEW):
        publish_text(hub, f"many/d{number}", rows=1, shards=1)
    world.project.push({f"requests/add/{n}.yaml": request_of(n) for n in range(COUNT)})
    world.tick()
    stand_in(world, range(NEW, COUNT))
    world.load()
    parsed = count_calls(monkeypatch, tick_module, "parse_files")
    opened = count_calls(monkeypatch, tick_module, "open_build")
    first = world.tick()
    assert len(first.run_requests or []) == opened() == tick_module.PLANS_PER_TICK == NEW - 1
    second = world.tick()
    assert len(second.run_requests or []) == NEW
    for request in second.run_requests or []:
        sync_dataset(world.build(request.tags["dataset"]))
    while world.adopt().asset_events:
        pass
    asked, looked, read = len(hub.requests), opened(), parsed()
    last = world.tick()
    assert world.words(last) == f"{COUNT} complete"
    assert not last.run_requests
    assert not last.asset_events
    # The Hub is not asked, no dataset is opened, and no request file is read again.
    assert (len(hub.requests), opened(), parsed()) == (asked, looked, read)
    assert read == 1


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the statements that are sent to databases."""
    sent: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def write_project(root: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in a project with so many requests on paper."""
    (root / "dagster").mkdir(parents=True)
    (root / "definitions.py").write_text(DEFINITIONS)
    (root / "workspace.yaml").touch()
    monkeypatch.chdir(root)
    monkeypatch.setenv("PROCESSED_ROOT", "./processed")
    places = Places(root / "datasets", root / "processed", root / ".hugflow-state")
    files = {f"requests/add/{n}.yaml": request_of(n).encode() for n in range(count)}
    write_catalog(places, Catalog("a" * 40, files))


@contextmanager
def counting() -> Iterator[Callable[[], int]]:
    """Count the calls of Python functions in the block."""
    profile = cProfile.Profile(builtins=False)
    profile.enable()
    try:
        yield lambda: sum(entry.callcount for entry in profile.getstats())
    finally:
        profile.disable()


def load(root: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Load the definitions as a code server does; the calls of functions."""
    write_project(root, count, monkeypatch)
    with counting() as calls:
        repository = load_definitions(load_settings(root)).get_repository_def()
        RepositorySnap.from_def(repository)
    return calls()


def test_loading_calls_no_more_functions_for_each_request_when_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # The first one imports and fills caches.
    load(tmp_path / "first", 1, monkeypatch)
    few, many = (load(tmp_path / str(n), n, monkeypatch) / n for n in (FEW // 2, 2 * FEW))
    assert many < 1.1 * few


def ask(root: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Ask for all assets, then for those of a page: the calls of functions, the statements."""
    write_project(root, count, monkeypatch)
    target = LoadableTargetOrigin(python_file=str(root / "definitions.py"))
    keys = [{"path": [name_of(number), "processed"]} for number in range(PAGE_SIZE)]
    with (
        dg.DagsterInstance.local_temp(str(root / "dagster")) as instance,
        in_process_test_workspace(instance, target) as context,
        counting() as calls,
    ):
        everything = execute_dagster_graphql(context, CATALOGUE).data["assetNodes"]
        with statements() as sent:
            page = execute_dagster_graphql(context, PAGE, {"keys": keys})
    assert len(everything) == 5 * count + 2
    assert not page.errors
    assert len(page.data["assetNodes"]) == PAGE_SIZE
    return calls(), len(sent)


def test_the_page_of_assets_answers_with_a_thousand_requests_at_no_more_work_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ask(tmp_path / "first", PAGE_SIZE, monkeypatch)
    few_calls, few_statements = ask(tmp_path / "few", FEW, monkeypatch)
    many_calls, many_statements = ask(tmp_path / "many", COUNT, monkeypatch)
    # A selection of the sensor by groups makes a hundred times as many.
    assert many_calls / COUNT < 1.1 * few_calls / FEW
    assert many_statements == few_statements
