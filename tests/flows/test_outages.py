"""When the Hub refuses, is away, or says something else: what is there stays, and it is told."""

from pathlib import Path

import pytest

from hugflow.errors import FlowModuleNotFound, HubUnavailable, HugflowError, NotAuthorised
from hugflow.testing.faults import Match, Status
from hugflow.testing.hub import LoopbackHub
from tests.flows.conftest import Sync
from tests.flows.hub import asking, publish
from tests.flows.test_changes import read_all

TOOLS = "acme/Tools"


@pytest.fixture
def tools(module_hub: LoopbackHub, sync: Sync, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that was synced, of a branch that has moved since; nobody sleeps between attempts."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    publish(module_hub, TOOLS, {"__init__.py": "word = 'first'\n"})
    [folder] = sync(TOOLS)
    publish(module_hub, TOOLS, {"__init__.py": "word = 'second'\n"})
    return folder


def make_private(hub: LoopbackHub) -> None:
    hub.restrict(TOOLS, kind="models", private=True)


def make_gated(hub: LoopbackHub) -> None:
    hub.restrict(TOOLS, kind="models", gated=True)


def remove(hub: LoopbackHub) -> None:
    hub.remove(TOOLS, kind="models")


def disable(hub: LoopbackHub) -> None:
    hub.restrict(TOOLS, kind="models", disabled=True)


@pytest.mark.parametrize("close", [make_private, make_gated, remove, disable])
def test_a_repository_that_was_closed_is_told_and_its_module_stays(
    module_hub: LoopbackHub, root: Path, tools: Path, sync: Sync, close: object
):
    before = read_all(root)
    close(module_hub)  # type: ignore[operator]
    with pytest.raises((NotAuthorised, FlowModuleNotFound)) as error:
        sync(TOOLS)
    assert TOOLS in error.value.what
    assert error.value.mend
    assert read_all(root) == before


@pytest.mark.parametrize("revision", ["v9", "0" * 40, "abcdef1"])
def test_a_revision_that_is_not_there_is_named(tools: Path, sync: Sync, revision: str):
    with pytest.raises(FlowModuleNotFound, match=f"{TOOLS}:{revision}"):
        sync(f"{TOOLS}:{revision}")


def test_a_dependency_that_is_not_there_leaves_everything_as_it_was(
    module_hub: LoopbackHub, root: Path, tools: Path, sync: Sync
):
    before = read_all(root)
    publish(module_hub, TOOLS, {"needs.py": asking("acme/Gone")})
    with pytest.raises(HugflowError, match="acme/Gone"):
        sync(TOOLS)
    assert read_all(root) == before


def test_without_a_network_what_was_synced_is_used_with_a_warning(
    module_hub: LoopbackHub, root: Path, tools: Path, sync: Sync, caplog: pytest.LogCaptureFixture
):
    before = read_all(root)
    with module_hub.outage():
        assert sync(TOOLS) == [tools]
        assert "acme/Tools:main stays at commit" in caplog.text
        with pytest.raises(HubUnavailable):
            sync(f"{TOOLS}:v2")
        with pytest.raises(HubUnavailable):
            sync("acme/Other")
    assert read_all(root) == before


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_hub_that_fails_for_a_while_is_asked_again(
    module_hub: LoopbackHub, tools: Path, sync: Sync, code: int
):
    module_hub.inject(Status(code, retry_after_s=0), times=3)
    sync(TOOLS)
    assert (tools / "__init__.py").read_text() == "word = 'second'\n"


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("path", ["*/revision/*", "*/tree/*", "*/resolve/*"])
def test_a_hub_that_keeps_failing_is_an_error_and_the_module_stays(
    module_hub: LoopbackHub, root: Path, tools: Path, sync: Sync, code: int, path: str
):
    before = read_all(root)
    module_hub.inject(Status(code, retry_after_s=0), when=Match(path=path), times=None)
    with pytest.raises(HubUnavailable, match=TOOLS):
        sync(TOOLS)
    assert read_all(root) == before


def test_no_token_is_shown_to_anybody(
    module_hub: LoopbackHub, root: Path, sync: Sync, caplog: pytest.LogCaptureFixture
):
    module_hub.add_token("hf_test_reader_made_up", "bob", [TOOLS])
    publish(module_hub, TOOLS, {"__init__.py": ""}, private=True)
    sync(TOOLS, token="hf_test_reader_made_up")
    with pytest.raises(HugflowError) as error:
        sync("acme/Other", token="hf_test_reader_made_up")
    written = "".join(data.decode() for data, _ in read_all(root).values())
    assert "hf_test_reader_made_up" not in f"{error.value}{caplog.text}{written}"
