"""The command line, as its users meet it."""

import json
import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pytest

from hugflow.shards.plans import read_current_plan
from hugflow.store.locks import hold
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_tables, speech_table
from tests.projects import Project


def test_help_version_and_validate_load_no_heavy_library(project: Project):
    path = project.request("acme/any")
    program = (
        "import sys; from hugflow.cli.main import run; "
        f"codes = [run(['--help']), run(['--version']), run(['validate', {str(path)!r}])]; "
        "heavy = {'dagster', 'datasets', 'polars', 'pyarrow', 'numpy', 'huggingface_hub'}; "
        "assert codes == [0, 0, 0], codes; "
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("group", ["config", "flows", "flows user", "parents"])
def test_a_group_without_a_command_prints_its_help(project: Project, group: str):
    done = project.run(*group.split())
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: hugflow {group} ")
    assert done.stdout == project.run(*group.split(), "--help").stdout


@pytest.mark.parametrize(
    ("words", "help_of"),
    [
        ("export acme/x", "`hugflow export --help`"),
        ("flows user new", "`hugflow flows user new --help`"),
        ("nonsense", "`hugflow --help`"),
    ],
)
def test_a_wrong_command_line_names_the_help_of_its_command(
    project: Project, words: str, help_of: str
):
    done = project.run(*words.split())
    assert done.returncode == 2
    assert help_of in done.stderr


def test_pipe_is_refused_for_a_form_that_holds_no_commands(project: Project):
    done = project.run("export", "acme/x", "--to", "nemo", "--pipe")
    assert done.returncode == 2
    assert "--pipe does not go with --to nemo" in done.stderr


def test_version_is_one_line(project: Project):
    done = project.run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("hugflow ")
    assert done.stdout.count("\n") == 1


def test_no_command_shows_the_help(project: Project):
    done = project.run()
    assert done.returncode == 0
    assert "local-sync" in done.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["retry"], ["status", "--wat"]])
def test_a_wrong_call_ends_with_2_and_says_how_to_get_help(project: Project, arguments: list[str]):
    done = project.run(*arguments)
    assert done.returncode == 2
    assert "--help" in done.stderr
    assert done.stdout == ""


def test_a_sound_request_is_valid(project: Project):
    done = project.run("validate", project.request("acme/speech"))
    assert done.returncode == 0
    assert done.stdout == (
        "requests/add/request.yaml: valid, adds acme__speech__split_train__rev_main\n"
    )


def test_a_wrong_request_ends_with_4_and_names_file_line_field_and_the_nearest_name(
    project: Project,
):
    done = project.run("validate", project.request("acme/speech", 'sbset: "ms"', "split: 3"))
    assert done.returncode == 4
    assert "requests/add/request.yaml:3: sbset" in done.stderr
    assert '"subset"' in done.stderr
    assert "requests/add/request.yaml:4: split" in done.stderr


def test_one_bad_file_does_not_hide_the_others(project: Project):
    project.request("acme/good", name="good")
    project.request("nonsense", name="bad")
    done = project.run("validate", "--json", "requests")
    assert done.returncode == 4
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    assert [entry["request"] for entry in answer["datasets"]] == ["requests/add/good.yaml"]
    assert {problem["file"] for problem in answer["problems"]} == {"requests/add/bad.yaml"}


def test_a_plan_tells_what_will_come(project: Project, hub: LoopbackHub):
    commit = publish_speech(hub, "cli/plan", rows=6, shards=2, seconds=0.2)
    done = project.run("plan", "--json", project.request("cli/plan"))
    assert done.returncode == 0
    [entry] = json.loads(done.stdout)["datasets"]
    assert entry["state"] == "planned"
    assert (entry["commit"], entry["rows"], entry["files"]) == (commit, 6, 2)
    assert entry["licence"] == "cc0-1.0"


def test_the_whole_job_prints_where_the_dataset_is(project: Project, hub: LoopbackHub):
    publish_speech(hub, "cli/job", rows=6, shards=2, seconds=0.2)
    file = project.request("cli/job")
    first = project.run("local-sync", file, "--no-report")
    assert first.returncode == 0, first.stderr
    assert "Starting download..." in first.stderr
    name = "cli__job__split_train__rev_main"
    assert first.stdout.splitlines() == [
        "6 rows, 6 of them new",
        f"{project.places.link(name)} -> {project.dataset(name).root}",
    ]
    again = project.run("local-sync", file, "--no-report")
    assert again.returncode == 0
    assert "Dataset already exists in storage" in again.stderr


def test_status_shows_requests_that_nothing_was_done_for_yet(project: Project, hub: LoopbackHub):
    publish_speech(hub, "cli/done", rows=2, shards=1, seconds=0.2)
    done_file = project.request("cli/done", name="done")
    project.request("cli/later", name="later")
    project.run("local-sync", done_file, "--no-report")
    answer = json.loads(project.run("status", "--json").stdout)
    assert {entry["name"].split("__")[1]: entry["state"] for entry in answer["datasets"]} == {
        "done": "completed",
        "later": "pending",
    }
    table = project.run("status").stdout
    assert "cli__done__split_train__rev_main   completed" in table


