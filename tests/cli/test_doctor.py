"""`hugflow doctor`: every check tells the truth, none hinders another, and no token is shown."""

import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from hugflow.testing.faults import Status
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow.testing.slack import LoopbackSlack
from tests.projects import Project

TOKEN = "made_up_secret"


def examine(project: Project, *options: str, **environment: str) -> dict[str, list[dict[str, Any]]]:
    """What the doctor says, by check; its exit code agrees with it."""
    done = project.run("doctor", "--json", *options, **environment)
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    states = [check["state"] for check in answer["checks"]]
    assert set(states) <= {"ok", "warning", "problem"}
    assert answer["healthy"] is ("problem" not in states)
    assert done.returncode == (0 if answer["healthy"] else 1)
    assert all(check["mend"] for check in answer["checks"] if check["state"] != "ok")
    assert TOKEN not in done.stdout + done.stderr
    found: dict[str, list[dict[str, Any]]] = {}
    for check in answer["checks"]:
        found.setdefault(check["check"], []).append(check)
    return found


def states(found: dict[str, list[dict[str, Any]]], check: str) -> list[str]:
    return [finding["state"] for finding in found[check]]


def texts(found: dict[str, list[dict[str, Any]]], check: str) -> str:
    return " | ".join(finding["what"] for finding in found[check])


@pytest.mark.slow
def test_a_new_project_is_healthy(project: Project):
    assert project.run("init").returncode == 0
    done = project.run("doctor")
    assert done.returncode == 0, done.stdout
    assert " 0 problems" in done.stderr
    found = examine(project)
    for check in ("python", "packages", "project", "settings", "hub", "git", "requests", "dagster"):
        assert states(found, check) == ["ok"]
    assert texts(found, "dagster").endswith("holds 0 runs")
    assert states(found, "dagster daemon") == ["warning"]
    assert texts(found, "dagster.yaml") == "SQLite in .hugflow-state/dagster"
    for check in ("github", "slack"):
        assert texts(found, check).startswith("not set up")


def test_it_leaves_no_trace(project: Project):
    before = sorted(project.root.rglob("*"))
    examine(project, "--offline")
    assert sorted(project.root.rglob("*")) == before


def test_offline_nothing_is_asked_of_the_network(
    project: Project, hub: LoopbackHub, github: LoopbackGitHub, slack: LoopbackSlack
):
    found = examine(
        project,
        "--offline",
        **on_github(github, GITHUB_TOKEN=TOKEN),
        **on_slack(slack),
        REQUESTS_REPO=f"{github.api_url}/requests.git",
    )
    assert github.requests == slack.requests == hub.requests == ()
    for check in ("hub", "github", "slack", "requests repository"):
        assert "not asked" in texts(found, check)


def test_a_project_without_dagster_yaml_would_forget_everything(project: Project):
    found = examine(project, "--offline")
    assert states(found, "dagster") == ["problem"]
    assert "hugflow init" in found["dagster"][0]["mend"]


def test_three_folders_of_one_disk_are_separate_folders(project: Project):
    found = examine(project, "--offline")
    assert texts(found, "roots").startswith("separate folders; ")


def test_outside_of_a_project_it_says_how_to_make_one(project: Project):
    (project.root / "workspace.yaml").unlink()
    found = examine(project, "--offline")
    assert states(found, "project") == ["problem"]
    assert "hugflow init" in found["project"][0]["mend"]


def test_wrong_settings_are_told_and_the_other_checks_go_on(project: Project):
    (project.root / ".env").write_text("STORAGE_ROT=x\n")
    found = examine(project, "--offline", WORKERS="zero")
    assert states(found, "settings") == ["problem", "warning"]
    assert "WORKERS (environment)" in texts(found, "settings")
    assert states(found, "STORAGE_ROOT") == ["ok"]


def test_folders_that_cannot_be_written_are_problems(project: Project):
    (project.root / "file").touch()
    found = examine(
        project, "--offline", STORAGE_ROOT="/proc/datasets", PROCESSED_ROOT="file", STATE_DIR="s"
    )
    assert states(found, "STORAGE_ROOT") == states(found, "PROCESSED_ROOT") == ["problem"]
    assert texts(found, "STATE_DIR") == f"{project.root / 's'} can be made"


