"""Hugflow's loopback Hub as a pytest plugin: the fixture `loopback_hub`, the option `--hugflow-hub`.

pytest loads this module wherever Hugflow is installed: it imports nothing before it is asked to.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hugflow.testing.hub import LoopbackHub

_HUB = pytest.StashKey["LoopbackHub"]()
_EXITS = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option, and the same in the configuration file."""
    words = (
        "start Hugflow's loopback Hub, and point HF_ENDPOINT and HF_HOME away from the real one, "
        "before anything is imported"
    )
    parser.getgroup("hugflow").addoption(
        "--hugflow-hub", action="store_true", dest="hugflow_hub", help=words
    )
    parser.addini("hugflow_hub", words, type="bool", default=False)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start the Hub now where that is asked for: the first conftest may import its clients."""
    if early_config.known_args_namespace.hugflow_hub or early_config.getini("hugflow_hub"):
        import tempfile
        from pathlib import Path

        from hugflow.testing.redirect import environment

        hub = _open_hub(early_config)
        exits = early_config.stash[_EXITS]
        home = exits.enter_context(tempfile.TemporaryDirectory(prefix="hugflow-hub-"))
        exits.enter_context(environment(hub.endpoint, Path(home)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the Hub, if it was ever opened."""
    if _EXITS in config.stash:
        config.stash[_EXITS].close()


@pytest.fixture
def loopback_hub(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[LoopbackHub]":
    """An empty Hub on 127.0.0.1 that this process and its children take for the real one.

    HF_ENDPOINT points at it and HF_HOME at an empty folder, also for huggingface_hub and datasets
    when they have been imported already.
    """
    from hugflow.testing.redirect import redirected

    hub = _open_hub(pytestconfig)
    hub.clear()
    with redirected(hub.endpoint, tmp_path_factory.mktemp("hf_home")):
        yield hub
    hub.clear()


def _open_hub(config: pytest.Config) -> "LoopbackHub":
    """The one Hub of this run of pytest, opened when it is first asked for."""
    if _HUB not in config.stash:
        from hugflow.testing.hub import LoopbackHub

        config.stash[_EXITS] = ExitStack()
        config.stash[_HUB] = config.stash[_EXITS].enter_context(LoopbackHub())
    return config.stash[_HUB]
