"""A folder to sync into, and a Hub with nothing else on it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hugflow.flows import flow_verse
from hugflow.testing.hub import LoopbackHub
from tests.flows.hub import to_entry

Sync = Callable[..., list[Path]]


@pytest.fixture
def module_hub() -> Iterator[LoopbackHub]:
    """A Hub of the test's own: its modules have the seed's names."""
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def root(
    module_hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The working directory, where `sync_dependencies` syncs to; what it imports is forgotten."""
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    # A process that has loaded a flow keeps compiled files elsewhere, from then on.
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(flow_verse, "_may_fetch", True)
    yield root
    for name in [name for name in sys.modules if name.split(".")[0] == "flow_modules"]:
        del sys.modules[name]


@pytest.fixture
def sync(module_hub: LoopbackHub, root: Path) -> "Sync":
    """`sync("acme/tools:v1", ...)`: as a script in the root does; gives the folders."""

    def sync(*modules: str, **options: Any) -> list[Path]:
        wanted = [to_entry(module) for module in modules]
        return flow_verse.sync_dependencies(wanted, endpoint=module_hub.endpoint, **options)

    return sync
