"""The workflow that `hugflow init` writes: what it may do, and what of a pull request it touches."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hugflow.cli.project import make_project
from hugflow.settings_model import NAMES, SECRETS

ROOT = Path(__file__).parents[1]
PATH = Path(".github/workflows/dataset-sync.yml")
TEXT = (ROOT / PATH).read_text("utf-8")
WORKFLOW = yaml.safe_load(TEXT)
# YAML 1.1 takes the word for a truth value.
EVENTS = WORKFLOW[True]
JOBS = WORKFLOW["jobs"]
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"
OTHER_REPOSITORY = "github.event.pull_request.head.repo.full_name != github.repository"


def steps(job: str) -> list[dict[str, Any]]:
    return list(JOBS[job]["steps"])


def checkout(job: str) -> dict[str, Any]:
    (step,) = [step for step in steps(job) if step.get("uses", "").startswith("actions/checkout@")]
    return dict(step["with"])


def environment(job: str) -> dict[str, str]:
    (step,) = [step for step in steps(job) if "hugflow sync" in step.get("run", "")]
    return dict(step["env"])


def command(job: str) -> str:
    return next(str(step["run"]) for step in steps(job) if "hugflow sync" in step.get("run", ""))


def test_init_writes_it_where_github_looks_for_it(tmp_path: Path):
    make_project(tmp_path)
    assert (tmp_path / PATH).read_text("utf-8") == TEXT


def test_it_installs_the_commit_that_wrote_it_where_its_address_is_known(tmp_path: Path):
    source = f"git+https://github.com/acme/hugflow@{'ab' * 20}"
    make_project(tmp_path, source)
    written = yaml.safe_load((tmp_path / PATH).read_text("utf-8"))["jobs"]["plan"]["steps"]
    (installs,) = [step["env"] for step in written if step.get("name") == "Install hugflow"]
    assert installs == {"HUGFLOW_INSTALL": f"${{{{ vars.HUGFLOW_INSTALL || '{source}' }}}}"}


def test_without_a_known_address_it_installs_nothing_by_itself():
    (installs,) = [step["env"] for step in steps("plan") if step.get("name") == "Install hugflow"]
    assert installs == {"HUGFLOW_INSTALL": "${{ vars.HUGFLOW_INSTALL }}"}


@pytest.mark.parametrize("source", ["", "hugflow"])
def test_neither_nothing_nor_a_bare_name_is_installed(source: str):
    (script,) = [step["run"] for step in steps("plan") if step.get("name") == "Install hugflow"]
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        env={"HUGFLOW_INSTALL": source, "PATH": ""},
        executable="/bin/bash",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith("::error::set the repository variable HUGFLOW_INSTALL")


def test_init_leaves_a_workflow_that_is_there_as_it_is(tmp_path: Path):
    (tmp_path / PATH).parent.mkdir(parents=True)
    (tmp_path / PATH).write_text("name: my own\n")
    make_project(tmp_path)
    assert (tmp_path / PATH).read_text() == "name: my own\n"


def test_it_runs_for_pull_requests_with_request_files_and_for_nothing_else():
    assert set(EVENTS) == {"pull_request"}
    project_file = ["hugflow.yaml", "hugflow.yml", "hugflow.json", "hugflow.lock"]
    assert EVENTS["pull_request"]["paths"] == ["requests/**", *project_file]
    assert EVENTS["pull_request"]["branches"] == ["main"]


@pytest.mark.parametrize("job", ["plan", "sync"])
def test_what_is_checked_out_is_the_branch_it_goes_to_and_no_key_stays_there(job: str):
    assert checkout(job)["ref"] == "${{ github.event.pull_request.base.ref }}"
    assert checkout(job)["persist-credentials"] is False


def test_nothing_names_the_head_but_to_ask_whose_repository_it_is():
    told = [
        line for line in TEXT.splitlines() if "head" in line and not line.strip().startswith("#")
    ]
    assert len(told) == 2
    assert all(SAME_REPOSITORY in line or OTHER_REPOSITORY in line for line in told)


def test_no_expression_stands_in_a_script():
    assert [
        step["run"] for job in JOBS for step in steps(job) if "${{" in step.get("run", "")
    ] == []


def test_the_hosted_runner_plans_without_secrets_and_outside_the_checkout():
    assert command("plan") == "hugflow sync --ci-mode --plan-only"
    assert "secrets." not in str(JOBS["plan"])
    assert environment("plan")["GITHUB_TOKEN"] == "${{ github.token }}"
    for name in ("STORAGE_ROOT", "PROCESSED_ROOT", "STATE_DIR"):
        assert environment("plan")[name].startswith("${{ runner.temp }}/")


def test_the_job_runs_where_a_variable_names_a_runner_and_only_for_branches_of_the_repository():
    condition = JOBS["sync"]["if"]
    assert condition == f"vars.HUGFLOW_RUNNER != '' && {SAME_REPOSITORY}"
    assert JOBS["sync"]["runs-on"] == ["self-hosted", "${{ vars.HUGFLOW_RUNNER }}"]
    assert JOBS["plan"]["if"] == f"vars.HUGFLOW_RUNNER == '' || {OTHER_REPOSITORY}"
    assert command("sync") == "hugflow sync --ci-mode"


def test_what_an_earlier_job_left_in_the_checkout_of_an_own_runner_stays():
    assert checkout("sync")["clean"] is False


@pytest.mark.parametrize("job", ["plan", "sync"])
def test_it_may_comment_and_check_and_nothing_more(job: str):
    assert WORKFLOW["permissions"] == {}
    assert JOBS[job]["permissions"] == {
        "contents": "read",
        "pull-requests": "write",
        "checks": "write",
    }


def test_one_pull_request_has_one_run_at_a_time_and_none_is_cut_off():
    assert WORKFLOW["concurrency"] == {
        "group": "dataset-sync-${{ github.event.pull_request.number }}",
        "cancel-in-progress": False,
    }


def test_every_action_is_pinned_to_a_commit():
    used = [step["uses"] for job in JOBS for step in steps(job) if "uses" in step]
    assert len(used) == 3
    assert [each for each in used if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", each)] == []


def test_what_it_sets_are_settings_and_secrets_come_from_secrets():
    told = environment("sync")
    assert set(told) <= set(NAMES)
    # A workflow pulls no sheets.
    secrets = SECRETS - {"CREDENTIALS"}
    assert {name for name in told if "secrets." in told[name]} == secrets
    assert all(told[name] == f"${{{{ vars.{name} }}}}" for name in told if name not in SECRETS)
