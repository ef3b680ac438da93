"""`hugflow sync --ci-mode`, as a workflow calls it: a real GitHub's answers, a real repository."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hugflow.notify.deliver import deliver
from hugflow.notify.outbox import list_keys
from hugflow.settings import load_settings
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from hugflow.testing.slack import LoopbackSlack
from tests.ci.test_changes import commit, git
from tests.flows.hub import publish as publish_module
from tests.projects import Project
from tests.runners import Runner, make_runner, name_of, request
from tests.testing.githubs import REPO

pytestmark = pytest.mark.slow


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def runner(hub: LoopbackHub, github: LoopbackGitHub, tmp_path: Path) -> Runner:
    """Main holds a README and nothing else."""
    return make_runner(hub, github, tmp_path)


def test_a_pull_request_s_datasets_are_made_before_the_merge_and_told_there(
    runner: Runner, hub: LoopbackHub
):
    publish_speech(hub, "pulls/good", rows=12, shards=2, seconds=0.4)
    number = runner.propose({"requests/add/good.yaml": request("pulls/good")})
    done = runner.sync(number, "--json")
    assert done.returncode == 0, done.stderr
    assert runner.link("pulls/good").resolve() == runner.dataset("pulls/good")
    living, outcome = runner.comments(number)
    assert "completed" in living
    for word in ("Plan of", "rows: 12", "hours: 0.001, estimated from a sample", "digest: "):
        assert word in living
    assert str(runner.dataset("pulls/good")) in outcome
    assert runner.conclusions() == ["success"]
    answer = json.loads(done.stdout.splitlines()[-1])
    (entry,) = answer["datasets"]
    assert (entry["state"], entry["rows"], entry["planned"]["rows"]) == ("completed", 12, 12)
    assert answer["pull_request"]["number"] == number
    assert runner.github.pull(REPO, number).is_open
    trail = runner.project.run("audit", "--json", STATE_DIR=str(runner.places_root / "state"))
    entries = json.loads(trail.stdout)["entries"]
    assert [each["what"] for each in entries] == ["planned", "published"]
    assert entries[0]["who"].startswith("bob, acme/requests#1@")


def test_what_is_complete_already_ends_green_at_once_and_fetches_nothing(
    runner: Runner, hub: LoopbackHub
):
    publish_text(hub, "pulls/complete", rows=6)
    number = runner.propose({"requests/add/complete.yaml": request("pulls/complete")})
    assert runner.sync(number).returncode == 0
    hub.clear_requests()
    again = runner.sync(number, "--json")
    assert again.returncode == 0
    (entry,) = json.loads(again.stdout.splitlines()[-1])["datasets"]
    assert (entry["state"], entry["rows"], entry["failed_rows"]) == ("completed", 6, 0)
    assert "Dataset already exists in storage" in again.stderr
    assert not hub.requests
    assert len(runner.comments(number)) == 2


def test_a_plan_is_all_there_is_with_plan_only_and_the_check_is_green(
    runner: Runner, hub: LoopbackHub, tmp_path: Path
):
    publish_text(hub, "pulls/planned", rows=6)
    number = runner.propose({"requests/add/planned.yaml": request("pulls/planned")})
    summary = tmp_path / "summary.md"
    # A hosted runner's roots may lie anywhere: nothing of worth is in them.
    inside = {name: f"./{name.lower()}" for name in ("STORAGE_ROOT", "STATE_DIR", "PROCESSED_ROOT")}
    done = runner.sync(number, "--plan-only", GITHUB_STEP_SUMMARY=str(summary), **inside)
    assert done.returncode == 0, done.stderr
    (living,) = runner.comments(number)
    assert "planned" in living
    assert "Plan of" in summary.read_text()
    assert runner.conclusions() == ["success"]
    assert not (runner.project.root / "storage_root").exists()


def test_sync_on_merge_plans_and_leaves_the_job_to_main(runner: Runner, hub: LoopbackHub):
    publish_text(hub, "pulls/merge", rows=6)
    number = runner.propose({"requests/add/merge.yaml": request("pulls/merge")})
    done = runner.sync(number, SYNC_ON="merge")
    assert done.returncode == 0
    assert "SYNC_ON=merge" in done.stderr
    assert not runner.dataset("pulls/merge").exists()
    assert len(runner.comments(number)) == 1


def test_a_fork_s_branch_is_planned_and_never_made(runner: Runner, hub: LoopbackHub):
    publish_text(hub, "pulls/fork", rows=6)
    number = runner.propose(
        {"requests/add/fork.yaml": request("pulls/fork")}, branch="mallory:add-x"
    )
    done = runner.sync(number)
    assert done.returncode == 0, done.stderr
    assert "comes from another repository" in done.stderr
    assert not runner.dataset("pulls/fork").exists()


def test_storage_inside_the_checkout_is_refused_with_the_mend(runner: Runner):
    number = runner.propose({"requests/add/x.yaml": request("pulls/x")})
    for name in ("STORAGE_ROOT", "STATE_DIR", "PROCESSED_ROOT"):
        done = runner.sync(number, **{name: "./inside"})
        assert done.returncode == 2
        assert f"{name} is inside the checkout" in done.stderr
        assert "a checkout cleans its folder" in done.stderr
        assert f"set {name}=/srv/hugflow/" in done.stderr


def test_one_bad_request_hides_no_other_and_the_end_is_red(runner: Runner, hub: LoopbackHub):
    publish_text(hub, "pulls/fine", rows=6)
    number = runner.propose(
        {
            "requests/add/fine.yaml": request("pulls/fine"),
            "requests/add/typo.yaml": request("pulls/fine", "colour: blue"),
            "requests/add/away.yaml": request("pulls/nothing"),
        }
    )
    done = runner.sync(number)
    assert done.returncode in (4, 5)
    assert runner.link("pulls/fine").is_symlink()
    _, outcome = runner.comments(number)
    assert "**Failed**: 2 of 3 requests" in outcome
    assert "requests/add/typo.yaml:3: colour" in outcome
    assert "pulls/nothing" in outcome
    assert runner.conclusions() == ["failure"]


def test_a_pull_request_without_requests_hears_nothing(runner: Runner):
    runner.on_main({"requests/add/old.yaml": request("pulls/old")})
    number = runner.propose({"docs.md": b"a"})
    done = runner.sync(number)
    assert (done.returncode, done.stdout) == (0, "")
    told = json.loads(runner.sync(number, "--json").stdout)
    assert (told["pull_request"], told["datasets"]) == (None, [])
    assert not runner.comments(number)
    assert not runner.conclusions()


def test_main_s_policy_counts_and_not_the_pull_request_s(runner: Runner, hub: LoopbackHub):
    publish_text(hub, "pulls/licence", rows=6)
    runner.on_main({"hugflow.yaml": b"policy: {licences: [mit]}\n"})
    number = runner.propose(
        {
            "requests/add/licence.yaml": request("pulls/licence"),
            "hugflow.yaml": b"policy: {licences: ['*']}\n",
        }
    )
    done = runner.sync(number)
    assert done.returncode == 4
    assert "the policy does not allow the licence" in runner.comments(number)[0]
    assert not runner.dataset("pulls/licence").exists()


def test_a_hostile_pull_request_runs_none_of_its_code_and_hears_why(
    runner: Runner, hub: LoopbackHub, tmp_path: Path
):
    ran = tmp_path / "ran"
    evil = f"import pathlib; pathlib.Path({str(ran)!r}).touch()\n".encode()
    number = runner.propose(
        {
            "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "evil"\n',
            "evil.py": evil,
            "hugflow/__init__.py": evil,
            "sitecustomize.py": evil,
            "conftest.py": evil,
            ".env": b"HF_ENDPOINT=http://127.0.0.1:9\nSTORAGE_ROOT=/\n",
            "hugflow.yaml": b"settings: {HF_ENDPOINT: 'http://127.0.0.1:9'}\n",
            ".github/workflows/dataset-sync.yml": b"on: pull_request_target\n",
            f"datasets/{name_of('pulls/x')}/audio/a.mp3": b"not audio",
            "requests/add/@everyone.yaml": b"!!python/object/apply:os.system ['touch /tmp/x']\n",
            "requests/add/a\n::add-mask::b.yaml": b"hf_id: '<script>alert(1)</script>'\n",
        }
    )
    done = runner.sync(number)
    assert done.returncode == 4
    assert not ran.exists()
    living, outcome = runner.comments(number)
    assert "**Failed**: 2 of 2 requests" in outcome
    assert "<script>" not in living + outcome
    first, *lines = (done.stdout + done.stderr).splitlines()
    commands = [line for line in (first, *lines) if line.lstrip().startswith("::")]
    assert len(commands) == 1
    assert commands[0].startswith("::stop-commands::")


def test_what_a_removal_takes_is_told_and_nothing_goes_before_the_merge(
    runner: Runner, hub: LoopbackHub
):
    publish_text(hub, "pulls/gone", rows=6)
    number = runner.propose({"requests/add/gone.yaml": request("pulls/gone")})
    assert runner.sync(number).returncode == 0
    runner.on_main({"requests/add/gone.yaml": request("pulls/gone")})
    removal = {"requests/remove/gone.yaml": b'hf_id: "pulls/gone"\nreason: "old"\n'}
    second = runner.propose(removal, branch="remove-x")
    done = runner.sync(second)
    assert done.returncode == 0, done.stderr
    (living,) = runner.comments(second)
    assert "6 rows" in living
    assert "go to the trash" in living
    assert runner.dataset("pulls/gone").is_dir()
    (runner.places_root / "processed" / "alias").symlink_to(runner.dataset("pulls/gone"))
    blocked = runner.sync(second)
    assert blocked.returncode == 1
    assert "still in use" in runner.comments(second)[0]


def test_many_removals_at_once_have_to_be_confirmed(runner: Runner):
    removals = {
        f"requests/remove/{number}.yaml": f'hf_id: "pulls/r{number}"\nreason: "old"\n'.encode()
        for number in range(4)
    }
    number = runner.propose(removals)
    done = runner.sync(number)
    assert done.returncode == 4
    assert "4 removals come together" in runner.comments(number)[0]
    confirmed = {path: data + b"confirm: true\n" for path, data in removals.items()}
    second = runner.propose(confirmed, branch="confirmed")
    assert runner.sync(second).returncode == 0


def test_auto_merge_merges_what_is_done_and_says_so_in_the_audit_trail(
    runner: Runner, hub: LoopbackHub
):
    publish_text(hub, "pulls/auto", rows=6)
    number = runner.propose({"requests/add/auto.yaml": request("pulls/auto")})
    done = runner.sync(number, AUTO_MERGE="true")
    assert done.returncode == 0, done.stderr
    assert runner.github.pull(REPO, number).merge_sha is not None
    trail = (runner.places_root / "state" / "audit.jsonl").read_text()
    assert '"merged"' in trail


def test_auto_merge_leaves_failures_and_removals_to_people(runner: Runner, hub: LoopbackHub):
    publish_text(hub, "pulls/left", rows=6)
    number = runner.propose(
        {
            "requests/add/left.yaml": request("pulls/left"),
            "requests/remove/other.yaml": b'hf_id: "pulls/other"\nreason: "old"\n',
        }
    )
    done = runner.sync(number, AUTO_MERGE="true")
    assert done.returncode == 0, done.stderr
    assert "left for people" in done.stderr
    assert runner.github.pull(REPO, number).is_open


def test_auto_merge_leaves_what_is_more_than_requests_to_people(runner: Runner, hub: LoopbackHub):
    publish_text(hub, "pulls/more", rows=6)
    number = runner.propose(
        {"requests/add/more.yaml": request("pulls/more"), "hugflow.yaml": b"policy: {}\n"}
    )
    done = runner.sync(number, AUTO_MERGE="true")
    assert done.returncode == 0, done.stderr
    assert "it changes hugflow.yaml too" in done.stderr
    assert runner.link("pulls/more").is_symlink()
    assert runner.github.pull(REPO, number).is_open


def test_the_settings_of_a_pull_request_that_is_checked_out_get_no_token(
    runner: Runner, hub: LoopbackHub
):
    publish_text(hub, "pulls/theirs", rows=6)
    with LoopbackHub() as theirs:
        settings = f"settings: {{HF_ENDPOINT: '{theirs.endpoint}'}}\n".encode()
        files = {"requests/add/theirs.yaml": request("pulls/theirs"), "hugflow.yaml": settings}
        number = runner.propose(files)
        # As a workflow does that checks out the merge commit, and of it nothing else.
        (runner.project.root / "hugflow.yaml").write_bytes(settings)
        git(runner.project.root, "add", "--all")
        git(runner.project.root, "commit", "--quiet", "--message", "merge")
        environment = runner.environment(number, HF_TOKEN="hf_made_up_for_theirs")
        del runner.project.environment["HF_ENDPOINT"]
        done = runner.project.run("sync", "--ci-mode", **environment)
        assert done.returncode == 2
        assert "hugflow.yaml here may be the one that the pull request brings" in done.stderr
        assert not theirs.requests


def test_the_address_of_github_is_not_taken_out_of_the_checkout(runner: Runner):
    number = runner.propose({"requests/add/x.yaml": request("pulls/x")})
    (runner.project.root / ".env").write_text(f"GITHUB_API_URL={runner.github.api_url}\n")
    environment = runner.environment(number)
    del environment["GITHUB_API_URL"]
    done = runner.project.run("sync", "--ci-mode", **environment)
    assert done.returncode == 2
    assert "GITHUB_API_URL is set in .env" in done.stderr


def test_a_policy_on_main_that_cannot_be_read_lets_nothing_through(
    runner: Runner, hub: LoopbackHub
):
    publish_text(hub, "pulls/policy", rows=6)
    runner.on_main({"hugflow.yaml": b"policy: {licenses: [mit]}\n"})
    number = runner.propose({"requests/add/policy.yaml": request("pulls/policy")})
    assert runner.sync(number).returncode == 4
    root = runner.project.root
    (root / "hugflow.yaml").unlink()
    (root / "policy.yaml").write_text("policy: {licences: [mit]}\n")
    (root / "hugflow.yaml").symlink_to("policy.yaml")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "a link")
    git(root, "push", "--quiet", str(runner.remote), "HEAD:main")
    done = runner.sync(number)
    assert done.returncode == 4
    assert "hugflow.yaml: is a link" in done.stderr
    assert not runner.dataset("pulls/policy").exists()


@pytest.mark.parametrize("name", ["hugflow.yaml", "hugflow.yml"])
def test_a_misspelt_policy_on_main_lets_nothing_through(
    runner: Runner, hub: LoopbackHub, name: str
):
    publish_text(hub, "pulls/polcy", rows=6)
    runner.on_main({name: b"\npolcy: {licences: [mit]}\n"})
    number = runner.propose({"requests/add/polcy.yaml": request("pulls/polcy")})
    # What the job checks out may be older than main.
    (runner.project.root / name).unlink(missing_ok=True)
    done = runner.sync(number)
    assert done.returncode == 4
    assert f"{name}:2: polcy is an unknown key" in done.stderr
    assert "did you mean policy?" in done.stderr
    assert not runner.dataset("pulls/polcy").exists()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("policy: {larges_gb: 3}", "larges_gb"),
        ("settings: {WORKRES: 2}", "did you mean WORKERS?"),
        ("settings: {WORKERS: many}", "WORKERS"),
        ("flows: {alow: []}", "alow"),
    ],
)
def test_a_pull_request_whose_project_file_would_stop_all_work_is_red(
    runner: Runner, file: str, said: str
):
    number = runner.propose({"hugflow.yaml": file.encode()})
    # The job checks out main, or what the pull request would make of it.
    (runner.project.root / "hugflow.yaml").unlink(missing_ok=True)
    done = runner.sync(number)
    assert done.returncode == 4
    assert said in done.stderr


def test_a_policy_counts_from_each_name_of_the_project_file(runner: Runner, hub: LoopbackHub):
    publish_text(hub, "pulls/json", rows=6)
    runner.on_main({"hugflow.json": b'{"policy": {"licences": ["mit"]}}'})
    number = runner.propose({"requests/add/json.yaml": request("pulls/json")})
    assert runner.sync(number).returncode == 4
    assert "the policy does not allow the licence" in runner.comments(number)[0]


def test_a_pull_request_that_brings_a_misspelt_policy_is_refused(runner: Runner, hub: LoopbackHub):
    publish_text(hub, "pulls/brings", rows=6)
    files = {"requests/add/brings.yaml": request("pulls/brings"), "hugflow.yaml": b"polcy: {}\n"}
    number = runner.propose(files)
    done = runner.sync(number)
    assert done.returncode == 4
    said = runner.comments(number)[0] + done.stderr
    assert "polcy is an unknown key" in said
    assert "hugflow.yaml" in said


def test_a_request_that_is_taken_back_leaves_the_pull_request_green(runner: Runner, tmp_path: Path):
    number = runner.propose({"requests/add/typo.yaml": b"hf_id: 1\n", "a": b"a"})
    assert runner.sync(number, "--plan-only").returncode == 4
    assert runner.conclusions() == ["failure"]
    runner.github.push(REPO, {}, delete=["requests/add/typo.yaml"], branch="add-x")
    # A hosted runner knows nothing of the job before.
    done = runner.sync(number, "--plan-only", STATE_DIR=str(tmp_path / "other"))
    assert done.returncode == 0, done.stderr
    living = runner.comments(number)[0]
    assert "There is no request here any more" in living
    assert runner.conclusions() == ["failure", "success"]


def test_what_is_only_planned_changes_nothing_of_a_dataset_that_stands(
    runner: Runner, hub: LoopbackHub
):
    publish_speech(hub, "pulls/stands", rows=4, shards=1, seconds=0.2)
    asked = {"requests/add/stands.yaml": request("pulls/stands")}
    assert runner.sync(runner.propose(asked)).returncode == 0
    runner.on_main(asked)
    changed = {"requests/add/stands.yaml": request("pulls/stands", "mp3_source: reencode")}
    number = runner.propose(changed, branch="change-x")
    assert runner.sync(number, SYNC_ON="merge").returncode == 0
    assert "planned" in runner.comments(number)[0]
    told = runner.project.run(
        "status", name_of("pulls/stands"), "--json", **runner.places_in_environment
    )
    assert json.loads(told.stdout)["datasets"][0]["state"] == "completed"


def test_without_a_pull_request_each_dataset_is_told_of_by_itself_and_nothing_where_there_is_none(
    runner: Runner, hub: LoopbackHub, slack: LoopbackSlack
):
    slack.add_bot("xoxb-made-up", "hugflow")
    slack.add_channel("ml-datasets")
    for name in ("a", "b"):
        publish_text(hub, f"pulls/alone-{name}", rows=6)
    root = runner.project.root
    git(root, "switch", "--quiet", "--create", "add-x")
    (root / "requests/add").mkdir(parents=True)
    (root / "requests/add/typo.yaml").write_bytes(b"hf_id: 1\n")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "typo")
    settings = runner.environment(runner.propose({"a": b"a"}, branch="unused"))
    settings = {k: v for k, v in settings.items() if not k.startswith("GITHUB_")}
    settings |= {"SLACK_API_URL": slack.api_url, "SLACK_BOT_TOKEN": "xoxb-made-up"}
    commits = ("--base", "main", "--head", "HEAD")
    assert runner.project.run("sync", "--ci-mode", *commits, **settings).returncode == 4
    assert not slack.messages("ml-datasets")
    (root / "requests/add/typo.yaml").unlink()
    for name in ("a", "b"):
        (root / f"requests/add/{name}.yaml").write_bytes(request(f"pulls/alone-{name}"))
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "two")
    assert runner.project.run("sync", "--ci-mode", *commits, **settings).returncode == 0
    assert len(slack.messages("ml-datasets")) == 2


def test_what_was_pushed_since_the_workflow_began_is_not_made(runner: Runner, hub: LoopbackHub):
    publish_text(hub, "pulls/late", rows=6)
    number = runner.propose({"requests/add/late.yaml": request("pulls/late")})
    environment = runner.environment(number)
    runner.github.push(REPO, {"requests/add/late.yaml": request("pulls/other")}, branch="add-x")
    done = runner.project.run("sync", "--ci-mode", **environment)
    assert done.returncode == 10
    assert "was pushed to it since" in done.stderr
    assert not runner.dataset("pulls/late").exists()


def test_a_cancelled_job_says_so_and_the_next_one_goes_on(runner: Runner, hub: LoopbackHub):
    publish_speech(hub, "pulls/cancelled", rows=400, shards=4, seconds=2.0)
    number = runner.propose({"requests/add/cancelled.yaml": request("pulls/cancelled")})
    environment = runner.environment(number, WORKERS="1")
    process = runner.project.start("sync", "--ci-mode", **environment)
    state = runner.places_root / "state" / "progress" / f"{name_of('pulls/cancelled')}.json"
    wait_until(lambda: state.is_file() and json.loads(state.read_text())["downloaded_files"] > 0)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert "interrupted" in runner.comments(number)[0]
    assert runner.sync(number).returncode == 0
    living, outcome = runner.comments(number)
    assert "completed" in living
    assert "Completed" in outcome


def test_without_github_two_commits_name_what_is_to_be_done(runner: Runner, hub: LoopbackHub):
    publish_text(hub, "pulls/local", rows=6)
    root = runner.project.root
    git(root, "switch", "--quiet", "--create", "add-x")
    (root / "requests/add").mkdir(parents=True)
    (root / "requests/add/local.yaml").write_bytes(request("pulls/local"))
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "add")
    settings = runner.environment(runner.propose({"a": b"a"}, branch="unused"))
    for name in [name for name in settings if name.startswith("GITHUB_")]:
        del settings[name]
    done = runner.project.run(
        "sync", "--ci-mode", "--base", "main", "--head", "HEAD", "--json", **settings
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["pull_request"] is None
    assert runner.link("pulls/local").is_symlink()
    alone = runner.project.run("sync", "--ci-mode", **settings)
    assert alone.returncode == 2
    assert "--base" in alone.stderr


def test_slack_hears_of_the_job(runner: Runner, hub: LoopbackHub, slack: LoopbackSlack):
    slack.add_bot("xoxb-made-up", "hugflow")
    slack.add_channel("ml-datasets")
    publish_text(hub, "pulls/slack", rows=6)
    number = runner.propose({"requests/add/slack.yaml": request("pulls/slack")})
    settings = {"SLACK_API_URL": slack.api_url, "SLACK_BOT_TOKEN": "xoxb-made-up"}
    assert runner.sync(number, "--plan-only", **settings).returncode == 0
    assert not slack.messages("ml-datasets")
    assert runner.sync(number, **settings).returncode == 0
    (message,) = slack.messages("ml-datasets")
    assert name_of("pulls/slack") in message.text


def test_while_github_is_away_the_dataset_is_done_and_the_comment_follows(
    runner: Runner, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
):
    publish_text(hub, "pulls/away", rows=6)
    files = {"requests/add/away.yaml": request("pulls/away")}
    number = runner.propose(files)
    settings = runner.environment(number)
    # The branch is in the checkout's own repository, as after a fetch: nobody has to be asked.
    event = json.loads(Path(settings["GITHUB_EVENT_PATH"]).read_text())
    event["pull_request"]["base"]["sha"] = git(runner.project.root, "rev-parse", "HEAD")
    git(runner.project.root, "switch", "--quiet", "--create", "add-x")
    event["pull_request"]["head"]["sha"] = commit(runner.project.root, files)
    Path(settings["GITHUB_EVENT_PATH"]).write_text(json.dumps(event))
    with runner.github.outage():
        done = runner.project.run("sync", "--ci-mode", **settings)
    assert done.returncode == 0, done.stderr
    assert runner.link("pulls/away").is_symlink()
    assert not runner.comments(number)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    project = load_settings(runner.project.root)
    with project.open_senders() as senders:
        for key in list_keys(project.places):
            deliver(project.places, key, senders, is_hurried=True)
    assert "completed" in runner.comments(number)[0]


def test_without_ci_mode_it_says_what_to_use(project: Project):
    done = project.run("sync")
    assert done.returncode == 2
    assert "local-sync" in done.stderr


MODULE = "pulls/Loud"
LOUD = (
    "flows:",
    f"  - {{name: loud, use: {MODULE}, flow: Loud, rows: {{in: [text], out: [loud]}}}}",
)


@pytest.fixture
def loud(hub: LoopbackHub) -> str:
    """A flow module that a pull request uses; its commit."""
    code = (
        "from hugflow.flows import AtomicFlow\n"
        "class Loud(AtomicFlow):\n"
        "    def run(self, data):\n"
        "        return {'loud': data['text'].upper()}\n"
    )
    return publish_module(hub, MODULE, {"__init__.py": code})


def test_a_pull_request_runs_the_modules_that_main_allows(
    runner: Runner, hub: LoopbackHub, loud: str
):
    publish_text(hub, "pulls/flowed", rows=4)
    runner.on_main({"hugflow.yaml": f'flows: {{allow: ["{MODULE}@{loud}"]}}\n'.encode()})
    number = runner.propose({"requests/add/flowed.yaml": request("pulls/flowed", *LOUD)})
    done = runner.sync(number)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((runner.dataset("pulls/flowed") / "manifest.json").read_text())
    [step] = manifest["flows"]["steps"]
    assert (step["commit"], step["rows"]) == (loud, 4)


def test_a_pull_request_cannot_allow_a_module_by_itself(
    runner: Runner, hub: LoopbackHub, loud: str
):
    publish_text(hub, "pulls/unallowed", rows=4)
    number = runner.propose(
        {
            "requests/add/unallowed.yaml": request("pulls/unallowed", *LOUD),
            "hugflow.yaml": f'flows: {{allow: ["{MODULE}"]}}\n'.encode(),
        }
    )
    done = runner.sync(number)
    assert done.returncode != 0
    assert f"{MODULE} is not on the allow list" in runner.comments(number)[0]
    assert not runner.link("pulls/unallowed").exists()
