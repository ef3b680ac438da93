"""A command forked from a warm process is what one started cold is."""

from uuid import uuid4

import pytest

from hugflow.testing.hub import LoopbackHub
from tests.projects import Project, _warm_process


@pytest.fixture
def warmed(project: Project) -> Project:
    """A project whose next command is a warm one."""
    project.run("--version")
    assert _warm_process(project.environment, project.root)
    return project


@pytest.mark.parametrize(
    "command", [["--version"], ["status"], ["validate", "nowhere.yaml"], ["--nonsense"], ["config"]]
)
def test_it_says_the_same_and_ends_with_the_same_code(
    warmed: Project, monkeypatch: pytest.MonkeyPatch, command: list[str]
):
    warm = warmed.run(*command)
    monkeypatch.setenv("HUGFLOW_TESTS_COLD", "1")
    cold = warmed.run(*command)
    assert (warm.returncode, warm.stdout, warm.stderr) == (
        cold.returncode,
        cold.stdout,
        cold.stderr,
    )
    assert warm.stdout or warm.stderr


def test_it_has_its_own_environment_and_folder(warmed: Project):
    told = warmed.run("config", "show", STORAGE_ROOT="./elsewhere")
    assert str(warmed.root / "elsewhere") in told.stdout
    assert "elsewhere" not in warmed.run("config", "show").stdout


@pytest.mark.parametrize("name", ["HF_ENDPOINT", "PYTHONPATH", "LD_PRELOAD", "LC_ALL"])
def test_what_python_or_a_library_reads_at_its_start_is_given_to_a_process_of_its_own(
    warmed: Project, name: str
):
    # A value that no other test has used in this process.
    changed = warmed.environment | {name: f"http://127.0.0.1:9/{uuid4().hex}"}
    assert _warm_process(changed, warmed.root) is None


@pytest.mark.parametrize("name", ["PYTHONPATH", "LD_PRELOAD"])
def test_what_is_preloaded_is_preloaded_into_one_command_each_time(warmed: Project, name: str):
    changed = warmed.environment | {name: "/nowhere"}
    assert [_warm_process(changed, warmed.root) for _ in range(3)] == [None] * 3


def test_a_project_that_sets_the_hub_is_started_cold(warmed: Project, hub: LoopbackHub):
    (warmed.root / ".env").write_text(f"HF_ENDPOINT={hub.endpoint}\n")
    assert _warm_process(warmed.environment, warmed.root) is None
