"""Every setting under its documented name, by what changes when it is set."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from hugflow.settings_model import NAMES
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_tables, publish_text, speech_table
from hugflow.testing.slack import LoopbackSlack
from hugflow.testing.speech import encode, speech_like
from tests.hierarchy.google import serve_google
from tests.hierarchy.readers.books import write_xlsx
from tests.projects import Project
from tests.runners import Runner, make_runner, name_of, request
from tests.testing.githubs import REPO

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
Test = TypeVar("Test", bound=Callable[..., None])
SHOWN: set[str] = set()


def shows(*names: str) -> Callable[[Test], Test]:
    """Mark a test as the one that shows what a setting does."""

    def mark(test: Test) -> Test:
        SHOWN.update(names)
        return test

    return mark


@pytest.fixture
def runner(hub: LoopbackHub, github: LoopbackGitHub, tmp_path: Path) -> Runner:
    return make_runner(hub, github, tmp_path)


def test_each_is_shown_here():
    assert set(NAMES) == SHOWN


def test_each_that_is_declared_is_read_somewhere():
    read: set[str] = set()
    for package in ("hugflow", "hugflow_assets", "resources", "sensors"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text("utf-8")
            read |= set(re.findall(r"\bsettings\.([a-z0-9_]+)", text))
            read |= {NAMES[name] for name in re.findall(r'\.resolve\("([A-Z_]+)"\)', text)}
    assert set(NAMES.values()) - read == set()


@shows("HF_TOKEN", "HF_HOME")
def test_a_private_dataset_is_seen_with_the_token_or_with_that_of_hf_auth_login(
    project: Project, hub: LoopbackHub, tmp_path: Path
):
    publish_text(hub, "settings/private", rows=2, private=True)
    hub.add_token("hf_made_up_reader", "reader", ["settings/private"])
    asked = project.request("settings/private")
    empty, home = tmp_path / "empty", tmp_path / "home"
    home.mkdir()
    (home / "token").write_text("hf_made_up_reader\n")
    assert project.run("plan", asked, HF_HOME=str(empty)).returncode == 5
    told = project.run("plan", asked, HF_HOME=str(empty), HF_TOKEN="hf_made_up_reader")
    assert told.returncode == 0
    assert project.run("plan", asked, "--update", HF_HOME=str(home)).returncode == 0


@shows("HF_ENDPOINT")
def test_another_hub_is_asked(project: Project):
    with LoopbackHub() as other:
        publish_text(other, "settings/elsewhere", rows=2)
        asked = project.request("settings/elsewhere")
        assert project.run("plan", asked).returncode == 5
        assert project.run("plan", asked, HF_ENDPOINT=other.endpoint).returncode == 0


@shows("STORAGE_ROOT", "PROCESSED_ROOT", "STATE_DIR")
def test_datasets_links_and_state_lie_where_it_says(
    project: Project, hub: LoopbackHub, tmp_path: Path
):
    publish_text(hub, "settings/places", rows=2)
    folders = {
        name: str(tmp_path / name.lower())
        for name in ("STORAGE_ROOT", "PROCESSED_ROOT", "STATE_DIR")
    }
    done = project.run("local-sync", project.request("settings/places"), **folders)
    assert done.returncode == 0, done.stderr
    name = name_of("settings/places")
    link = tmp_path / "processed_root" / name
    assert link.resolve() == tmp_path / "storage_root" / name
    assert (tmp_path / "state_dir" / "ledger" / name).is_dir()
    assert not (project.root / "datasets").exists()
    assert not (project.root / ".hugflow-state").exists()


@shows("STORAGE_QUOTA_GB")
def test_nothing_is_begun_that_would_pass_the_quota(project: Project, hub: LoopbackHub):
    publish_speech(hub, "settings/quota", rows=4, shards=1, seconds=0.2)
    asked = project.request("settings/quota")
    assert project.run("local-sync", asked, STORAGE_QUOTA_GB="0.000001").returncode == 6
    assert not project.places.link(name_of("settings/quota")).is_symlink()
    assert project.run("local-sync", asked, STORAGE_QUOTA_GB="1").returncode == 0


@shows("MP3_SOURCE")
def test_sound_mp3s_are_copied_or_encoded_anew(project: Project, hub: LoopbackHub):
    table = speech_table(1, seconds=0.5, container="mp3")
    source = table.column("audio")[0].as_py()["bytes"]

    def made(choice: str) -> bytes:
        hf_id = f"settings/{choice}"
        publish_tables(hub, hf_id, {"default": {"train": table}}, shards=1)
        asked = project.request(hf_id, name=choice)
        assert project.run("local-sync", asked, MP3_SOURCE=choice).returncode == 0
        (path,) = project.dataset(name_of(hf_id)).audio.glob("*.mp3")
        return path.read_bytes()

    copied, encoded = made("copy"), made("reencode")
    assert copied[-256:] == source[-256:]
    assert encoded[-256:] != source[-256:]


@shows("MAX_BAD_ROWS")
def test_so_many_rows_may_fail_and_no_more(project: Project, hub: LoopbackHub):
    publish_speech(hub, "settings/bad", rows=4, shards=1, seconds=0.2, broken_rows={1: b"noise"})
    asked = project.request("settings/bad")
    assert project.run("local-sync", asked, MAX_BAD_ROWS="0").returncode == 9
    assert project.run("local-sync", asked, MAX_BAD_ROWS="25%").returncode == 0


@shows("REPAIR_AUDIO")
def test_a_clip_whose_framing_is_wrong_is_repaired_or_refused(project: Project, hub: LoopbackHub):
    wav = encode(speech_like(0.3, 16_000), 16_000, "wav")
    broken = wav[:40] + bytes(4) + wav[44:]
    publish_speech(hub, "settings/repair", rows=2, shards=1, seconds=0.2, broken_rows={1: broken})
    asked = project.request("settings/repair")
    assert project.run("local-sync", asked, MAX_BAD_ROWS="0", REPAIR_AUDIO="false").returncode == 9
    assert project.run("local-sync", asked, MAX_BAD_ROWS="0", REPAIR_AUDIO="true").returncode == 0


@shows("MAX_CLIP_HOURS")
def test_a_clip_longer_than_that_is_refused(project: Project, hub: LoopbackHub):
    publish_speech(hub, "settings/hours", rows=2, shards=1, seconds=1.0)
    asked = project.request("settings/hours")
    assert project.run("local-sync", asked, MAX_CLIP_HOURS="0.0001").returncode == 9
    assert project.run("local-sync", asked, MAX_CLIP_HOURS="0").returncode == 0


@shows("MEASURE")
def test_quality_is_in_every_row_where_it_is_measured(project: Project, hub: LoopbackHub):
    publish_speech(hub, "settings/measure", rows=2, shards=1, seconds=0.5)
    asked = project.request("settings/measure")
    assert project.run("local-sync", asked, MEASURE="true").returncode == 0
    row = json.loads((project.dataset(name_of("settings/measure")).json / "0.json").read_text())
    assert -40 < row["audio_info"]["quality"]["rms_dbfs"] < 0


@shows("MP3_QUALITY")
def test_another_quality_of_lame_makes_other_mp3s(project: Project, hub: LoopbackHub):
    publish_speech(hub, "settings/lame", rows=1, shards=1, seconds=0.5)
    asked = project.request("settings/lame")
    made = []
    for quality in ("3", "9"):
        own = f"./lame{quality}"
        done = project.run(
            "local-sync", asked, MP3_QUALITY=quality, STORAGE_ROOT=own, STATE_DIR=f"{own}/s"
        )
        assert done.returncode == 0, done.stderr
        [mp3] = (project.root / own).rglob("*.mp3")
        made.append(mp3.read_bytes())
    assert made[0] != made[1]


@shows("VERIFY_LOAD")
def test_a_folder_is_loaded_before_it_is_published_where_that_is_wanted(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "settings/load", rows=3, shards=1, seconds=0.2)
    asked = project.request("settings/load")
    done = project.run("local-sync", asked, VERIFY_LOAD="true")
    assert done.returncode == 0, done.stderr
    assert "`datasets` loads its 3 rows" in done.stderr


@shows("EXPORTS")
def test_the_forms_for_other_tools_are_written_that_it_names(project: Project, hub: LoopbackHub):
    publish_speech(hub, "settings/exports", rows=2, shards=1, seconds=0.1)
    asked = project.request("settings/exports")
    folder = project.dataset(name_of("settings/exports")).root
    assert project.run("local-sync", asked, EXPORTS="none").returncode == 0
    assert not (folder / "nemo.jsonl").exists()
    assert project.run("local-sync", asked, EXPORTS="kaldi, nemo").returncode == 0
    assert (folder / "nemo.jsonl").is_file()
    assert (folder / "kaldi" / "wav.scp").is_file()
    done = project.run("local-sync", asked, EXPORTS="nemmo")
    assert done.returncode == 2
    assert "EXPORTS" in done.stderr


@shows("KEEP_RAW")
def test_fetched_files_are_kept_where_that_is_wanted(project: Project, hub: LoopbackHub):
    for is_kept in ("false", "true"):
        hf_id = f"settings/raw-{is_kept}"
        publish_text(hub, hf_id, rows=2, shards=1)
        asked = project.request(hf_id)
        assert project.run("local-sync", asked, KEEP_RAW=is_kept).returncode == 0
        kept = list(project.places.state_folders(name_of(hf_id))["raw"].rglob("*.parquet"))
        kept += list(project.places.state_folders(name_of(hf_id))["raw"].rglob("0*"))
        assert bool(kept) is (is_kept == "true")


@shows("KEEP_VERSIONS")
def test_so_many_replaced_trees_are_kept_and_used_again(project: Project, hub: LoopbackHub):
    hf_id, name = "settings/versions", name_of("settings/versions")
    project = replace(project, environment=project.environment | {"KEEP_VERSIONS": "1"})
    asked = project.request(hf_id)
    for rows in (2, 3):
        publish_text(hub, hf_id, rows=rows, shards=1)
        assert project.run("plan", asked, "--update").returncode == 0
        assert project.run("local-sync", asked).returncode == 0
    [told] = json.loads(project.run("versions", name, "--json").stdout)["datasets"]
    assert [(each["rows"], each["is_current"]) for each in told["versions"]] == [
        (3, True),
        (2, False),
    ]
    done = project.run("rollback", hf_id, told["versions"][1]["version"][:8], "--json")
    assert done.returncode == 0, done.stderr
    [used] = json.loads(done.stdout)["datasets"]
    assert (used["name"], used["state"]) == (name, "completed")
    assert "warning" not in done.stderr
    assert [json.loads(project.run("status", name, "--json").stdout)["datasets"][0]["rows"]] == [2]
    assert project.run("verify", name).returncode == 0
    lines = project.run("versions", name).stdout.splitlines()
    assert lines[0].endswith("in use")
    asked = project.request(hf_id, 'text_column: "id"')
    assert "asks for other rows" in project.run("rollback", name).stderr


@shows("MAX_CONCURRENT_DOWNLOADS", "WORKERS", "FETCH_AHEAD_GB")
def test_so_much_goes_on_at_once(project: Project):
    program = (
        "from hugflow.settings import load_settings; p = load_settings();"
        "o = p.options; print(o.workers, o.download_slots, o.fetch_ahead_bytes)"
    )
    settings = {"WORKERS": "3", "MAX_CONCURRENT_DOWNLOADS": "7", "FETCH_AHEAD_GB": "0.5"}
    told = replace(project, environment=project.environment | settings).run_python(program)
    assert told.stdout.split() == ["3", "7", "500000000"], told.stderr


@shows("PROGRESS_INTERVAL")
def test_progress_is_told_at_each_interval_of_rows(project: Project, hub: LoopbackHub):
    publish_text(hub, "settings/progress", rows=1_000, shards=1)
    asked = project.request("settings/progress")
    done = project.run("local-sync", asked, PROGRESS_INTERVAL="100")
    lines = [line for line in done.stderr.splitlines() if "/1,000 rows" in line]
    assert done.returncode == 0
    assert len(lines) >= 2


@shows("LOG_LEVEL", "LOG_FORMAT")
def test_as_much_is_told_as_is_wanted_and_in_the_form_that_is_wanted(
    project: Project, hub: LoopbackHub
):
    publish_text(hub, "settings/log", rows=2, shards=1)
    asked = project.request("settings/log")
    quiet = project.run("local-sync", asked, LOG_LEVEL="ERROR")
    assert "Starting download" not in quiet.stderr
    publish_text(hub, "settings/log2", rows=2, shards=1)
    told = project.run("local-sync", project.request("settings/log2"), LOG_FORMAT="json")
    messages = [json.loads(line)["message"] for line in told.stderr.splitlines() if line[:1] == "{"]
    assert any("Starting download" in message for message in messages)


@shows("REQUESTS_REPO", "REQUESTS_BRANCH")
def test_requests_count_that_stand_on_that_branch_of_that_repository(
    runner: Runner, hub: LoopbackHub
):
    publish_text(hub, "settings/branch", rows=2)
    runner.github.push(REPO, {"requests/add/a.yaml": request("settings/branch")}, branch="trunk")
    number = runner.propose({"requests/add/b.yaml": request("settings/branch")})
    elsewhere = runner.sync(number, REQUESTS_BRANCH="trunk")
    assert "only requests on trunk count" in elsewhere.stderr
    assert not runner.dataset("settings/branch").exists()
    gone = runner.sync(number, REQUESTS_REPO=str(runner.remote.with_name("gone.git")))
    assert "main cannot be fetched" in gone.stderr
    assert gone.returncode == 0


@shows("SYNC_ON")
def test_the_job_is_done_before_the_merge_or_after_it(runner: Runner, hub: LoopbackHub):
    publish_text(hub, "settings/when", rows=2)
    number = runner.propose({"requests/add/when.yaml": request("settings/when")})
    assert runner.sync(number, SYNC_ON="merge").returncode == 0
    assert not runner.dataset("settings/when").exists()
    assert runner.sync(number, SYNC_ON="pull_request").returncode == 0
    assert runner.link("settings/when").is_symlink()


@shows("AUTO_MERGE")
def test_a_pull_request_is_merged_by_itself_only_where_that_is_wanted(
    runner: Runner, hub: LoopbackHub
):
    publish_text(hub, "settings/merge", rows=2)
    number = runner.propose({"requests/add/merge.yaml": request("settings/merge")})
    assert runner.sync(number).returncode == 0
    assert runner.github.pull(REPO, number).is_open
    assert runner.sync(number, AUTO_MERGE="true").returncode == 0
    assert runner.github.pull(REPO, number).merge_sha is not None


@shows("GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL")
def test_github_is_asked_there_about_that_repository_and_as_whom_the_token_names(
    runner: Runner, hub: LoopbackHub
):
    publish_text(hub, "settings/github", rows=2)
    number = runner.propose({"requests/add/github.yaml": request("settings/github")})
    assert runner.sync(number, "--plan-only", GITHUB_TOKEN="").returncode == 0
    assert runner.comments(number) == []
    assert runner.sync(number, "--plan-only").returncode == 0
    assert len(runner.comments(number)) == 1
    found = runner.project.run("doctor", "--json", **runner.environment(number))
    assert REPO in found.stdout


@shows("SLACK_WEBHOOK_URL")
def test_a_webhook_hears_of_the_job(runner: Runner, hub: LoopbackHub, slack: LoopbackSlack):
    slack.add_channel("ml-datasets")
    publish_text(hub, "settings/webhook", rows=2)
    number = runner.propose({"requests/add/webhook.yaml": request("settings/webhook")})
    address = slack.add_webhook("ml-datasets")
    assert runner.sync(number, SLACK_WEBHOOK_URL=address).returncode == 0
    assert any(name_of("settings/webhook") in each.text for each in slack.messages("ml-datasets"))


@shows("SLACK_BOT_TOKEN", "SLACK_CHANNEL", "SLACK_API_URL")
def test_a_bot_writes_to_that_channel_of_that_slack(
    runner: Runner, hub: LoopbackHub, slack: LoopbackSlack
):
    slack.add_bot("xoxb-made-up", "hugflow")
    slack.add_channel("voices")
    publish_text(hub, "settings/bot", rows=2)
    number = runner.propose({"requests/add/bot.yaml": request("settings/bot")})
    settings = {"SLACK_API_URL": slack.api_url, "SLACK_BOT_TOKEN": "xoxb-made-up"}
    assert runner.sync(number, SLACK_CHANNEL="#voices", **settings).returncode == 0
    (message,) = slack.messages("voices")
    assert name_of("settings/bot") in message.text


@shows("CREDENTIALS", "GOOGLE_SHEETS_URL")
def test_a_private_sheet_is_pulled_from_there_as_the_account_that_it_is_shared_with(
    project: Project,
):
    config = {"format": "sheets", "subformat": "google_sheets", "files_list": ["id-1"]}
    (project.root / "hugflow.json").write_text(json.dumps({"sources": {"s": config}}))
    with serve_google() as google:
        google.private["id-1"] = write_xlsx({"people": [["name"], ["Ada"]]})
        assert project.run("pull", GOOGLE_SHEETS_URL=google.url).returncode == 5
        settings = {"GOOGLE_SHEETS_URL": google.url, "CREDENTIALS": google.credentials()}
        assert project.run("pull", **settings).stdout == "wrote s/id-1.json\n"


@shows("RUNS_PER_DATASET")
def test_so_many_runs_share_a_dataset(project: Project):
    from hugflow.settings import load_settings
    from hugflow_resources.storage import Storage

    (project.root / ".env").write_text("RUNS_PER_DATASET=3\n")
    assert Storage.of(load_settings(project.root)).runs_per_dataset == 3