def test_status_of_an_unknown_name_is_a_wrong_call(project: Project):
    assert project.run("status", "nobody").returncode == 2


@pytest.mark.parametrize(
    ("lines", "code", "says"),
    [
        (['split: "nope"'], 4, "train"),
        (['subset: "nope"'], 4, "subset"),
        (['revision: "nope"'], 4, "revision"),
        (['audio_column: "nope"'], 4, "audio_column"),
    ],
)
def test_what_the_hub_does_not_have_is_an_invalid_request(
    project: Project, hub: LoopbackHub, lines: list[str], code: int, says: str
):
    publish_speech(hub, "cli/strict", rows=2, shards=1, seconds=0.2)
    done = project.run("local-sync", project.request("cli/strict", *lines))
    assert done.returncode == code
    assert says in done.stderr
    assert "fix:" in done.stderr


def test_a_private_dataset_needs_a_token_and_the_token_is_never_shown(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "cli/private", rows=2, shards=1, seconds=0.2, private=True)
    hub.add_token("hf_test_cli_reader", "reader", ["cli/private"])
    file = project.request("cli/private")
    refused = project.run("local-sync", file, "--no-report")
    assert refused.returncode == 5
    assert "HF_TOKEN" in refused.stderr
    wrong = project.run("local-sync", file, "--no-report", HF_TOKEN="hf_test_wrong")
    assert wrong.returncode == 5
    assert "hf_test_wrong" not in wrong.stderr
    right = project.run("local-sync", file, "--no-report", HF_TOKEN="hf_test_cli_reader")
    assert right.returncode == 0
    texts = [path.read_bytes() for path in project.root.rglob("*") if path.is_file()]
    assert not any(b"hf_test" in text for text in [*texts, right.stderr.encode()])


def test_a_hub_that_is_away_ends_with_7(project: Project):
    done = project.run("local-sync", project.request("cli/away"), HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 7
    assert "again" in done.stderr


def test_too_many_bad_rows_end_with_9_and_are_named(project: Project, hub: LoopbackHub):
    publish_speech(
        hub, "cli/bad", rows=4, shards=1, seconds=0.2, broken_rows={0: b"junk", 1: b"junk"}
    )
    done = project.run("local-sync", project.request("cli/bad"), "--no-report")
    assert done.returncode == 9
    assert "`hugflow logs cli__bad__split_train__rev_main` shows them" in done.stderr


def test_without_a_project_relative_roots_are_refused(project: Project):
    (project.root / "workspace.yaml").unlink()
    done = project.run("local-sync", project.request("acme/speech"))
    assert done.returncode == 2
    assert "hugflow init" in done.stderr


def test_a_request_that_is_not_there_is_no_traceback(project: Project):
    done = project.run("local-sync", "requests/add/nothing.yaml")
    assert done.returncode == 4
    assert "nothing.yaml" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_command_says_so_and_status_calls_it_interrupted(
    project: Project, hub: LoopbackHub, number: int, code: int
):
    table = pa.concat_tables([speech_table(10, seconds=4.0, container="wav")] * 30)
    publish_tables(hub, "cli/stopped", {"default": {"train": table}}, shards=2)
    file = project.request("cli/stopped")
    name = "cli__stopped__split_train__rev_main"
    process = project.start("local-sync", file, "--no-report")
    wait_for_rows(project, name, 1)
    process.send_signal(number)
    _, talk = process.communicate(timeout=30)
    assert process.returncode == code
    assert "it continues from here" in talk
    [entry] = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert entry["state"] == "interrupted"
    assert 0 < entry["rows"] < 300


@pytest.mark.slow
def test_a_second_command_on_the_same_shard_ends_with_8_at_once_or_waits_when_told_to(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "cli/twice", rows=2, shards=1, seconds=0.2)
    file = project.request("cli/twice")
    assert project.run("plan", file).returncode == 0
    plan = read_current_plan(project.places, "cli__twice__split_train__rev_main")
    assert plan is not None
    lock = project.places.state(plan.dataset, plan.id).shard_lock(plan.shards[0].name)
    with hold(lock, "the shard"):
        second = project.run("local-sync", file, "--no-report")
        assert second.returncode == 8
        assert f"process {os.getpid()}" in second.stderr
        waiting = project.start("local-sync", file, "--no-report", "--wait", "120")
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(3)
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0


def wait_for_rows(project: Project, name: str, rows: int) -> None:
    """Wait until some rows stand under their final names."""
    folder = project.dataset(name).json
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if folder.is_dir() and len(list(folder.glob("[0-9]*.json"))) >= rows:
            return
        time.sleep(0.01)
    raise AssertionError(f"{name} made no {rows} rows within a minute")
