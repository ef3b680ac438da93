"""One request that asks for several subsets and splits."""

import json
from typing import Any

import pytest
import yaml

from hugflow.requests.model import AddRequest
from hugflow.stages.standing.expansions import read_members
from hugflow.stages.standing.removal_records import is_held_back
from hugflow.testing.hub import LoopbackHub
from tests.projects import Project
from tests.shards.layouts.published import to_csv

SUBSETS = ("en_us", "en_gb", "ms_my")


def publish(hub: LoopbackHub, hf_id: str) -> None:
    """Three subsets with two splits of texts each."""
    configs = [
        {
            "config_name": subset,
            "data_files": [
                {"split": split, "path": f"{subset}/{split}.csv"} for split in ("train", "test")
            ],
        }
        for subset in SUBSETS
    ]
    files = {
        f"{subset}/{split}.csv": to_csv([{"text": f"{subset} {split}"}])
        for subset in SUBSETS
        for split in ("train", "test")
    }
    card = f"---\n{yaml.safe_dump({'configs': configs})}---\n".encode()
    hub.publish(hf_id, {"README.md": card, **files})


def names(answer: str) -> list[str]:
    return [entry["name"] for entry in json.loads(answer)["datasets"]]


def test_a_pattern_becomes_datasets_of_their_own_that_are_planned_made_and_listed(
    project: Project, hub: LoopbackHub
):
    publish(hub, "acme/texts")
    file = project.request("acme/texts", 'expand: {subsets: "en_*", splits: all}')
    offline = project.run("validate", file)
    assert offline.stdout == f"{file}: valid, adds the datasets that fit its expand\n"
    planned = project.run("plan", file, "--no-sample", "--json")
    assert project.run("validate", file).stdout == f"{file}: valid, adds 4 datasets\n"
    removal = project.root / "requests" / "remove" / "texts.yaml"
    removal.parent.mkdir(parents=True)
    spec = 'hf_id: acme/texts\nreason: Replaced\nexpand: {subsets: "en_*", splits: all}\n'
    removal.write_text(spec)
    too_many = project.run("validate", "requests/remove/texts.yaml").stdout
    assert "removes 4 datasets of acme/texts; more than 3 need `confirm: true`" in too_many
    removal.write_text(f"{spec}confirm: true\n")
    assert project.run("validate", "requests/remove/texts.yaml").stdout.endswith("acme/texts\n")
    removal.unlink()
    expected = [
        f"acme__texts__subset_{subset}__split_{split}__rev_main"
        for subset in ("en_us", "en_gb")
        for split in ("train", "test")
    ]
    assert names(planned.stdout) == expected
    assert "asks for 4 datasets" in planned.stderr
    assert names(project.run("validate", file, "--json").stdout) == expected
    made = project.run("local-sync", file, "--json")
    assert made.returncode == 0, made.stderr
    states = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert {each["name"]: each["state"] for each in states} == dict.fromkeys(expected, "completed")
    row = json.loads((project.dataset(expected[3]).json / "0.json").read_text())
    assert row["text"] == "en_gb test"


def test_more_datasets_than_the_policy_allows_have_to_be_confirmed(
    project: Project, hub: LoopbackHub
):
    publish(hub, "acme/many")
    (project.root / "hugflow.yaml").write_text("policy: {max_expand: 2}\n")
    file = project.request("acme/many", 'expand: {subsets: "*"}')
    refused = project.run("plan", file)
    assert refused.returncode == 4
    assert "becomes 3 datasets" in refused.stderr
    assert "confirm: true" in refused.stderr
    file = project.request("acme/many", 'expand: {subsets: "*"}', "confirm: true")
    assert len(names(project.run("plan", file, "--no-sample", "--json").stdout)) == 3


def test_a_pattern_that_fits_nothing_names_the_subsets(project: Project, hub: LoopbackHub):
    publish(hub, "acme/none")
    refused = project.run("plan", project.request("acme/none", 'expand: {subsets: "fr_*"}'))
    assert refused.returncode == 4
    assert "there are en_us, en_gb, ms_my" in refused.stderr


def publish_subsets(hub: LoopbackHub, hf_id: str, subsets: list[str], split: str = "train") -> None:
    """Subsets of one split, all of the same file."""
    files = [{"split": split, "path": "a.csv"}]
    configs = [{"config_name": subset, "data_files": files} for subset in subsets]
    card = f"---\n{yaml.safe_dump({'configs': configs})}---\n".encode()
    hub.publish(hf_id, {"README.md": card, "a.csv": to_csv([{"text": "a"}])})


def test_a_subset_that_no_request_may_name_is_left_out_with_a_warning(
    project: Project, hub: LoopbackHub
):
    publish_subsets(hub, "acme/dots", ["good", "a..b"])
    file = project.request("acme/dots", 'expand: {subsets: "*"}')
    planned = project.run("plan", file, "--no-sample", "--json")
    assert names(planned.stdout) == ["acme__dots__subset_good__split_train__rev_main"]
    assert "leaves out 1 dataset: the subset 'a..b' holds" in planned.stderr
    assert project.run("status").returncode == 0


