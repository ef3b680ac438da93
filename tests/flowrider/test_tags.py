"""The tags of a run: their order, and what is refused before anything starts."""

import subprocess
from pathlib import Path

import pytest

from hugflow.flowrider import FlowConfig, FlowConfigError
from hugflow.flowrider.tags import compose_tags, find_repo_name


def test_tags_come_in_order_and_each_once():
    config = FlowConfig(flow_kwargs={"tag": ["b", "c"]}, tags=["a", 3, "b", None, True])
    assert compose_tags(config, ["pkg", "a"]) == ["a", "3", "b", "true", "c", "pkg"]


def test_a_tag_may_be_one_text():
    assert compose_tags(FlowConfig(flow_kwargs={"tag": "b"}, tags="a")) == ["a", "b"]


@pytest.mark.parametrize(
    ("tags", "place"),
    [
        (["a", ""], r"tags\[1\]: a tag is empty"),
        (["a" * 501], r"tags\[0\]: a tag has 501 characters"),
        ([str(number) for number in range(51)], "51 tags"),
        ([{1}], r"tags\[0\]"),
    ],
)
def test_tags_that_metaflow_refuses_are_refused_first(tags: list[object], place: str):
    with pytest.raises(FlowConfigError, match=place):
        compose_tags(FlowConfig(tags=tags))


def test_the_longest_and_the_most_tags_are_taken():
    tags = [f"{number:0500}" for number in range(50)]
    assert compose_tags(FlowConfig(tags=tags)) == tags


def test_the_repository_is_named_by_the_shared_file_the_environment_or_the_remote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert find_repo_name(tmp_path) is None
    url = "git@github.com:acme/speech-flows.git"
    for words in (["init", "-q"], ["remote", "add", "origin", url]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    assert find_repo_name(tmp_path) == "speech-flows"
    (tmp_path / ".env.shared").write_text("export REPO_NAME=shared-name\n")
    assert find_repo_name(tmp_path) == "shared-name"
    monkeypatch.setenv("REPO_NAME", "of-the-environment")
    assert find_repo_name(tmp_path) == "of-the-environment"
