"""Two that want different revisions of one module."""

from pathlib import Path

import pytest

from hugflow.clients.hub import Hub
from hugflow.errors import FlowModuleConflict
from hugflow.flows.asking import Asker
from hugflow.flows.dependencies import parse_dependencies
from hugflow.flows.hub_source import HubSource
from hugflow.flows.places import FlowPlaces
from hugflow.flows.sync import sync_modules
from hugflow.testing.hub import LoopbackHub
from tests.flows.conftest import Sync
from tests.flows.hub import asking, publish, to_entry

BASE = "acme/Base"


@pytest.fixture
def base(module_hub: LoopbackHub) -> list[str]:
    """Two commits of one module, tagged v0 and v1, that two other modules ask for."""
    commits = []
    for number in range(2):
        commits.append(publish(module_hub, BASE, {"__init__.py": f"number = {number}\n"}))
        module_hub.tag(BASE, f"v{number}", kind="models")
        publish(module_hub, f"acme/User{number}", {"a.py": asking(f"{BASE}:v{number}")})
    return commits


def number(root: Path) -> str:
    return (root / "flow_modules" / BASE / "__init__.py").read_text().strip()


def test_two_modules_that_want_two_revisions_are_both_named_and_nothing_changes(
    root: Path, sync: Sync, base: list[str]
):
    with pytest.raises(FlowModuleConflict) as conflict:
        sync("acme/User0", "acme/User1")
    for name in ("acme/User0", "acme/User1", f"{BASE}:v0", f"{BASE}:v1"):
        assert name in conflict.value.what
    assert not (root / "flow_modules" / "acme").exists()


@pytest.mark.parametrize(("answer", "kept"), [("Y", "number = 1"), ("n", "number = 0")])
def test_a_person_is_asked_once_which_of_two_to_keep(
    root: Path, sync: Sync, base: list[str], answer: str, kept: str
):
    questions: list[str] = []
    sync("acme/User0", "acme/User1", confirm=lambda text: (questions.append(text), answer)[1])
    assert len(questions) == 1
    assert "acme/User0" in questions[0]
    assert "acme/User1" in questions[0]
    assert number(root) == kept


@pytest.mark.parametrize(("choice", "kept"), [("replace", "number = 1"), ("keep", "number = 0")])
def test_a_choice_that_was_made_beforehand_is_taken(
    module_hub: LoopbackHub, root: Path, base: list[str], choice: str, kept: str
):
    wanted = parse_dependencies([to_entry("acme/User0"), to_entry("acme/User1")])
    source = HubSource(Hub(module_hub.endpoint))
    sync_modules(wanted, FlowPlaces(root), source, Asker(choice))  # type: ignore[arg-type]
    assert number(root) == kept


def test_the_projects_own_list_wins_with_a_warning(
    root: Path, sync: Sync, base: list[str], caplog: pytest.LogCaptureFixture
):
    sync("acme/User0", f"{BASE}:v1")
    assert number(root) == "number = 1"
    assert f"acme/User0 asks for {BASE}:v0; the project's own {BASE}:v1 is used" in caplog.text


def test_the_projects_list_of_an_earlier_sync_counts_too(
    root: Path, sync: Sync, base: list[str], caplog: pytest.LogCaptureFixture
):
    sync(f"{BASE}:v1")
    sync("acme/User0")
    assert number(root) == "number = 1"
    assert "the project's own" in caplog.text


def test_a_module_of_an_earlier_sync_is_not_given_another_dependency_unasked(
    root: Path, sync: Sync, base: list[str]
):
    sync("acme/User0")
    with pytest.raises(FlowModuleConflict) as conflict:
        sync("acme/User1")
    assert "acme/User0" in conflict.value.what
    assert number(root) == "number = 0"
    assert not (root / "flow_modules" / "acme" / "User1").exists()
    sync("acme/User1", confirm=lambda question: "Y")
    assert number(root) == "number = 1"


def test_two_names_of_one_commit_are_no_conflict(
    module_hub: LoopbackHub, root: Path, sync: Sync, base: list[str]
):
    publish(module_hub, "acme/User0", {"a.py": asking(f"{BASE}:{base[1]}")})
    sync("acme/User0", "acme/User1")
    assert number(root) == "number = 1"


def test_a_module_that_moves_on_takes_its_dependency_along(
    module_hub: LoopbackHub, root: Path, sync: Sync, base: list[str]
):
    sync("acme/User0")
    publish(module_hub, "acme/User0", {"a.py": asking(f"{BASE}:v1")})
    sync("acme/User0")
    assert number(root) == "number = 1"


def test_one_list_with_two_revisions_of_a_module_is_refused(
    root: Path, sync: Sync, base: list[str]
):
    with pytest.raises(FlowModuleConflict, match="v0 and for acme/Base:v1"):
        sync(f"{BASE}:v0", f"{BASE}:v1")


def test_a_circle_of_modules_ends(module_hub: LoopbackHub, root: Path, sync: Sync):
    names = [f"acme/Ring{number}" for number in range(4)]
    for name, following in zip(names, [*names[1:], names[0]], strict=True):
        publish(module_hub, name, {"a.py": asking(following)})
    assert len(sync(names[2])) == 4


def test_an_overwrite_in_a_modules_list_discards_nothing(
    module_hub: LoopbackHub, root: Path, sync: Sync, base: list[str]
):
    publish(module_hub, "acme/Greedy", {"a.py": asking(f"{BASE}:v1!")})
    sync("acme/Greedy")
    path = root / "flow_modules" / BASE / "__init__.py"
    path.write_text("number = 'mine'\n")
    sync("acme/Greedy")
    assert path.read_text() == "number = 'mine'\n"
