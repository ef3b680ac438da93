"""One request that asks for the datasets of a collection."""

import json

import pytest
import yaml

from hugflow.requests.model import AddRequest, json_schema
from hugflow.requests.problems import RequestFileInvalid
from hugflow.requests.read import parse_request
from hugflow.testing.hub import LoopbackHub
from tests.cli.test_expand import names, publish
from tests.projects import Project

SLUG = "acme/voices-64f9a55bb3115b4f513ec026"


def ask(project: Project, *lines: str) -> str:
    path = project.root / "requests" / "add" / "collection.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([f"hf_collection: {SLUG}", "description: x", *lines]))
    return str(path.relative_to(project.root))


def test_a_collection_becomes_a_dataset_for_each_of_its_datasets(
    project: Project, hub: LoopbackHub
):
    for hf_id in ("acme/first", "acme/second"):
        publish(hub, hf_id)
    items = [("dataset", "acme/second"), ("model", "acme/whisper"), ("dataset", "acme/first")]
    hub.collect(SLUG, [*items, ("dataset", "acme/second")])
    file = ask(project, "subset: en_us")
    planned = project.run("plan", file, "--no-sample", "--json")
    expected = [
        f"acme__{name}__subset_en_us__split_train__rev_main" for name in ("second", "first")
    ]
    assert names(planned.stdout) == expected
    assert "1 item that are no datasets" in planned.stderr
    assert project.run("validate", "--online", file).returncode == 0
    made = project.run("local-sync", file)
    assert made.returncode == 0, made.stderr
    row = json.loads((project.dataset(expected[1]).json / "0.json").read_text())
    assert row["text"] == "en_us train"
    states = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert {each["name"]: each["state"] for each in states} == dict.fromkeys(expected, "completed")
    removed = project.run("remove", file, "--yes", "--json")
    assert names(removed.stdout) == expected


def test_a_pattern_counts_for_each_dataset_of_a_collection(project: Project, hub: LoopbackHub):
    publish(hub, "acme/has")
    hub.publish("acme/lacks", {"train.csv": b"text\na\n"})
    hub.collect(SLUG, [("dataset", "acme/lacks"), ("dataset", "acme/has")])
    planned = project.run(
        "plan", ask(project, 'expand: {subsets: "en_*"}'), "--no-sample", "--json"
    )
    assert names(planned.stdout) == [
        f"acme__has__subset_{subset}__split_train__rev_main" for subset in ("en_us", "en_gb")
    ]
    assert "acme/lacks has nothing that `expand` asks for" in planned.stderr


def test_a_collection_that_is_not_there_or_has_no_dataset_is_one_clear_error(
    project: Project, hub: LoopbackHub
):
    hub.collect(SLUG, [])
    empty = project.run("plan", ask(project))
    assert empty.returncode == 4
    assert "has no dataset that the request asks for" in empty.stderr
    path = project.root / "requests" / "add" / "collection.yaml"
    path.write_text("hf_collection: acme/nothing-000000000000000000000000\ndescription: x\n")
    gone = project.run("plan", str(path))
    assert gone.returncode == 4
    assert "there is no collection acme/nothing-0" in gone.stderr


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hf_collection: acme/x-1\nhf_id: acme/y\n", "says what hf_id says too"),
        ("hf_collection: nothing\n", "slashes instead of one"),
        ("hf_collection: 7\n", "where text is meant"),
        ("hf_collection: acme/x-1\nsource: {recipe: fleurs}\n", "does not go with source"),
        ("", "is missing"),
    ],
)
def test_a_collection_that_cannot_be_says_what_is_wrong(text: str, problem: str):
    with pytest.raises(RequestFileInvalid) as refused:
        parse_request(f"{text}description: x\n".encode(), "requests/add/x.yaml")
    assert problem in str(refused.value)
    assert refused.value.problems[0].field in ("hf_collection", "hf_id")


def test_a_collection_is_a_request_as_its_file_has_it_and_for_editors_too():
    text = yaml.safe_dump({"hf_collection": SLUG, "description": "x", "confirm": True})
    request = parse_request(text.encode(), "requests/add/x.yaml")
    assert isinstance(request, AddRequest)
    assert request.is_several
    assert AddRequest.model_validate(request.model_dump(exclude_unset=True)) == request
    add = json_schema()["$defs"]["AddRequest"]
    assert add["required"] == ["description"]
    assert add["anyOf"] == [{"required": ["hf_id"]}, {"required": ["hf_collection"]}]
