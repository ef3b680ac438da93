"""A plan that was agreed to: what it says, what is held to it, and what came of it."""

import json

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from tests.projects import Project


def plan_of(project: Project, request: object, *options: str) -> dict[str, object]:
    told = project.run("plan", str(request), "--json", *options)
    assert told.returncode == 0, told.stderr
    (dataset,) = json.loads(told.stdout)["datasets"]
    assert isinstance(dataset, dict)
    return dataset


def test_a_plan_tells_hours_bytes_files_disk_and_time_as_sampled(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "plan/words", rows=20, shards=2, seconds=0.9)
    told = project.run("plan", project.request("plan/words"))
    assert told.returncode == 0
    for word in (", by 16 rows", "MP3 ", "disk needed ", "at its peak", "encoding "):
        assert word in told.stdout
    assert "quota left" not in told.stdout


def test_a_plan_names_the_expression_by_which_rows_are_left_out(project: Project, hub: LoopbackHub):
    publish_text(hub, "plan/keep", rows=3)
    request = project.request("plan/keep", "keep: row > 1")
    told = project.run("plan", request, "--no-sample").stdout
    assert "keep         row > 1 (rows that do not meet it are left out)\n" in told
    assert plan_of(project, request, "--no-sample")["keep"] == "row > 1"
    assert "keep " not in project.run("plan", project.request("plan/keep"), "--no-sample").stdout


def test_another_layout_is_shown_and_not_recorded(project: Project, hub: LoopbackHub):
    clip = {"train/a.wav": b"RIFF", "train/b.wav": b"RIFF"}
    hub.publish("plan/layouts", {**clip, "train.csv": b"path,text\ntrain/a.wav,one\n"})
    request = project.request("plan/layouts")
    shown = plan_of(project, request, "--layout", "table")
    assert (shown["state"], shown["total_rows"]) == ("previewed", 1)
    assert "source: {layout: table}" in str(shown["warnings"])
    planned = plan_of(project, request, "--no-sample")
    assert (planned["total_rows"], planned["requests"]) == (2, 2)
    refused = project.run("plan", request, "--layout", "tabel")
    assert refused.returncode == 2
    assert "table, table_archives" in refused.stderr


def test_the_quota_is_told_where_there_is_one(project: Project, hub: LoopbackHub):
    publish_text(hub, "plan/quota", rows=3)
    told = project.run("plan", project.request("plan/quota"), STORAGE_QUOTA_GB="2")
    assert "quota left   2.0 GB" in told.stdout


def test_of_a_complete_dataset_nothing_more_is_needed(project: Project, hub: LoopbackHub):
    publish_speech(hub, "plan/complete", rows=4, seconds=0.2)
    request = project.request("plan/complete")
    assert project.run("local-sync", request).returncode == 0
    told = project.run("plan", request)
    assert "disk needed  none: it is complete\n" in told.stdout
    assert "encoding" not in told.stdout


def test_nothing_is_sampled_where_nobody_wants_it(project: Project, hub: LoopbackHub):
    publish_speech(hub, "plan/quick", rows=20, seconds=0.2)
    dataset = plan_of(project, project.request("plan/quick"), "--no-sample")
    assert (dataset["estimate"], dataset["hours"]) == (None, None)


def test_what_was_agreed_to_is_made_and_held_against_the_plan(project: Project, hub: LoopbackHub):
    publish_speech(hub, "plan/agreed", rows=20, shards=2, seconds=0.9)
    request = project.request("plan/agreed")
    digest = str(plan_of(project, request)["digest"])
    made = project.run("local-sync", request, "--plan", digest)
    assert made.returncode == 0
    lines = {line.split()[0]: line.split()[1:] for line in made.stdout.splitlines() if line}
    assert lines["planned"] == ["made"]
    assert lines["rows"] == ["20", "20"]
    assert lines["hours"] == ["0.005", "0.005"]
    again = json.loads(project.run("local-sync", request, "--plan", digest, "--json").stdout)
    (dataset,) = again["datasets"]
    assert dataset["planned"]["rows"] == dataset["actual"]["rows"] == 20
    assert dataset["was_complete"]


def test_a_request_that_moved_since_is_refused_and_nothing_is_made(
    project: Project, hub: LoopbackHub
):
    publish_text(hub, "plan/edited", rows=3)
    request = project.request("plan/edited")
    digest = str(plan_of(project, request)["digest"])
    project.request("plan/edited", "max_bad_rows: 2")
    refused = project.run("local-sync", request, "--plan", digest)
    assert refused.returncode == 10
    assert digest in refused.stderr
    assert "fix:" in refused.stderr
    assert not project.dataset("plan__edited__split_train__rev_main").root.exists()


def test_a_commit_that_moved_since_is_refused(project: Project, hub: LoopbackHub):
    publish_text(hub, "plan/moved", rows=3)
    request = project.request("plan/moved")
    digest = str(plan_of(project, request)["digest"])
    publish_text(hub, "plan/moved", rows=4)
    # The plan that was recorded holds its commit, whatever becomes of the branch.
    assert project.run("local-sync", request, "--plan", digest, "--dry-run").returncode == 2
    moved = str(plan_of(project, request, "--update")["digest"])
    assert moved != digest
    assert project.run("local-sync", request, "--plan", digest).returncode == 10
    assert project.run("local-sync", request, "--plan", moved).returncode == 0


def test_where_the_recorded_plan_is_lost_the_commit_of_now_has_to_be_the_one_agreed_to(
    project: Project, hub: LoopbackHub
):
    publish_text(hub, "plan/lost", rows=3)
    request = project.request("plan/lost")
    digest = str(plan_of(project, request)["digest"])
    publish_text(hub, "plan/lost", rows=4)
    assert (
        project.run("local-sync", request, "--plan", digest, STATE_DIR="./other").returncode == 10
    )
    assert not list((project.root / "other").rglob("plans/*/*.json"))