@pytest.mark.parametrize(
    ("subset", "split", "fault"),
    [
        ("a..b", "train", "the subset 'a..b' holds"),
        ("good", "s" * 256, "the split 'sss"),
    ],
)
def test_names_that_no_request_may_have_are_one_clear_error_and_nothing_is_recorded(
    project: Project, hub: LoopbackHub, subset: str, split: str, fault: str
):
    hf_id = f"acme/unnamed-{len(split)}"
    publish_subsets(hub, hf_id, [subset], split)
    file = project.request(hf_id, 'expand: {subsets: "*", splits: all}')
    refused = project.run("plan", file)
    assert refused.returncode == 4
    assert fault in refused.stderr
    assert not list((project.places.expansion("x").parent).glob("*.json"))
    assert project.run("status").returncode == 0


def test_a_record_of_names_that_no_request_may_have_is_asked_for_again(
    project: Project, hub: LoopbackHub
):
    publish_subsets(hub, "acme/healed", ["good"])
    file = project.request("acme/healed", 'expand: {subsets: "*"}')
    assert project.run("plan", file, "--no-sample").returncode == 0
    [record] = project.places.expansion("x").parent.glob("*.json")
    record.write_text(record.read_text().replace('"good"', '"a..b"'))
    assert project.run("status").returncode == 0
    planned = project.run("plan", file, "--no-sample", "--json")
    assert names(planned.stdout) == ["acme__healed__subset_good__split_train__rev_main"]
    assert '"good"' in record.read_text()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"expand": {"splits": "train"}}, "splits is not all"),
        ({"expand": {"subset": "*"}}, "did you mean subsets"),
        ({"expand": {"subsets": "*"}, "subset": "en"}, "says what subset says too"),
        ({"expand": {"splits": "all"}, "split": "test"}, "says what split says too"),
        ({"expand": {"splits": "all"}, "source": {"recipe": "ami"}}, "does not go with source"),
    ],
)
def test_an_expand_that_cannot_be_says_what_is_wrong(fields: dict[str, Any], problem: str):
    with pytest.raises(ValueError, match=problem):
        AddRequest(hf_id="a/b", description="x", **fields)


def test_removing_the_file_of_a_pattern_lists_its_datasets_and_removes_all_of_them(
    project: Project, hub: LoopbackHub
):
    publish(hub, "acme/gone")
    file = project.request("acme/gone", 'expand: {subsets: "en_*"}')
    unknown = project.run("remove", file, "--yes")
    assert unknown.returncode == 4
    assert "hugflow plan" in unknown.stderr
    assert project.run("local-sync", file).returncode == 0
    other = project.request("acme/gone", "subset: ms_my", name="other")
    assert project.run("local-sync", other).returncode == 0
    both = [f"acme__gone__subset_{subset}__split_train__rev_main" for subset in ("en_us", "en_gb")]
    shown = project.run("remove", file, "--dry-run")
    assert [name for name in both if name in shown.stdout] == both
    asked = project.run("remove", file)
    assert asked.returncode == 2
    assert "2 datasets" in asked.stderr
    assert all(project.places.link(name).is_symlink() for name in both)
    removed = project.run("remove", file, "--yes", "--json")
    assert names(removed.stdout) == both
    states = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert {each["name"]: each["state"] for each in states} == {
        **dict.fromkeys(both, "removed"),
        "acme__gone__subset_ms_my__split_train__rev_main": "completed",
    }
    assert names(project.run("remove", file, "--yes", "--json").stdout) == []


def test_a_member_that_was_removed_by_its_own_file_is_held_back(project: Project, hub: LoopbackHub):
    publish(hub, "acme/one")
    file = project.request("acme/one", 'expand: {subsets: "en_*"}')
    assert project.run("local-sync", file).returncode == 0
    removal = project.root / "requests" / "remove" / "one.yaml"
    removal.parent.mkdir(parents=True)
    removal.write_text("hf_id: acme/one\nreason: x\nsubset: en_gb\n")
    assert project.run("remove", str(removal), "--yes").returncode == 0
    name = "acme__one__subset_en_gb__split_train__rev_main"
    [member] = [
        each
        for each in read_members(
            project.places, AddRequest(**yaml.safe_load((project.root / file).read_text()))
        )
        if each.name == name
    ]
    assert is_held_back(project.places, member)


def test_a_removal_file_with_the_pattern_removes_its_datasets_and_no_other(
    project: Project, hub: LoopbackHub
):
    publish(hub, "acme/leaves")
    other = project.request("acme/leaves", "subset: ms_my", name="other")
    file = project.request("acme/leaves", 'expand: {subsets: "en_*"}')
    assert project.run("local-sync", file, other).returncode == 0
    removal = project.root / "requests" / "remove" / "leaves.yaml"
    removal.parent.mkdir(parents=True)
    removal.write_text('hf_id: acme/leaves\nreason: Replaced\nexpand: {subsets: "en_*"}\n')
    path = str(removal.relative_to(project.root))
    expected = [f"acme__leaves__subset_{s}__split_train__rev_main" for s in ("en_gb", "en_us")]
    seen = project.run("remove", path, "--dry-run", "--json")
    assert names(seen.stdout) == expected
    removed = project.run("remove", path, "--yes", "--json")
    assert names(removed.stdout) == expected
    states = json.loads(project.run("status", "--json").stdout)["datasets"]
    left = {each["name"]: each["state"] for each in states}
    assert left["acme__leaves__subset_ms_my__split_train__rev_main"] == "completed"
    assert {left.get(name, "removed") for name in expected} == {"removed"}
