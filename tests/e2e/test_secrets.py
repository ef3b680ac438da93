"""No token is left anywhere, whatever goes wrong: not in files, logs, comments, nor Dagster's."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from hugflow.clients.git_program import git_environment
from hugflow.testing.faults import Match, Reset, Status
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow.testing.slack import LoopbackSlack
from tests.cli import test_sync
from tests.cli.test_sync import Runner, name_of, request
from tests.dagster.conftest import Project
from tests.dagster.conftest import project as dagster_project
from tests.testing.githubs import BOT, REPO

# None looks like a token, so that none is found by its looks alone.
HUB, GITHUB, SLACK = "sesame-of-the-hub-8f1c2d", "sesame-of-github-77aa01", "sesame-of-slack-5e5e"
ECHO = f"the token {HUB} (Bearer {HUB}), and {GITHUB} or {SLACK}, may not read it"

pytestmark = pytest.mark.slow
runner = test_sync.runner
running = dagster_project


@pytest.fixture
def secrets(hub: LoopbackHub, github: LoopbackGitHub, slack: LoopbackSlack) -> dict[str, str]:
    """Tokens that are good, as the environment holds them."""
    slack.add_bot(SLACK, "hugflow")
    slack.add_channel("ml-datasets")
    github.add_token(GITHUB, BOT, is_integration=True)
    tokens = {"HF_TOKEN": HUB, "GITHUB_TOKEN": GITHUB, "SLACK_BOT_TOKEN": SLACK}
    return {**tokens, "SLACK_WEBHOOK_URL": slack.add_webhook("ml-datasets")}


def publish(hub: LoopbackHub, *names: str) -> None:
    """Private datasets, that the token may read."""
    for name in names:
        publish_speech(hub, name, rows=6, shards=2, seconds=0.1, private=True)
    hub.add_token(HUB, "ana", repos=names)


def refuse(hub: LoopbackHub, name: str) -> None:
    """Let the Hub repeat what it was shown, at a dataset's second file."""
    says = {"X-Error-Message": ECHO}
    hub.inject(
        Status(403, headers=says),
        when=Match(port="api", path=f"*/{name}/resolve/*00001-of*", has_range=False),
        times=None,
    )


@pytest.mark.parametrize("has_bot", [True, False], ids=["bot", "webhook"])
def test_a_pull_request_leaves_no_token_in_any_file_line_comment_or_message(
    runner: Runner,
    hub: LoopbackHub,
    github: LoopbackGitHub,
    slack: LoopbackSlack,
    secrets: dict[str, str],
    tmp_path: Path,
    has_bot: bool,
):
    good, bad = f"secrets/good-{has_bot}".lower(), f"secrets/bad-{has_bot}".lower()
    publish(hub, good, bad)
    refuse(hub, bad)
    for stand_in in (hub, github, slack):
        stand_in.inject(Reset(), Status(503))
    github.inject(Status(403, error_code=ECHO), after=3)
    slack.inject(Status(200, error_code=f"no_permission_{SLACK}"), when=Match(method="POST"))
    number = runner.propose(
        {"requests/add/good.yaml": request(good), "requests/add/bad.yaml": request(bad)}
    )
    if not has_bot:
        # Nobody knows of it then.
        del secrets["SLACK_BOT_TOKEN"]
    settings = secrets | {"SLACK_API_URL": slack.api_url, "LOG_LEVEL": "DEBUG"}
    talk = ""
    for _ in range(2):
        done = runner.sync(number, "--json", **settings)
        assert done.returncode == 5, done.stderr
        talk += done.stdout + done.stderr
    for command in ("status", "doctor", "audit"):
        done = runner.project.run(command, **runner.environment(number, **settings))
        talk += done.stdout + done.stderr
    assert (runner.dataset(good) / "manifest.json").is_file()
    told = [*runner.comments(number), *(each.text for each in slack.messages("ml-datasets"))]
    told += [repr(each) for each in github.check_runs(REPO)]
    assert told
    assert "may not read it" in talk
    check_none([runner.project.root, runner.places_root], [talk, *told], secrets)


def test_dagster_s_storage_and_logs_hold_no_token(
    running: Project,
    hub: LoopbackHub,
    secrets: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
):
    publish(hub, "secrets/dagster")
    refuse(hub, "secrets/dagster")
    name = name_of("secrets/dagster")
    for setting, value in secrets.items():
        monkeypatch.setenv(setting, value)
    running.write_request("x.yaml", request("secrets/dagster").decode())
    module = ("asset", "materialize", "-m", "hugflow_assets.definitions", "--select")
    planned = running.dagster(*module, f'key:"{name}/plan"')
    assert planned.returncode == 0, planned.stderr
    stages = " or ".join(f'key:"{name}/{stage}"' for stage in ("raw", "audio", "metadata"))
    found = re.search(r"--partition-range (\S+)", planned.stderr + planned.stdout)
    assert found is not None
    made = running.dagster(*module, stages, "--partition-range", found[1])
    assert made.returncode != 0
    assert "may not read it" in made.stderr
    talk = [each.stdout + each.stderr for each in (planned, made)]
    check_none([running.root], talk, secrets)


def test_git_is_given_no_token_of_the_hub_or_of_slack(
    secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    for setting, value in secrets.items():
        monkeypatch.setenv(setting, value)
    assert not set(secrets.values()) & set(git_environment().values())
    # A helper for credentials, such as that of gh, may read GitHub's where it may be asked.
    given = set(git_environment(may_ask_helpers=True).values())
    assert set(secrets.values()) & given == {GITHUB}


def check_none(folders: Iterable[Path], talk: Iterable[str], secrets: dict[str, str]) -> None:
    """Neither a secret, nor the part of the webhook's address that is one, stands anywhere."""
    hidden = [*secrets.values(), secrets["SLACK_WEBHOOK_URL"].rpartition("/")[2]]
    for words in hidden:
        assert not [line for text in talk for line in text.splitlines() if words in line]
        files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
        assert not [path for path in files if words.encode() in path.read_bytes()]
