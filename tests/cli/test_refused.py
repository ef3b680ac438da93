"""A command that is given a refused request says why it is refused, never that it is unknown."""

import json

import pytest

from hugflow.errors import UsageWrong
from hugflow.requests.collect import collect_requests
from hugflow.requests.refused import collect_refused, find_refused
from tests.projects import Project

BAD = "acme__bad__split_train__rev_main"
COMMANDS = ("why", "logs", "open", "verify", "plan", "validate", "local-sync", "retry", "drift")


@pytest.fixture
def refusing(project: Project) -> Project:
    """A project with a bad field, a conflict and a shadowed request."""
    project.request("acme/bad", 'sbset: "x"', name="bad")
    project.request("acme/twice", name="one")
    project.request("acme/twice", "max_bad_rows: 3", name="two")
    project.request("acme/gone", name="gone")
    removal = project.root / "requests" / "remove" / "gone.yaml"
    removal.parent.mkdir()
    removal.write_text('hf_id: "acme/gone"\nreason: "A test"\n')
    return project


@pytest.mark.parametrize("wanted", ["requests/add/bad.yaml", "acme/bad", BAD, "acme__b"])
def test_status_of_a_refused_request_shows_what_why_and_fix(refusing: Project, wanted: str):
    told = refusing.run("status", wanted)
    assert told.returncode == 0
    assert "requests/add/bad.yaml:3: sbset" in told.stdout
    assert "why:" in told.stdout
    assert '"subset"' in told.stdout
    answer = json.loads(refusing.run("status", wanted, "--json").stdout)
    assert answer["datasets"] == []
    [entry] = answer["refused"]
    assert (entry["request"], entry["note"]) == ("requests/add/bad.yaml", "refused")
    assert entry["what"]
    assert entry["why"]
    assert entry["mend"]


def test_status_of_a_conflict_shows_one_file_or_all_files_of_the_dataset(refusing: Project):
    def refused(wanted: str) -> list[str]:
        done = refusing.run("status", wanted, "--json")
        return [entry["request"] for entry in json.loads(done.stdout)["refused"]]

    assert refused("requests/add/two.yaml") == ["requests/add/two.yaml"]
    assert refused("acme/twice") == ["requests/add/one.yaml", "requests/add/two.yaml"]


def test_status_of_a_shadowed_request_names_the_removal(refusing: Project):
    told = refusing.run("status", "acme/gone")
    assert told.returncode == 0
    assert "is shadowed by requests/remove/gone.yaml" in told.stdout
    assert "delete the removal" in told.stdout
    [warning] = json.loads(refusing.run("status", "acme/gone", "--json").stdout)["warnings"]
    assert warning["request"] == "requests/add/gone.yaml"


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_calls_a_refused_request_unknown(refusing: Project, command: str):
    wanted = "acme/bad" if COMMANDS.index(command) % 2 else "requests/add/bad.yaml"
    done = refusing.run(command, wanted)
    assert done.returncode == 4
    assert "requests/add/bad.yaml:3: sbset" in done.stderr


def test_an_unknown_name_is_compared_with_refused_requests_too(refusing: Project):
    for command in ("status", "plan", "validate"):
        done = refusing.run(command, "acme/bed")
        assert done.returncode == 2
        assert BAD in done.stderr


def test_a_refused_file_is_found_by_what_can_be_read_of_it():
    files = {
        "requests/add/bad.yaml": b'hf_id: "acme/bad"\nsplit: 3\n',
        "requests/add/beds.yaml": b'hf_id: "acme/beds"\n',
        "requests/add/broken.yaml": b"\xff",
        "requests/add/all.yaml": b'hf_id: "acme/all"\nexpand: "*"\n',
        "requests/remove/bad.yaml": b'hf_id: "acme/bad"\n',
    }
    refused = collect_refused(collect_requests(files).problems, files)
    assert {each.path: (each.hf_id, each.name) for each in refused} == {
        "requests/add/all.yaml": ("acme/all", None),
        "requests/add/bad.yaml": ("acme/bad", None),
        "requests/add/beds.yaml": ("acme/beds", "acme__beds__split_train__rev_main"),
        "requests/add/broken.yaml": (None, None),
        "requests/remove/bad.yaml": (None, None),
    }
    for wanted in ("acme/bad", "./requests/add/bad.yaml"):
        assert [each.path for each in find_refused(refused, wanted)] == ["requests/add/bad.yaml"]
    assert len(find_refused(refused, "requests/add")) == 4
    assert find_refused(refused, "acme__b", ["acme__books"]) == []


def test_the_beginning_of_two_refused_names_lists_both():
    files = {f"requests/add/{name}.yaml": f'hf_id: "acme/{name}"'.encode() for name in "ab"}
    refused = collect_refused(collect_requests(files).problems, files)
    with pytest.raises(UsageWrong, match="fits 2") as told:
        find_refused(refused, "acme")
    assert "acme__a__split_train__rev_main, acme__b__split_train__rev_main" in told.value.why


def test_bare_plan_counts_datasets_and_says_what_it_passes_over(refusing: Project):
    (refusing.root / "requests/remove/bad.yaml").write_text('hf_id: "acme/x"\nreson: "x"\n')
    told = refusing.run("plan")
    assert told.returncode == 4
    assert f"0 of 2 datasets planned, 2 failed: {BAD}, acme__twice__" in told.stderr
    assert "warning: requests/add/gone.yaml: is shadowed by" in told.stderr
    assert "warning: requests/remove/bad.yaml:2: reson: is an unknown field" in told.stderr
    entries = json.loads(refusing.run("plan", "--json").stdout)["datasets"]
    assert [(entry["name"], entry["request"]) for entry in entries] == [
        (BAD, "requests/add/bad.yaml"),
        ("acme__twice__split_train__rev_main", "requests/add/one.yaml"),
        ("acme__twice__split_train__rev_main", "requests/add/two.yaml"),
    ]


def test_where_all_requests_are_shadowed_bare_plan_says_so(refusing: Project):
    for name in ("bad", "one", "two"):
        (refusing.root / f"requests/add/{name}.yaml").unlink()
    told = refusing.run("plan")
    assert told.returncode == 2
    assert "removals shadow requests/add/gone.yaml" in told.stderr


def test_a_file_validated_by_itself_is_shadowed_too(refusing: Project):
    told = refusing.run("validate", "requests/add/gone.yaml")
    assert told.returncode == 0
    assert "is shadowed by requests/remove/gone.yaml" in told.stderr


@pytest.mark.parametrize("command", ["validate", "plan", "local-sync", "status", "retry"])
def test_a_file_that_does_not_exist_is_compared_with_those_that_do(refusing: Project, command: str):
    told = refusing.run(command, "requests/add/gon.yaml")
    assert told.returncode in (2, 4)
    assert "did you mean requests/add/gone.yaml?" in told.stderr