def test_roots_that_are_in_each_others_way_are_told(project: Project):
    found = examine(project, "--offline", STORAGE_ROOT="a", PROCESSED_ROOT="a", STATE_DIR="a/state")
    assert sorted(states(found, "roots")) == ["problem", "warning", "warning"]
    assert "STORAGE_ROOT and PROCESSED_ROOT are the same folder" in texts(found, "roots")
    assert "STATE_DIR is inside STORAGE_ROOT" in texts(found, "roots")


def test_the_quota_is_held_against_all_that_is_stored(project: Project, hub: LoopbackHub):
    publish_speech(hub, "doctor/quota", rows=4, shards=2, seconds=0.2)
    request = project.request("doctor/quota")
    assert project.run("local-sync", request, "--limit", "2").returncode == 0
    assert project.run("local-sync", request).returncode == 0
    stored = [path for path in project.places.storage_root.rglob("*") if path.is_file()]
    used_gb = sum(path.stat().st_size for path in stored) / 1e9
    for share, state in ((1.0, "problem"), (1.05, "warning"), (2.0, "ok")):
        found = examine(project, "--offline", STORAGE_QUOTA_GB=f"{share * used_gb:.12f}")
        assert states(found, "quota") == [state]
        assert texts(found, "quota").startswith(f"{used_gb:.3f} of ")


def test_the_hub_says_whose_the_token_is(project: Project, hub: LoopbackHub):
    hub.add_token("hf_test_doctor", "reader")
    done = project.run("doctor", "--json", HF_TOKEN="hf_test_doctor")
    assert "hf_test_doctor" not in done.stdout + done.stderr
    [finding] = [c for c in json.loads(done.stdout)["checks"] if c["check"] == "hub token"]
    assert (finding["state"], finding["what"]) == ("ok", "of reader, role read")


def test_a_token_that_the_hub_refuses_is_a_problem_and_none_a_warning(project: Project):
    refused = examine(project, HF_TOKEN=TOKEN)
    assert (states(refused, "hub"), states(refused, "hub token")) == (["ok"], ["problem"])
    assert states(examine(project), "hub token") == ["warning"]


@pytest.mark.parametrize(("reads_gated", "state"), [(False, "warning"), (True, "ok")])
def test_a_fine_grained_token_that_may_not_read_gated_datasets_is_warned_about(
    project: Project, hub: LoopbackHub, reads_gated: bool, state: str
):
    hub.add_token("hf_test_fine", "ann", reads_gated=reads_gated)
    found = examine(project, HF_TOKEN="hf_test_fine")
    assert states(found, "hub token") == [state]
    assert ("may not read gated" in texts(found, "hub token")) is not reads_gated


def test_a_hub_that_is_away_is_a_problem(project: Project):
    found = examine(project, HF_ENDPOINT="http://127.0.0.1:9", HF_TOKEN=TOKEN)
    assert states(found, "hub") == ["problem"]
    assert "HF_ENDPOINT" in found["hub"][0]["mend"]


@pytest.mark.parametrize(
    ("status", "state"), [(503, "warning"), (404, "warning"), (301, "problem")]
)
def test_an_address_that_is_no_hub_is_told(
    project: Project, hub: LoopbackHub, status: int, state: str
):
    hub.inject(Status(status, headers={"Location": "/elsewhere"}), times=None)
    found = examine(project, HF_TOKEN=TOKEN)
    assert states(found, "hub") == [state]
    assert str(status) in texts(found, "hub")
    assert {line.path for line in hub.requests} == {"/api/whoami-v2"}


def test_a_hub_that_is_switched_off_is_warned_about(project: Project, hub: LoopbackHub):
    assert "HF_HUB_OFFLINE" in texts(examine(project, HF_HUB_OFFLINE="1"), "hub")
    assert hub.requests == ()


def git(*arguments: str, folder: Path) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_the_repository_of_the_requests_and_its_branch_are_looked_for(
    project: Project, tmp_path: Path
):
    remote = tmp_path / "remote"
    remote.mkdir()
    git("init", "--quiet", "--initial-branch=main", folder=remote)
    git("commit", "--quiet", "--allow-empty", "--message=begin", folder=remote)
    found = examine(project, REQUESTS_REPO=str(remote))
    assert states(found, "requests repository") == ["ok"]
    assert f"{remote}, main at " in texts(found, "requests repository")
    absent = examine(project, REQUESTS_REPO=str(remote), REQUESTS_BRANCH="trunk")
    assert states(absent, "requests repository") == ["problem"]
    assert "no such branch" in texts(absent, "requests repository")
    away = f"http://ann:{TOKEN}@127.0.0.1:9/requests.git"
    assert states(examine(project, REQUESTS_REPO=away), "requests repository") == ["problem"]


