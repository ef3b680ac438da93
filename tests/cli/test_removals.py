"""`hugflow remove` and `hugflow undo`, as their users meet them."""

import json
import os
import pty
import subprocess
import time
from pathlib import Path

import pytest

from hugflow.requests.model import AddRequest
from hugflow.stages.standing.removal_records import is_held_back
from hugflow.store.locks import hold
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.projects import HUGFLOW, Project
from tests.terminal import plain, watch_terminal


@pytest.fixture
def name(project: Project, hub: LoopbackHub, request: pytest.FixtureRequest) -> str:
    """A complete dataset, asked for by requests/add/request.yaml; its name."""
    hf_id = f"cli/{request.node.originalname[5:80].strip('_')}"
    publish_text(hub, hf_id, rows=3, shards=1)
    done = project.run("local-sync", project.request(hf_id), "--no-report")
    assert done.returncode == 0, done.stderr
    return f"{hf_id.replace('/', '__')}__split_train__rev_main"


ADD = "requests/add/request.yaml"


def removal(project: Project, name: str, *lines: str) -> Path:
    """Write a removal request for a dataset."""
    path = project.root / "requests" / "remove" / "gone.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    hf_id = name.split("__split")[0].replace("__", "/", 1)
    path.write_text("\n".join((f"hf_id: {hf_id}", "reason: replaced with v2", *lines)) + "\n")
    return path.relative_to(project.root)


def entries(done: "subprocess.CompletedProcess[str]") -> list[dict[str, object]]:
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    datasets: list[dict[str, object]] = answer["datasets"]
    return datasets


def test_a_dataset_goes_by_its_add_file_and_comes_back_by_its_name(project: Project, name: str):
    gone = project.run("remove", ADD, "--yes")
    assert gone.returncode == 0, gone.stderr
    assert gone.stdout.startswith(f"removed {name}: 7 files")
    assert f"hugflow undo {name}" in gone.stderr
    assert not project.places.link(name).is_symlink()
    assert not project.dataset(name).root.exists()
    assert json.loads(project.run("status", "--json").stdout)["datasets"][0]["state"] == "removed"
    back = project.run("undo", name)
    assert back.returncode == 0, back.stderr
    assert back.stdout == f"{project.places.link(name)} -> {project.dataset(name).root}\n"
    assert json.loads(project.run("status", "--json").stdout)["datasets"][0]["state"] == "completed"


def test_a_dataset_goes_by_a_removal_request_with_its_reason(project: Project, name: str):
    file = removal(project, name)
    [entry] = entries(project.run("remove", file, "--yes", "--json"))
    assert (entry["name"], entry["request"], entry["state"]) == (name, str(file), "removed")
    assert (entry["rows"], entry["files"]) == (3, 7)
    [listed] = entries(project.run("undo", "--json"))
    assert (listed["name"], listed["reason"]) == (name, "replaced with v2")
    assert listed["by"]


def test_what_is_removed_stays_removed_for_the_request_that_stood(project: Project, name: str):
    project.run("remove", removal(project, name), "--yes")
    (hf_id,) = [
        line.split('"')[1]
        for line in (project.root / ADD).read_text().splitlines()
        if "hf_id" in line
    ]
    assert is_held_back(project.places, AddRequest(hf_id=hf_id, description="A test"))
    assert not is_held_back(project.places, AddRequest(hf_id=hf_id, description="Another"))


def test_syncing_a_removed_dataset_makes_it_again(project: Project, name: str):
    project.run("remove", ADD, "--yes")
    again = project.run("local-sync", ADD, "--no-report")
    assert again.returncode == 0, again.stderr
    assert "3 rows, 3 of them new" in again.stdout
    assert not project.places.removed(name).exists()


def test_a_dry_run_shows_what_would_go_and_removes_nothing(project: Project, name: str):
    done = project.run("remove", ADD, "--dry-run")
    assert done.returncode == 0
    for shown in (name, str(project.dataset(name).root), str(project.places.link(name)), "7, "):
        assert shown in done.stdout
    [entry] = entries(project.run("remove", ADD, "--dry-run", "--json"))
    assert (entry["state"], entry["dry_run"], entry["uses"]) == ("completed", True, [])
    assert project.places.link(name).is_symlink()
    assert not project.places.trash.exists()


def test_without_a_terminal_nobody_can_agree_and_nothing_goes(project: Project, name: str):
    done = project.run("remove", ADD)
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert name in done.stderr
    assert project.places.link(name).is_symlink()


