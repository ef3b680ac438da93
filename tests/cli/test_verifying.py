"""`hugflow verify` and `hugflow why`, as their users meet them."""

import json

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from tests.projects import Project

ADD = "requests/add/request.yaml"


@pytest.fixture
def name(project: Project, hub: LoopbackHub, request: pytest.FixtureRequest) -> str:
    """A complete dataset of four clips, asked for by requests/add/request.yaml; its name."""
    hf_id = f"cli/{request.node.originalname[5:80].strip('_')}"
    publish_speech(
        hub,
        hf_id,
        rows=4,
        shards=1,
        seconds=0.2,
        with_filenames=False,
        broken_rows={3: b"junk"},
    )
    done = project.run("local-sync", project.request(hf_id), "--no-report")
    assert done.returncode == 0, done.stderr
    return f"{hf_id.replace('/', '__')}__split_train__rev_main"


def test_a_dataset_that_is_well_ends_with_0_and_a_line(project: Project, name: str):
    for flags in ([], ["--deep"], [name, "--deep"]):
        done = project.run("verify", *flags)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{name}: no difference, 3 rows looked at, completed\n"


def test_differences_end_with_3_and_name_file_code_and_mend(project: Project, name: str):
    mp3, row = project.dataset(name).audio / "1.mp3", project.dataset(name).json / "0.json"
    mp3.unlink()
    row.write_bytes(b"x" * row.stat().st_size)
    done = project.run("verify", name, "--deep")
    assert done.returncode == 3
    assert f"{row} (row 0): json_unreadable" in done.stdout
    assert f"{mp3} (row 1): mp3_missing" in done.stdout
    assert f"{name}: 2 differences" in done.stdout
    assert f"hugflow drift {name} --fix" in done.stderr
    assert "local-sync" not in done.stderr
    fixed = project.run("drift", name, "--fix")
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    assert project.run("verify", "--deep").returncode == 0


def test_a_dataset_of_which_there_is_nothing_yet_is_not_said_to_have_no_difference(
    project: Project,
):
    project.request("cli/waits")
    done = project.run("verify")
    told = "cli__waits__split_train__rev_main: the dataset is pending, so nothing was looked at"
    assert (done.returncode, done.stdout) == (0, f"{told}\n")


def test_differences_as_json_carry_dataset_row_path_code_and_message(project: Project, name: str):
    path = project.dataset(name).json / "2.json"
    path.unlink()
    done = project.run("verify", "--json")
    assert done.returncode == 3
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    assert answer["differences"] == [
        {
            "dataset": name,
            "row": 2,
            "path": str(path),
            "code": "json_missing",
            "message": "it is missing",
        }
    ]
    [entry] = answer["datasets"]
    assert (entry["name"], entry["request"], entry["state"]) == (name, ADD, "completed")
    assert (entry["differences"], entry["rows_checked"]) == (1, 3)


def test_one_dataset_that_differs_hides_no_other(project: Project, name: str, hub: LoopbackHub):
    publish_text(hub, "cli/well", rows=2, shards=1)
    project.run("local-sync", project.request("cli/well", name="well"), "--no-report")
    project.places.link(name).unlink()
    done = project.run("verify")
    assert done.returncode == 3
    assert "link_missing" in done.stdout
    assert "cli__well__split_train__rev_main: no difference" in done.stdout
    assert project.run("verify", "cli__well__split_train__rev_main").returncode == 0


def test_nothing_stored_is_nothing_to_compare(project: Project):
    assert project.run("verify").returncode == 0
    project.request("acme/later")
    done = project.run("verify")
    assert done.returncode == 0
    assert "pending" in done.stdout


def test_a_name_that_is_none_is_a_wrong_call(project: Project):
    done = project.run("verify", "nobody")
    assert done.returncode == 2
    assert "hugflow status" in done.stderr


@pytest.mark.parametrize(
    "asked", ["acme__spech__split_train__rev_main", "acme/speech__split_train__rev_main"]
)
def test_a_slip_in_a_name_is_told_with_the_nearest(project: Project, asked: str):
    project.request("acme/speech")
    for command in ("verify", "status", "undo"):
        done = project.run(command, asked)
        assert done.returncode == 2
        assert "did you mean acme__speech__split_train__rev_main?" in done.stderr


def test_a_dataset_is_named_by_its_hf_id_its_request_or_the_beginning_of_its_name(
    project: Project, name: str
):
    hf_id = name.split("__split_")[0].replace("__", "/")
    for asked in (hf_id, ADD, name[:-12]):
        assert project.run("verify", asked).stdout.startswith(f"{name}: no difference")
        [entry] = json.loads(project.run("status", asked, "--json").stdout)["datasets"]
        assert entry["name"] == name
    assert "sampling rates" in project.run("status", hf_id).stdout
    assert project.run("drift", hf_id).stdout.startswith(f"{name}: ")
    exported = project.run("export", hf_id, "--to", "nemo")
    assert exported.stdout == f"{name}-nemo/nemo.jsonl\n"
    retried = json.loads(project.run("retry", hf_id, "--no-report", "--json").stdout)
    assert retried["datasets"][0]["name"] == name
    assert project.run("remove", ADD, "--yes").returncode == 0
    assert project.run("undo", hf_id).returncode == 0
    assert project.run("status", hf_id).returncode == 0


@pytest.mark.parametrize("command", ["verify", "status", "drift", "retry"])
def test_an_hf_id_of_two_datasets_is_refused_with_both_names(project: Project, command: str):
    project.request("acme/speech", name="one")
    project.request("acme/speech", 'split: "test"', name="two")
    project.request("acme/speech-2", name="other")
    done = project.run(command, "acme/speech")
    assert done.returncode == 2
    assert "'acme/speech' fits 2 datasets" in done.stderr
    for split in ("test", "train"):
        assert f"acme__speech__split_{split}__rev_main" in done.stderr


def test_why_tells_of_a_file_by_its_path_from_where_one_stands(project: Project, name: str):
    done = project.run("why", f"datasets/{name}/audio/2.mp3")
    assert done.returncode == 0, done.stderr
    fields = {line[:20].strip(): line[20:].strip() for line in done.stdout.splitlines()}
    assert fields["dataset"] == name
    assert fields["request"] == ADD
    assert fields["row"] == "2"
    assert fields["treatment"] == "encoded"


def test_why_as_json_has_every_field_in_its_entry(project: Project, name: str):
    done = project.run("why", f"processed/{name}/json/1.json", "--json")
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    [entry] = answer["datasets"]
    assert (entry["name"], entry["request"], entry["state"]) == (name, ADD, "completed")
    assert (entry["row"], entry["published_row"], entry["row_state"]) == (1, 1, "made")
    assert entry["published_file"].startswith("data/train-00000")


@pytest.mark.parametrize("way", ["#3", "json/3.json", "audio/3.mp3"])
def test_why_tells_the_reason_of_a_row_that_failed(project: Project, name: str, way: str):
    asked = f"{name}#3" if way == "#3" else f"datasets/{name}/{way}"
    done = project.run("why", asked)
    assert done.returncode == 0, done.stderr
    assert "failed" in done.stdout
    assert "audio_unsupported" in done.stdout


def test_why_of_a_path_that_belongs_to_nothing_says_how_to_ask(project: Project, name: str):
    outside = project.run("why", "requests/add/nobody.txt")
    assert outside.returncode == 2
    assert "fix:" in outside.stderr
    stranger = project.dataset(name).root / "mine.txt"
    stranger.write_text("mine")
    inside = project.run("why", stranger)
    assert inside.returncode == 1
    assert "hugflow verify" in inside.stderr