def test_a_project_that_is_in_no_repository_yet_is_warned(project: Project):
    assert states(examine(project), "requests repository") == ["warning"]


def test_settings_that_are_committed_are_warned_about(project: Project):
    (project.root / ".env").write_text(f"HF_TOKEN={TOKEN}\n")
    git("init", "--quiet", folder=project.root)
    assert states(examine(project, "--offline"), "git") == ["ok"]
    git("add", ".env", folder=project.root)
    found = examine(project, "--offline")
    assert states(found, "git") == ["ok", "warning"]
    assert "revoke" in found["git"][1]["mend"]


def test_without_git_it_says_so(project: Project):
    found = examine(project, "--offline", PATH="/nowhere")
    assert states(found, "git") == ["problem"]


def test_a_refused_request_is_a_problem(project: Project):
    project.request("acme/speech")
    assert texts(examine(project, "--offline"), "requests") == "1 to add, 0 to remove"
    project.request("nonsense", name="bad")
    found = examine(project, "--offline")
    assert states(found, "requests") == ["problem"]
    assert "requests/add/bad.yaml:1: hf_id" in texts(found, "requests")


def test_dagster_looked_at_elsewhere_is_warned_about(project: Project, tmp_path: Path):
    found = examine(project, "--offline", DAGSTER_HOME=str(tmp_path))
    assert states(found, "DAGSTER_HOME") == ["warning"]


@pytest.mark.slow
def test_an_instance_that_cannot_be_used_is_a_problem(project: Project):
    assert project.run("init").returncode == 0
    for path in (project.root / ".hugflow-state" / "dagster").rglob("*.db"):
        path.write_bytes(b"not a database")
    found = examine(project, "--offline")
    assert states(found, "dagster") == ["problem"]
    assert "database" in texts(found, "dagster")


def on_github(github: LoopbackGitHub, **more: str) -> dict[str, str]:
    """A repository that ann may write to, and the settings that name it."""
    github.push("acme/requests", {"README.md": b""})
    github.add_token(TOKEN, "ann")
    return {"GITHUB_API_URL": github.api_url, "GITHUB_REPOSITORY": "acme/requests", **more}


def test_github_is_asked_for_the_repository_with_the_token(
    project: Project, github: LoopbackGitHub
):
    found = examine(project, **on_github(github, GITHUB_TOKEN=TOKEN))
    assert states(found, "github") == ["ok"]
    asked = [(line.method, line.path, line.user) for line in github.requests]
    assert asked == [("GET", "/repos/acme/requests", "ann")]
    assert "auto merge" not in found


@pytest.mark.parametrize(
    ("status", "state"), [(401, "problem"), (404, "problem"), (403, "warning"), (502, "warning")]
)
def test_github_not_letting_us_in_is_told(
    project: Project, github: LoopbackGitHub, status: int, state: str
):
    github.inject(Status(status, error_code=TOKEN))
    found = examine(project, **on_github(github, GITHUB_TOKEN=TOKEN))
    assert states(found, "github") == [state]


def test_a_token_for_no_repository_is_asked_whose_it_is(project: Project, github: LoopbackGitHub):
    github.add_token(TOKEN, "ann")
    found = examine(project, GITHUB_API_URL=github.api_url, GITHUB_TOKEN=TOKEN)
    assert texts(found, "github") == "the token is of ann"


def test_merging_by_itself_needs_a_token_that_may(project: Project, github: LoopbackGitHub):
    auto = on_github(github, AUTO_MERGE="true")
    assert "no token to merge with" in texts(examine(project, **auto), "auto merge")
    github.add_token(TOKEN, "ann", rights=["issues"])
    reader = examine(project, **auto, GITHUB_TOKEN=TOKEN)
    assert states(reader, "auto merge") == ["problem"]
    github.add_token(TOKEN, "ann")
    writer = examine(project, **auto, GITHUB_TOKEN=TOKEN)
    assert states(writer, "auto merge") == ["ok"]
    github.change_repo("acme/requests", is_archived=True)
    archived = examine(project, **auto, GITHUB_TOKEN=TOKEN)
    assert "is archived" in texts(archived, "auto merge")
    nameless = examine(project, "--offline", AUTO_MERGE="true")
    assert "no repository is named" in texts(nameless, "github")