@pytest.mark.parametrize(
    ("answer", "code", "is_gone"), [("y", 0, True), ("n", 1, False), ("", 1, False)]
)
def test_on_a_terminal_a_person_is_asked(
    project: Project, name: str, answer: str, code: int, is_gone: bool
):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(HUGFLOW), "remove", ADD],
        cwd=project.root,
        env=project.environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(ours, f"{answer}\n".encode())
    output, talk = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == code, talk
    assert f"Remove {name}?" in talk
    assert ("removed" in output) is is_gone
    assert project.dataset(name).root.exists() is not is_gone


def test_a_dataset_without_a_request_file_goes_by_its_name(project: Project, name: str):
    (project.root / ADD).unlink()
    cut = project.run("remove", name[:-3], "--yes")
    assert (cut.returncode, project.dataset(name).root.exists()) == (2, True)
    assert name in cut.stderr
    [entry] = entries(project.run("remove", name, "--yes", "--json"))
    assert (entry["name"], entry["state"], entry["request"]) == (name, "removed", None)
    assert not project.dataset(name).root.exists()
    assert project.run("remove", name).stdout == f"nothing to remove: {name} is not stored here\n"
    assert project.run("undo", name).returncode == 0


def test_a_failed_dataset_goes_by_its_hf_id(project: Project, hub: LoopbackHub):
    publish_text(hub, "cli/fails", rows=3, shards=1)
    file = project.request("cli/fails")
    failed = project.run("local-sync", file, "--no-report", STORAGE_QUOTA_GB="0.000000001")
    assert failed.returncode == 6
    name = "cli__fails__split_train__rev_main"
    gone = project.run("remove", "cli/fails", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert name in gone.stdout


def test_who_ends_it_at_the_question_is_told_that_nothing_was_changed(project: Project, name: str):
    shown = [plain(line) for _, line in watch_terminal(project, ["remove", ADD], answers="\x04")]
    assert shown[-1] == "stopped; nothing was changed"
    assert any("Remove" in line for line in shown[:-1])
    assert project.dataset(name).root.exists()


def test_a_name_that_nothing_has_is_told_with_the_nearest(project: Project, name: str):
    done = project.run("remove", f"{name}x", "--yes")
    assert done.returncode == 2
    assert "cannot be read" not in done.stderr
    assert name in done.stderr.replace(f"{name}x", "")


@pytest.mark.parametrize("json_flag", [[], ["--json"]])
def test_what_is_not_stored_is_nothing_to_remove(project: Project, json_flag: list[str]):
    files = [project.request("acme/none"), removal(project, "acme__none__split_train")]
    for file in files:
        done = project.run("remove", file, *json_flag)
        assert done.returncode == 0, done.stderr
        assert ("nothing to remove" in done.stdout) is not bool(json_flag)
        assert "yaml is not stored" not in done.stdout
        if json_flag:
            assert [entry["request"] for entry in entries(done)] == [str(file)]


def test_a_slip_in_the_name_of_an_undo_is_told_with_what_is_in_the_trash(
    project: Project, name: str
):
    project.run("remove", ADD, "--yes")
    done = project.run("undo", name.replace("split", "splt"))
    assert done.returncode == 2
    assert f"did you mean {name}?" in done.stderr


def test_what_is_there_is_nothing_to_bring_back(project: Project, name: str):
    done = project.run("undo", name)
    assert done.returncode == 1
    assert "the trash is empty" in done.stderr


def test_a_removal_that_fails_is_told_with_the_name_of_its_dataset(project: Project, name: str):
    (project.root / "processed" / "alias").symlink_to(project.dataset(name).root)
    done = project.run("remove", ADD, "--yes", "--json")
    [entry] = entries(done)
    assert done.returncode == entry["exit_code"] == 1
    assert (entry["name"], entry["state"]) == (name, "failed")


def test_samples_go_and_come_with_their_dataset(project: Project, name: str):
    assert project.run("local-sync", ADD, "--limit", "2").returncode == 0
    sample = project.places.sample(name, 2)
    project.run("remove", ADD, "--yes")
    assert not sample.root.exists()
    assert project.run("undo", name).returncode == 0
    assert sample.manifest.is_file()


def test_removing_twice_is_nothing_to_do(project: Project, name: str):
    project.run("remove", ADD, "--yes")
    again = project.run("remove", ADD, "--yes")
    assert again.returncode == 0
    assert "nothing to remove" in again.stdout


def test_a_removal_that_may_mean_several_datasets_names_them_and_ends_with_4(
    project: Project, hub: LoopbackHub
):
    publish_text(hub, "cli/several", rows=2, shards=1)
    names = []
    for revision in ("main", "v2"):
        if revision != "main":
            publish_text(hub, "cli/several", rows=2, shards=1, branch=revision)
        file = project.request("cli/several", f"revision: {revision}", name=revision)
        assert project.run("local-sync", file, "--no-report").returncode == 0
        names.append(f"cli__several__split_train__rev_{revision}")
    done = project.run("remove", removal(project, names[0]), "--yes", "--json")
    assert done.returncode == 4
    assert all(name in done.stderr for name in names)
    [entry] = entries(done)
    assert (entry["state"], entry["exit_code"]) == ("failed", 4)
    assert all(project.dataset(name).root.is_dir() for name in names)
    one = project.run("remove", removal(project, names[0], "revision: v2"), "--yes")
    assert one.returncode == 0
    assert [project.dataset(name).root.is_dir() for name in names] == [True, False]


def test_a_bad_request_is_told_as_validate_tells_it(project: Project):
    path = removal(project, "acme__speech")
    (project.root / path).write_text("hf_id: acme/speech\nrevison: v2\n")
    removed, validated = project.run("remove", path, "--yes"), project.run("validate", path)
    assert removed.returncode == validated.returncode == 4
    for line in validated.stderr.splitlines()[:1]:
        assert line.split(": ", 1)[1] in removed.stderr


def test_while_somebody_is_at_work_it_ends_with_8_or_waits_when_told_to(
    project: Project, name: str
):
    lock = project.places.state_dir / "locks" / name / "00000-of-00001.lock"
    with hold(lock, "the shard"):
        began = time.monotonic()
        done = project.run("remove", ADD, "--yes")
        assert done.returncode == 8
        assert f"process {os.getpid()}" in done.stderr
        assert time.monotonic() - began < 9
        waiting = project.start("remove", ADD, "--yes", "--wait", "60")
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(3)
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0


def test_a_dataset_in_use_is_refused_with_what_uses_it(project: Project, name: str):
    alias = project.places.processed_root / "best"
    alias.symlink_to(project.places.link(name))
    for flag in ("--yes", "--dry-run"):
        done = project.run("remove", ADD, flag)
        assert done.returncode == 1
        assert str(alias) in done.stderr
        assert "fix:" in done.stderr
    assert project.places.link(name).is_symlink()


def test_a_folder_that_is_not_ours_is_refused_and_left(project: Project):
    file = project.request("acme/mine")
    folder = project.dataset("acme__mine__split_train__rev_main").root
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("years of work")
    done = project.run("remove", file, "--yes")
    assert done.returncode == 1
    assert str(folder) in done.stderr
    assert (folder / "thesis.txt").read_text() == "years of work"


def test_an_undo_with_nothing_to_bring_back_says_what_the_trash_holds(project: Project, name: str):
    empty = project.run("undo", "nobody")
    assert empty.returncode == 2
    assert "the trash is empty" in empty.stderr
    assert project.run("undo").stdout == "the trash is empty\n"
    project.run("remove", ADD, "--yes")
    other = project.run("undo", "../../nobody")
    assert other.returncode == 2
    assert name in other.stderr
    table = project.run("undo").stdout.splitlines()
    assert table[0].startswith("DATASET")
    assert table[1].startswith(name)


def test_an_undo_over_something_that_stands_there_is_refused(project: Project, name: str):
    project.run("remove", ADD, "--yes")
    project.run("local-sync", ADD, "--no-report")
    done = project.run("undo", name)
    assert done.returncode == 1
    assert "is in its place" in done.stderr


def test_what_has_lain_in_the_trash_for_a_week_is_deleted_by_the_next_call(
    project: Project, name: str, hub: LoopbackHub
):
    project.run("remove", ADD, "--yes")
    (entry,) = project.places.trash.iterdir()
    told = json.loads((entry / "entry.json").read_text())
    told["removed_at"] = "2020-01-01T00:00:00+00:00"
    (entry / "entry.json").write_text(json.dumps(told))
    publish_text(hub, "cli/next", rows=1, shards=1)
    file = project.request("cli/next", name="next")
    project.run("plan", file)
    done = project.run("remove", file, "--yes")
    assert f"deleted for good: {name}, removed on 2020-01-01" in done.stderr
    assert not entry.exists()
    status = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert {each["name"]: each["state"] for each in status}[name] == "removed"
