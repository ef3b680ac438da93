"""The world every test lives in: a loopback Hub, GitHub and Slack, and no way to any other.

`HF_ENDPOINT` is read when huggingface_hub is imported, so the Hub listens before anything is.
"""

import atexit
import os
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from hugflow import redact
from hugflow.store.layout import Places
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.prompts import PROMPTS_FOLDER
from hugflow.testing.slack import LoopbackSlack
from tests.projects import Project, make_project
from tests.warm import measure_warm_processes_only

if TYPE_CHECKING:
    from tests.builds import OpenFor


def _open_world() -> LoopbackHub:
    """Start the Hub, and point the Hub's libraries at it and at an empty home."""
    home = tempfile.TemporaryDirectory(prefix="hugflow-tests-")
    atexit.register(home.cleanup)
    hub = LoopbackHub()
    hub.__enter__()
    for name in ("HF_TOKEN", "HUGFLOW_HOME", "DAGSTER_HOME"):
        os.environ.pop(name, None)
    os.environ |= {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": home.name,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        # Two seconds a dataset; tests of the check set it.
        "VERIFY_LOAD": "false",
    }
    return hub


def _listen_to_interrupts() -> None:
    """Let what we start listen to SIGINT: a shell's `pytest &` begins with it ignored."""
    with suppress(ValueError):  # Not in the main thread, where nothing can be started anyway.
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)


# A slow machine makes no property untrue. `make test` tries the same examples each time, so that a
# failure can be run again; `make check` and the thorough profile try others.
settings.register_profile(
    "hugflow",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    max_examples=50,
)
settings.load_profile("hugflow")
settings.register_profile(
    "thorough", settings.get_profile("hugflow"), derandomize=False, max_examples=500
)
# Fewer examples of each rule.
settings.register_profile(
    "quick", settings.get_profile("hugflow"), derandomize=False, max_examples=20
)

_listen_to_interrupts()
# Here and not in a hook: the conftests of sub-folders are imported before any hook runs.
_HUB = _open_world()


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Pass over one error of Python 3.11: coverage begins to trace two threads at one moment.

    Every other error that nobody catches fails its test: this hook goes before pytest's own.
    """
    before = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if not is_trace_race(unraisable.exc_value):
            before(unraisable)

    sys.unraisablehook = hook


def is_trace_race(error: BaseException | None) -> bool:
    """Whether it is the error of `sys.settrace` in a second thread."""
    return isinstance(error, RuntimeError) and str(error).startswith(
        "Cannot install a trace function while another"
    )


def pytest_unconfigure() -> None:
    """Stop the Hub."""
    _HUB.__exit__(None, None, None)


# Whose project or platform a test has, it starts `hugflow`, `dagster` or git there.
_SLOW_FIXTURES = frozenset({"project", "world", "dataset", "remote"})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `slow` what starts processes or materializes assets, whoever wrote it."""
    for item in items:
        if not _SLOW_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Real speech comes with a Debian package; without it those tests cannot run."""
    if item.get_closest_marker("speech") and not PROMPTS_FOLDER.is_dir():
        pytest.skip("Debian's asterisk-core-sounds-en-wav is not installed")


@pytest.fixture(scope="session", autouse=True)
def _few_processes_are_measured() -> None:
    """Here and not on import: coverage starts in a worker of xdist when its session does."""
    measure_warm_processes_only()


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokens of one test are no secrets in another one."""
    monkeypatch.setattr(redact, "_known", set())


@pytest.fixture
def hub() -> LoopbackHub:
    """The Hub, shared by all tests: publish under a repository of your own.

    Its log is empty, and no fault of another test lies in wait.
    """
    _HUB.clear_faults()
    _HUB.clear_requests()
    return _HUB


@pytest.fixture(scope="session")
def one_github() -> Iterator[LoopbackGitHub]:
    """The GitHub that all tests share."""
    with LoopbackGitHub() as github:
        yield github


@pytest.fixture
def github(one_github: LoopbackGitHub) -> LoopbackGitHub:
    """An empty GitHub, which PyGithub accepts at its `api_url`."""
    one_github.clear()
    return one_github


@pytest.fixture(scope="session")
def one_slack() -> Iterator[LoopbackSlack]:
    """The Slack that all tests share."""
    with LoopbackSlack() as slack:
        yield slack


@pytest.fixture
def slack(one_slack: LoopbackSlack) -> LoopbackSlack:
    """An empty Slack, which slack_sdk accepts at its `api_url`."""
    one_slack.clear()
    return one_slack


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Storage, links and state in a temporary folder."""
    return Places(tmp_path / "datasets", tmp_path / "processed", tmp_path / "state")


@pytest.fixture
def open_for(places: Places, hub: LoopbackHub) -> "OpenFor":
    """Open the build of a published dataset: `open_for(hf_id, options=..., **request fields)`."""
    from tests.builds import open_in

    return open_in(places)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is installed, a test that skips itself for something missing has failed."""
    report = yield
    if (
        report.skipped
        and os.environ.get("HUGFLOW_SKIP_IS_FAILURE")
        and not hasattr(report, "wasxfail")
    ):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: {report.longrepr[2]}"
    return report


@pytest.fixture
def project(hub: LoopbackHub, tmp_path: Path) -> Project:
    """An empty project that knows the loopback Hub and nothing of this machine's settings."""
    return make_project(hub, tmp_path / "project")