def test_a_runner_that_does_the_job_must_not_store_inside_its_checkout(
    project: Project, github: LoopbackGitHub, tmp_path: Path
):
    settings = on_github(github)
    assert states(examine(project, "--offline", **settings), "sync on") == ["warning"]
    merge = examine(project, "--offline", **settings, SYNC_ON="merge")
    assert states(merge, "sync on") == ["ok"]
    outside = {"STORAGE_ROOT": str(tmp_path / "d"), "STATE_DIR": str(tmp_path / "s")}
    assert states(examine(project, "--offline", **settings, **outside), "sync on") == ["warning"]
    outside["PROCESSED_ROOT"] = str(tmp_path / "p")
    apart = examine(project, "--offline", **settings, **outside)
    assert states(apart, "sync on") == ["ok"]


def on_slack(slack: LoopbackSlack, **more: str) -> dict[str, str]:
    """A bot, a channel that is not ours, and the settings that name the bot."""
    slack.add_bot(TOKEN, "hugflow")
    slack.add_channel("general")
    return {"SLACK_API_URL": slack.api_url, "SLACK_BOT_TOKEN": TOKEN, **more}


def test_slack_is_asked_for_the_bot_and_its_channel(project: Project, slack: LoopbackSlack):
    settings = on_slack(slack)
    channel_id = slack.add_channel("ml-datasets")
    found = examine(project, **settings)
    assert texts(found, "slack") == "the bot is hugflow of Acme"
    assert texts(found, "slack channel") == "#ml-datasets is known"
    assert {line.user for line in slack.requests} == {"hugflow"}
    by_id = examine(project, **settings, SLACK_CHANNEL=channel_id)
    assert states(by_id, "slack channel") == ["ok"]


def test_a_private_channel_is_found_where_the_bot_is_in_it(project: Project, slack: LoopbackSlack):
    settings = on_slack(slack)
    slack.add_channel("ml-datasets", is_private=True, members=[])
    assert states(examine(project, **settings), "slack channel") == ["problem"]
    slack.add_channel("ml-datasets", is_private=True, members=["hugflow"])
    assert states(examine(project, **settings), "slack channel") == ["ok"]


def test_a_channel_that_slack_does_not_know_is_a_problem(project: Project, slack: LoopbackSlack):
    settings = on_slack(slack, SLACK_CHANNEL="#nowhere")
    assert states(examine(project, **settings), "slack channel") == ["problem"]
    slack.add_channel("nowhere", members=[])
    outside = examine(project, **settings)
    assert states(outside, "slack channel") == ["warning"]
    assert "the bot is not in it" in texts(outside, "slack channel")
    slack.add_bot(TOKEN, "hugflow", scopes=["chat:write"])
    found = examine(project, **settings)
    assert states(found, "slack channel") == ["warning"]
    assert "missing_scope" in texts(found, "slack channel")


def test_a_bot_that_slack_refuses_is_a_problem(project: Project, slack: LoopbackSlack):
    settings = on_slack(slack)
    slack.remove_bot(TOKEN)
    found = examine(project, **settings)
    assert states(found, "slack") == ["problem"]
    assert "invalid_auth" in texts(found, "slack")


def test_a_webhook_is_not_called_because_it_would_post(project: Project, slack: LoopbackSlack):
    slack.add_channel("ml-datasets")
    found = examine(project, SLACK_WEBHOOK_URL=slack.add_webhook("ml-datasets"))
    assert states(found, "slack") == ["ok"]
    [line] = slack.requests
    assert (line.method, line.path, line.has_authorization) == ("GET", "/", False)
    assert slack.messages("ml-datasets") == ()


@pytest.mark.slow
def test_when_everything_hangs_it_ends_within_twenty_seconds(project: Project):
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        before = time.monotonic()
        found = examine(
            project,
            HF_ENDPOINT=url,
            HF_TOKEN=TOKEN,
            GITHUB_API_URL=url,
            GITHUB_REPOSITORY="acme/requests",
            GITHUB_TOKEN=TOKEN,
            SLACK_API_URL=url,
            SLACK_BOT_TOKEN=TOKEN,
            REQUESTS_REPO=f"{url}/requests.git",
        )
        assert time.monotonic() - before < 20
    for check in ("hub", "github", "slack", "requests repository"):
        assert states(found, check) == ["problem"]
    assert states(found, "STORAGE_ROOT") == ["ok"]
