"""Hugflow's stand-ins as a pytest plugin, and the option `--hugflow-hub`.

The fixtures are `loopback_hub`, `loopback_github` and `loopback_slack`. pytest loads this module in
every environment with Hugflow, so it imports nothing before a fixture is used.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from hugflow.testing.github import LoopbackGitHub
    from hugflow.testing.hub import LoopbackHub
    from hugflow.testing.slack import LoopbackSlack
    from hugflow.testing.stand_in import StandIn

_HUB = pytest.StashKey["LoopbackHub"]()
_GITHUB = pytest.StashKey["LoopbackGitHub"]()
_SLACK = pytest.StashKey["LoopbackSlack"]()
_EXITS = pytest.StashKey[ExitStack]()
# Variables of this machine, or of a workflow, that must not reach the tests.
_GITHUB_NAMES = ("GITHUB_API_URL", "GITHUB_TOKEN", "GH_TOKEN", "GITHUB_REPOSITORY")
_SLACK_NAMES = ("SLACK_API_URL", "SLACK_BOT_TOKEN", "SLACK_WEBHOOK_URL", "SLACK_CHANNEL")

T = TypeVar("T", bound="StandIn")


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
    """Start the Hub now if `--hugflow-hub` is given: the first conftest may import its clients."""
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
    """An empty Hub on 127.0.0.1 that this process and its children use as the real one.

    HF_ENDPOINT points at it and HF_HOME at an empty folder, even if huggingface_hub and datasets
    are already imported.
    """
    from hugflow.testing.redirect import redirected

    hub = _open_hub(pytestconfig)
    hub.clear()
    with redirected(hub.endpoint, tmp_path_factory.mktemp("hf_home")):
        yield hub
    hub.clear()


@pytest.fixture
def loopback_github(pytestconfig: pytest.Config) -> "Iterator[LoopbackGitHub]":
    """An empty GitHub on 127.0.0.1; GITHUB_API_URL points at it.

    GITHUB_TOKEN, GH_TOKEN and GITHUB_REPOSITORY are unset meanwhile.
    """
    from hugflow.testing.github import LoopbackGitHub

    github = _open(pytestconfig, _GITHUB, LoopbackGitHub)
    with _lent(github, github.api_url, _GITHUB_NAMES):
        yield github


@pytest.fixture
def loopback_slack(pytestconfig: pytest.Config) -> "Iterator[LoopbackSlack]":
    """An empty Slack on 127.0.0.1; SLACK_API_URL points at it.

    SLACK_BOT_TOKEN, SLACK_WEBHOOK_URL and SLACK_CHANNEL are unset meanwhile.
    """
    from hugflow.testing.slack import LoopbackSlack

    slack = _open(pytestconfig, _SLACK, LoopbackSlack)
    with _lent(slack, slack.api_url, _SLACK_NAMES):
        yield slack


@contextmanager
def _lent(stand_in: "StandIn", url: str, names: Sequence[str]) -> Iterator[None]:
    """Empty it before and after; the first of the names is the variable with its address."""
    stand_in.clear()
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.delenv(name, raising=False)
        patch.setenv(names[0], url)
        yield
    stand_in.clear()


def _open_hub(config: pytest.Config) -> "LoopbackHub":
    from hugflow.testing.hub import LoopbackHub

    return _open(config, _HUB, LoopbackHub)


def _open(config: pytest.Config, key: pytest.StashKey[T], make: Callable[[], T]) -> T:
    """The only one of its kind in this run of pytest, opened at first use."""
    exits = config.stash.setdefault(_EXITS, ExitStack())
    if key not in config.stash:
        opened = make()
        exits.enter_context(opened)
        config.stash[key] = opened
    return config.stash[key]
