"""`local-sync` with its options, `retry`, `plan --update` and `status --watch`, as a user types them."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from hugflow.stages.standing.retry_records import read_retry_at
from hugflow.store.locks import hold
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from tests.projects import Project
from tests.trees import read_rows_json

JUNK = b"this is no audio"


def name_of(hf_id: str) -> str:
    return f"{hf_id.replace('/', '__')}__split_train__rev_main"


def entry(output: str) -> dict[str, object]:
    (dataset,) = json.loads(output)["datasets"]
    assert isinstance(dataset, dict)
    return dataset


def test_a_dry_run_tells_what_would_be_made_and_leaves_no_trace(project: Project, hub: LoopbackHub):
    publish_speech(hub, "dry/run", rows=6, shards=2, seconds=0.2)
    request = project.request("dry/run")
    told = project.run("local-sync", request, "--dry-run", "--json")
    dataset = entry(told.stdout)
    assert (told.returncode, dataset["missing_rows"], dataset["fetch_files"]) == (0, 6, 2)
    assert dataset["state"] == "pending"
    assert not project.places.state_dir.exists()
    assert not project.places.storage_root.exists()


def test_a_dry_run_counts_what_is_there(project: Project, hub: LoopbackHub):
    publish_speech(hub, "dry/again", rows=6, shards=2, seconds=0.2)
    request = project.request("dry/again")
    project.run("local-sync", request)
    told = project.run("local-sync", request, "--dry-run")
    assert "0 to make of 6" in told.stdout
    assert "nothing was made" in told.stdout


def test_a_limit_makes_a_sample_that_says_so_and_is_never_published(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "limit/sample", rows=9, shards=3, seconds=0.2)
    request = project.request("limit/sample")
    made = project.run("local-sync", request, "--limit", "4", "--json")
    dataset = entry(made.stdout)
    assert (made.returncode, dataset["state"], dataset["sample"]) == (0, "completed", 4)
    assert (dataset["rows"], dataset["link"]) == (4, None)
    name = name_of("limit/sample")
    tree = project.places.sample(name, 4)
    manifest = json.loads(tree.manifest.read_text())
    assert (manifest["sample"], manifest["rows"]["planned"]) == (4, 4)
    rows = read_rows_json(tree)
    assert sorted(rows) == [0, 1, 2, 3]
    assert all((project.root / str(row["audio"])).is_file() for row in rows.values())
    assert not project.places.link(name).is_symlink()
    assert not project.places.dataset(name).root.exists()
    status = entry(project.run("status", name, "--json").stdout)
    # Not even a plan is recorded for it.
    assert (status["state"], status["rows"]) == ("pending", 0)


def test_a_sample_says_what_keep_and_the_row_steps_would_do(project: Project, hub: LoopbackHub):
    publish_text(hub, "limit/keep", rows=6)
    (project.root / "own.py").write_text("class Clean: pass\n")
    request = project.request(
        "limit/keep", "keep: row > 1", "flows:", "  - {name: c, flow: own.Clean}"
    )
    made = project.run("local-sync", request, "--limit", "4")
    assert made.returncode == 0, made.stderr
    assert "keep is not applied to it; it would leave out 2 of 4 rows" in made.stdout
    assert "the row steps of the request are not run over it" in made.stdout
    again = entry(project.run("local-sync", request, "--limit", "1", "--json").stdout)
    assert (again["rows"], again["would_leave_out"]) == (1, 1)
    assert not project.places.progress(name_of("limit/keep")).exists()


def test_a_sample_of_an_edited_request_leaves_the_dataset_as_it_is(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "limit/edited", rows=4, shards=1, seconds=0.2)
    project.run("local-sync", project.request("limit/edited"))
    edited = project.request("limit/edited", "text_column: speaker")
    project.run("local-sync", edited, "--limit", "2")
    name = name_of("limit/edited")
    assert entry(project.run("status", name, "--json").stdout)["state"] == "completed"
    sample = read_rows_json(project.places.sample(name, 2))
    assert all(row["text"] == row["speaker"]["name"] for row in sample.values())


def test_a_sample_is_read_by_datasets_as_any_dataset(project: Project, hub: LoopbackHub):
    publish_speech(hub, "limit/load", rows=5, shards=1, seconds=0.2)
    project.run("local-sync", project.request("limit/load"), "--limit", "3")
    folder = project.places.sample(name_of("limit/load"), 3).root
    read = project.run_python(
        f"import datasets; print(len(datasets.load_dataset({str(folder)!r}, split='train')))"
    )
    assert read.stdout.strip() == "3", read.stderr


def test_a_sample_is_made_once_and_does_not_hinder_the_dataset(project: Project, hub: LoopbackHub):
    publish_speech(hub, "limit/both", rows=6, shards=2, seconds=0.2)
    request = project.request("limit/both")
    project.run("local-sync", request, "--limit", "2")
    again = entry(project.run("local-sync", request, "--limit", "2", "--json").stdout)
    assert again["new_rows"] == 0
    whole = entry(project.run("local-sync", request, "--json").stdout)
    assert (whole["rows"], whole["new_rows"], whole["state"]) == (6, 6, "completed")


def test_a_limit_beyond_the_rows_there_are_takes_them_all(project: Project, hub: LoopbackHub):
    publish_speech(hub, "limit/more", rows=3, shards=1, seconds=0.2)
    made = project.run("local-sync", project.request("limit/more"), "--limit", "100", "--json")
    assert entry(made.stdout)["rows"] == 3


def test_a_limit_of_no_rows_is_wrong_usage(project: Project, hub: LoopbackHub):
    publish_speech(hub, "limit/none", rows=3, shards=1, seconds=0.2)
    request = project.request("limit/none")
    assert project.run("local-sync", request, "--limit", "0").returncode == 2
    assert project.run("local-sync", request, "--limit", "1", "--dry-run").returncode == 2


def test_retry_makes_the_rows_of_a_published_dataset_that_failed(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "retry/rows", rows=4, shards=2, seconds=0.2, broken_rows={1: JUNK})
    project.request("retry/rows")
    name = name_of("retry/rows")
    assert project.run("local-sync", "requests/add/request.yaml").returncode == 0
    asked_at = time.time()
    again = project.run("retry", name, LOG_LEVEL="INFO")
    assert read_retry_at(project.places, name) >= asked_at
    assert again.returncode == 0
    # The row is tried, its shard fetched for it; it is broken still.
    assert "Starting download..." in again.stderr
    assert entry(project.run("status", name, "--json").stdout)["failed_rows"] == 1
    plain = project.run("local-sync", "requests/add/request.yaml", LOG_LEVEL="INFO")
    assert "Starting download..." not in plain.stderr


def test_retry_of_a_name_that_nobody_asks_for_names_the_nearest(project: Project, hub: LoopbackHub):
    project.request("retry/known")
    wrong = project.run("retry", name_of("retry/knwon"))
    assert wrong.returncode == 2
    assert name_of("retry/known") in wrong.stderr


def test_a_plan_stays_at_its_commit_until_it_is_updated(project: Project, hub: LoopbackHub):
    first = publish_speech(hub, "update/plan", rows=4, shards=2, seconds=0.2)
    request = project.request("update/plan")
    project.run("local-sync", request)
    second = hub.publish("update/plan", {"NOTES.md": b"more words"})
    assert entry(project.run("plan", request, "--json").stdout)["commit"] == first
    moved = entry(project.run("plan", request, "--update", "--json").stdout)
    assert (moved["commit"], moved["state"]) == (second, "planned")
    dry = entry(project.run("local-sync", request, "--dry-run", "--json").stdout)
    assert (dry["fetch_files"], dry["missing_rows"], dry["reused_rows"]) == (0, 0, 4)
    assert entry(project.run("local-sync", request, "--json").stdout)["new_rows"] == 0
    manifest = json.loads(project.dataset(name_of("update/plan")).manifest.read_text())
    assert manifest["commit"] == second


def test_the_exit_code_of_a_plan_tells_whether_there_is_something_to_make(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "update/code", rows=2, shards=1, seconds=0.2)
    request = project.request("update/code")
    assert project.run("plan", request, "--exit-code").returncode == 3
    assert project.run("plan", request).returncode == 0
    project.run("local-sync", request)
    assert project.run("plan", request, "--exit-code").returncode == 0
    # So does what the next sync brings to rows that are made.
    for line, pending in (('keep: "row > 0"', ["keep"]), ("exports: [kaldi]", ["exports"])):
        request = project.request("update/code", line)
        planned = project.run("plan", request, "--exit-code", "--json")
        assert (planned.returncode, entry(planned.stdout)["pending"]) == (3, pending)
    steps = "flows: [{name: a, flow: my_flows.A}]"
    planned = project.run("plan", project.request("update/code", steps), "--exit-code", "--json")
    assert (planned.returncode, entry(planned.stdout)["pending"]) == (3, ["flows"])


def test_a_plan_tells_that_the_code_of_a_step_has_changed(project: Project, hub: LoopbackHub):
    publish_speech(hub, "update/steps", rows=2, shards=1, seconds=0.2)
    code = project.root / "own.py"
    code.write_text(
        "from hugflow.flows import AtomicFlow\n"
        "class A(AtomicFlow):\n    def run(self, data):\n        return {'upper': data['text'].upper()}\n"
    )
    step = "flows: [{name: a, flow: own.A, rows: {in: [text], out: [upper]}}]"
    request = project.request("update/steps", step)
    made = project.run("local-sync", request)
    assert made.returncode == 0, made.stderr
    planned = project.run("plan", request, "--exit-code", "--json")
    assert (planned.returncode, entry(planned.stdout)["pending"]) == (0, [])
    code.write_text(code.read_text().replace("upper()", "lower()"))
    planned = project.run("plan", request, "--exit-code", "--json")
    assert (planned.returncode, entry(planned.stdout)["pending"]) == (3, ["flows"])
    project.run("local-sync", request)
    assert project.run("plan", request, "--exit-code").returncode == 0
    # What cannot be read is told by the next sync.
    code.unlink()
    assert project.run("plan", request).returncode == 0


def test_nothing_is_pending_of_a_text_only_dataset_that_is_complete(
    project: Project, hub: LoopbackHub
):
    publish_text(hub, "update/text", rows=2, shards=1)
    request = project.request("update/text", 'keep: "row > 0"', "exports: [nemo, croissant]")
    project.run("local-sync", request)
    planned = project.run("plan", request, "--exit-code", "--json")
    assert (planned.returncode, entry(planned.stdout)["pending"]) == (0, [])


def test_a_plan_tells_the_hours_of_a_dataset_that_is_made_and_the_words_of_status(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "plan/hours", rows=4, shards=2, seconds=2)
    request = project.request("plan/hours")
    planned = entry(project.run("plan", request, "--json").stdout)
    assert (planned["hours"], planned["estimate"]["basis"]) == (0.002, "sampled")
    assert "about 0.002 (0.002 to 0.002, by 4 rows)" in project.run("plan", request).stdout
    project.run("local-sync", request)
    status = entry(project.run("status", name_of("plan/hours"), "--json").stdout)
    made = entry(project.run("plan", request, "--json").stdout)
    for field in ("state", "hours", "total_rows", "commit"):
        assert made[field] == status[field]
    assert (made["total_rows"], made["source_bytes"]) == (made["rows"], made["bytes"])
    assert made["estimate"]["basis"] == "measured"
    other = project.request("plan/hours", "mp3_source: reencode")
    assert entry(project.run("plan", other, "--json").stdout)["estimate"]["basis"] == "sampled"


@pytest.mark.slow
def test_a_plan_waits_for_whoever_is_at_work(project: Project, hub: LoopbackHub):
    publish_speech(hub, "plan/wait", rows=2, shards=1, seconds=0.2)
    request = project.request("plan/wait")
    name = name_of("plan/wait")
    with hold(project.places.dataset_lock(name), "the dataset"):
        waiting = project.start("plan", request, "--json", "--wait", "60")
        # Longer than every command waits by itself.
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(12)
    output, talk = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, talk
    assert entry(output)["state"] == "planned"


def test_what_cannot_be_carried_out_is_told_with_its_name_once_that_is_known(
    project: Project, hub: LoopbackHub
):
    missing = project.request("failed/missing", name="missing")
    unread = project.request("failed--unread", name="unread")
    for command in ("plan", "local-sync"):
        for file, name in ((missing, name_of("failed/missing")), (unread, None)):
            done = project.run(command, file, "--json")
            told = entry(done.stdout)
            assert (told["name"], told["request"]) == (name, str(file))
            assert (told["state"], told["exit_code"]) == ("failed", done.returncode)


def test_a_quota_that_is_used_up_ends_with_6_and_more_room_completes(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "quota/full", rows=8, shards=2, seconds=1)
    request = project.request("quota/full")
    full = project.run("local-sync", request, STORAGE_QUOTA_GB="0.00005")
    assert full.returncode == 6
    assert "STORAGE_QUOTA_GB" in full.stderr
    folder = project.dataset(name_of("quota/full"))
    size = sum(path.stat().st_size for path in folder.root.rglob("*.mp3"))
    assert size <= 50_000
    done = entry(project.run("local-sync", request, "--json", STORAGE_QUOTA_GB="1").stdout)
    assert (done["rows"], done["state"]) == (8, "completed")


def test_a_watched_status_is_shown_again_when_it_changes_and_ends_quietly(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "watch/me", rows=2, shards=1, seconds=0.2)
    request = project.request("watch/me")
    watching = project.start("status", "--watch", "--json")
    assert watching.stdout is not None
    first = entry(watching.stdout.readline())
    assert first["state"] == "pending"
    project.run("local-sync", request)
    second = entry(watching.stdout.readline())
    assert second["state"] in {"planned", "downloading", "completed"}
    time.sleep(0.2)
    watching.send_signal(signal.SIGINT)
    _, talk = watching.communicate(timeout=20)
    assert (watching.returncode, talk) == (0, "")


def test_status_tells_of_requests_that_are_refused(project: Project, hub: LoopbackHub):
    publish_speech(hub, "status/good", rows=2, shards=1, seconds=0.2)
    project.request("status/good")
    project.request("status--bad", name="bad")
    told = project.run("status")
    assert told.returncode == 0
    assert "requests/add/bad.yaml" in told.stderr
    refused = json.loads(project.run("status", "--json").stdout)["refused"]
    assert [problem["request"] for problem in refused] == ["requests/add/bad.yaml"]


def test_status_shows_bytes_and_hours_of_what_is_made_so_far(project: Project, hub: LoopbackHub):
    publish_speech(hub, "status/half", rows=6, shards=2, seconds=1, broken_rows={4: JUNK, 5: JUNK})
    assert project.run("local-sync", project.request("status/half")).returncode == 9
    status = entry(project.run("status", name_of("status/half"), "--json").stdout)
    assert (status["state"], status["rows"], status["failed_rows"]) == ("failed", 4, 2)
    mp3s = project.dataset(name_of("status/half")).audio.glob("*.mp3")
    assert int(str(status["bytes"])) > sum(path.stat().st_size for path in mp3s)
    assert status["hours"] == round(4 / 3600, 3)
    assert Path(str(status["location"])).is_dir()


def test_while_a_removal_stands_its_dataset_is_not_made(project: Project, hub: LoopbackHub):
    publish_speech(hub, "removal/stands", rows=2, shards=1, seconds=0.2)
    request = project.request("removal/stands")
    removal = project.root / "requests" / "remove" / "gone.yaml"
    removal.parent.mkdir(parents=True)
    removal.write_text('hf_id: "removal/stands"\nreason: "No longer needed"\n')
    for command in (
        ("local-sync", request),
        ("plan", request),
        ("retry", name_of("removal/stands")),
    ):
        refused = project.run(*command)
        assert refused.returncode == 4
        assert "requests/remove/gone.yaml" in refused.stderr
    assert not project.places.storage_root.exists()
    removal.unlink()
    assert project.run("local-sync", request).returncode == 0


def test_a_tree_that_has_gone_has_no_rows(project: Project, hub: LoopbackHub):
    publish_speech(hub, "status/gone", rows=2, shards=1, seconds=0.2)
    project.run("local-sync", project.request("status/gone"))
    name = name_of("status/gone")
    shutil.rmtree(project.dataset(name).root)
    status = entry(project.run("status", name, "--json").stdout)
    assert (status["state"], status["rows"], status["bytes"]) == ("incomplete", 0, 0)


def test_status_tells_what_the_last_run_ended_with(project: Project, hub: LoopbackHub):
    publish_speech(hub, "status/why", rows=2, shards=1, seconds=0.2, broken_rows={0: JUNK, 1: JUNK})
    project.run("local-sync", project.request("status/why"))
    told = project.run("status", name_of("status/why")).stdout
    assert "Audio column exists but no audio files extracted" in told
    assert "fix: set audio_column" in told


def test_while_an_update_waits_status_says_what_is_published(project: Project, hub: LoopbackHub):
    first = publish_speech(hub, "status/update", rows=2, shards=1, seconds=0.2)
    request = project.request("status/update")
    project.run("local-sync", request)
    hub.publish("status/update", {"NOTES.md": b"later"})
    project.run("plan", request, "--update")
    status = entry(project.run("status", name_of("status/update"), "--json").stdout)
    assert (status["state"], status["published_commit"]) == ("planned", first)
    assert "stays in place until this is complete" in project.run("status").stdout


@pytest.mark.parametrize(
    "command", [("status", "nobody"), ("retry", "nobody"), ("verify", "nobody"), ("undo", "nobody")]
)
def test_a_command_that_fails_answers_in_json_where_json_is_asked_for(
    project: Project, command: tuple[str, str]
):
    failed = project.run(*command, "--json")
    answer = json.loads(failed.stdout)
    assert failed.returncode == 2
    assert (answer["datasets"], answer["exit_code"]) == ([], 2)
    assert "nobody" in answer["error"]["what"]
