"""Real runs of Metaflow, with local datastore and metadata."""

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hugflow.errors import HugflowError
from hugflow.flowrider import FlowConfigError, FlowRunError, load_run_id, passthrough, run_flow
from hugflow.flowrider.attempts import read_attempts
from hugflow.flowrider.logs import read_log
from hugflow.flowrider.places import PipelinePlaces
from tests.flowrider.project import LOCAL_YAML, FlowProject, make_flow_project, start

pytestmark = [
    pytest.mark.slow,
    # Importing Metaflow for a hook warns of a renamed module of PyYAML.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

FLOW = "example/example_flow"


def bundles(temp: Path) -> list[Path]:
    return sorted((temp / "bundles").glob("*"))


def wait_for_line(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"{words} was never printed")


def test_a_run_changes_nothing_in_the_tree_but_the_run_id(
    ran: tuple[FlowProject, dict[str, bytes | None]],
):
    project, changed = ran
    run_id = load_run_id(project.config("dev")).encode()
    assert changed == {"project_name/config/pipeline/example/example_flow_dev.run_id": run_id}
    assert bundles(project.root / "outputs/.cache") == []


def test_the_run_has_the_tags_of_config_package_and_repository(
    ran: tuple[FlowProject, dict[str, bytes | None]],
):
    project, _ = ran
    run_id = load_run_id(project.config("dev"))
    meta = project.root / ".metaflow/EnvironmentFlow" / run_id / "_meta/_self.json"
    for tag in ("my extra tag", "another one", "project_name", "my-repo"):
        assert f'"{tag}"' in meta.read_text()


def test_the_command_runs_shows_what_is_pinned_the_attempts_and_the_log(
    ran: tuple[FlowProject, dict[str, bytes | None]],
):
    project, _ = ran
    run_id = load_run_id(project.config("dev"))
    [config] = json.loads(start(project, "runs", "--json").communicate()[0])["configs"]
    assert (config["flow"], config["tag"], config["run_id"]) == (FLOW, "dev", run_id)
    [attempt] = json.loads(start(project, "runs", FLOW, "--json").communicate()[0])["attempts"]
    assert (attempt["state"], attempt["run_id"]) == ("succeeded", run_id)
    log, _ = start(project, "runs", FLOW, "--log").communicate()
    assert log.index("start prints this") < log.index("middle prints this")


def test_arguments_after_two_dashes_go_to_the_flow_file(
    ran: tuple[FlowProject, dict[str, bytes | None]],
):
    project, _ = ran
    before, output = project.files(), io.StringIO()
    project.config("dev").write_text("this: is: no: yaml")
    try:
        assert passthrough(FLOW, ["show"], package=project.package, output=output) == 0
        assert "Step middle" in output.getvalue()
        assert passthrough(FLOW, ["nonsense"], package=project.package, output=output) != 0
    finally:
        project.config("dev").write_text(LOCAL_YAML)
    assert project.files() == before


def test_a_failure_keeps_the_old_run_id_and_resumes_continue_the_last_attempt(
    tmp_path: Path, temp_dir: Path
):
    project = make_flow_project(tmp_path / "work")
    marks, fails = tmp_path / "marks", tmp_path / "fails"
    marks.mkdir()
    fails.touch()
    project.write_config("dev", f"env: {{MARKS: {marks}, FAILS_IF: {fails}}}\n")
    pinned = project.config("dev").with_suffix(".run_id")
    pinned.write_text("42")
    with pytest.raises(FlowRunError) as failed:
        run_flow(FLOW, package=project.package)
    assert failed.value.run_id is not None
    assert failed.value.returncode == 1
    assert pinned.read_text() == "42"
    output = io.StringIO()
    with pytest.raises(FlowRunError) as failed_again:
        run_flow(FLOW, package=project.package, resume=True, output=output)
    assert failed_again.value.run_id not in (None, failed.value.run_id)
    fails.unlink()
    done = run_flow(FLOW, package=project.package, resume=True)
    assert pinned.read_text() == done.run_id
    assert bundles(temp_dir) == []
    attempts = read_attempts(PipelinePlaces(project.package), FLOW, "dev")
    assert [attempt.state for attempt in attempts] == ["failed", "failed", "succeeded"]
    assert [attempt.origin_run_id for attempt in attempts] == [
        None,
        failed.value.run_id,
        failed_again.value.run_id,
    ]
    # `start` ran once in three attempts, and its log is that of the first run.
    assert len(list(marks.iterdir())) == 1
    log = read_log(PipelinePlaces(project.package), FLOW, "dev")
    assert log.count("start prints this") == 1
    assert f"taken over from EnvironmentFlow/{failed.value.run_id}/start" in log


def test_what_is_wrong_is_told_before_anything_starts(flow_project: FlowProject):
    flow_project.write_config("dev", "tags: ['']\n")
    before = sorted(flow_project.root.rglob("*"))
    with pytest.raises(FlowConfigError, match="a tag is empty"):
        run_flow(FLOW, package=flow_project.package)
    flow_project.write_config("dev", "flow_kwargs: {mood: .nan}\n")
    with pytest.raises(FlowConfigError, match=r"dev\.yaml:1: flow_kwargs\.mood"):
        run_flow(FLOW, package=flow_project.package)
    assert sorted(flow_project.root.rglob("*")) == before


def test_without_metaflow_the_error_names_the_extra(
    flow_project: FlowProject, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "metaflow", None)
    with pytest.raises(HugflowError) as failed:
        run_flow(FLOW, package=flow_project.package)
    assert failed.value.mend == "pip install 'hugflow[metaflow]'"


def test_overridden_parameters_do_not_move_the_pinned_run(flow_project: FlowProject):
    done = run_flow(FLOW, package=flow_project.package, flow_kwargs={"mood": "odd"}, tags=["mine"])
    assert not done.run_id_path.exists()
    assert done.tags == ("project_name", "mine")
    again = run_flow(FLOW, package=flow_project.package, resume=True, step="end")
    assert again.run_id != done.run_id
    assert not again.run_id_path.exists()


def test_a_terminated_run_ends_with_all_its_processes(flow_project: FlowProject, temp_dir: Path):
    sleeper = start(flow_project, "run", FLOW, SLEEPS="1", FLOWRIDER_TEMP_DIR=str(temp_dir))
    wait_for_line(sleeper, "middle prints this")
    began = time.monotonic()
    sleeper.send_signal(signal.SIGTERM)
    sleeper.communicate(timeout=15)
    assert sleeper.returncode == 143
    assert time.monotonic() - began < 10
    assert processes_of(temp_dir) == []
    assert bundles(temp_dir) == []


def test_two_runs_at_once_do_not_disturb_each_other_and_a_killed_one_is_cleaned_up(
    flow_project: FlowProject, temp_dir: Path
):
    flow_project.write_config("slow", "env: {SLEEPS: 1}\n")
    before = flow_project.files()
    environment = {"FLOWRIDER_TEMP_DIR": str(temp_dir)}
    sleeper = start(flow_project, "run", FLOW, "--tag", "slow", **environment)
    wait_for_line(sleeper, "middle prints this")
    done = run_flow(FLOW, package=flow_project.package)
    assert done.run_id_path.read_text() == done.run_id
    [bundle] = bundles(temp_dir)
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.communicate()
    done.run_id_path.unlink()
    assert flow_project.files() == before
    assert bundle.exists()
    flow_project.write_config("dev", "flow_kwargs: {no_such_parameter: 1}\n")
    with pytest.raises(FlowRunError):
        run_flow(FLOW, package=flow_project.package)
    assert bundles(temp_dir) == []
    assert processes_of(temp_dir) == []
    [killed] = read_attempts(PipelinePlaces(flow_project.package), FLOW, "slow")
    assert killed.state == "killed"
    assert killed.run_id is not None


def processes_of(temp: Path) -> list[str]:
    """The processes that run in a bundle."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"{temp}/bundles" in command:
            found.append(command)
    return found
