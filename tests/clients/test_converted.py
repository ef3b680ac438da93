"""The Hub's conversion to parquet: which of its files are a subset's and a split's."""

import random

import pytest

from hugflow.clients.converted import choose_split, choose_subset, fetch_converted_files
from hugflow.clients.hub import Hub
from hugflow.clients.repository import PublishedFile, RepoId, parse_converted_path
from hugflow.errors import RequestInvalid
from hugflow.testing.hub import LoopbackHub

REF = "refs/convert/parquet"
WHAT = "acme/speech@8a6c0f1"


def files_at(*paths: str) -> list[PublishedFile]:
    return [PublishedFile(path, 1, None, "0" * 40) for path in paths]


@pytest.mark.parametrize(
    ("subset", "default", "folders", "chosen"),
    [
        (None, None, ["default"], "default"),
        (None, None, ["en"], "en"),
        (None, None, ["de", "default", "en"], "default"),
        (None, "en", ["de", "default", "en"], "en"),
        (None, "fr", ["en"], "en"),
        (None, None, [".cache", "en"], "en"),
        ("de", None, ["de", "en"], "de"),
        ("de", "en", ["de", "en"], "de"),
    ],
)
def test_the_subset_is_the_one_asked_for_else_the_default_one_else_the_only_one(
    subset: str | None, default: str | None, folders: list[str], chosen: str
):
    assert choose_subset(WHAT, subset, folders, default=default) == chosen


@pytest.mark.parametrize(
    ("subset", "default", "folders", "mend"),
    [
        (None, None, ["de", "en"], 'for example subset: "de"'),
        (None, "fr", ["de", "en"], 'for example subset: "de"'),
        ("enn", None, ["de", "en"], 'set subset: "en"'),
        ("fr", None, ["default"], "delete the line with subset"),
        (".cache", None, [".cache", "en"], 'set subset: "en"'),
        ("en", None, [], "another revision"),
    ],
)
def test_a_subset_that_is_not_there_or_not_named_is_answered_with_those_that_are(
    subset: str | None, default: str | None, folders: list[str], mend: str
):
    with pytest.raises(RequestInvalid, match=WHAT) as refused:
        choose_subset(WHAT, subset, folders, default=default)
    assert mend in refused.value.mend


def test_files_come_in_the_order_of_the_rows_whatever_order_they_are_listed_in():
    paths = [f"en/train-part{part}/{n:04d}.parquet" for part in range(11) for n in range(3)]
    listed = files_at(*paths, "en/test/0000.parquet", "en/README.md", "en/train/more/0000.parquet")
    random.Random(5).shuffle(listed)  # noqa: S311  # no secret
    assert [file.path for file in choose_split(WHAT, "en", "train", listed)] == paths


def test_a_split_of_which_only_the_beginning_was_converted_is_refused():
    files = files_at("en/partial-train/0000.parquet", "en/test/0000.parquet")
    assert choose_split(WHAT, "en", "test", files)
    with pytest.raises(RequestInvalid, match="only the beginning of the split 'train'") as refused:
        choose_split(WHAT, "en", "train", files)
    assert "en/partial-train" in refused.value.why


def test_a_split_that_is_not_there_is_answered_with_those_that_are():
    files = files_at("en/train/0000.parquet", "en/partial-test/0000.parquet", "fr/dev/0000.parquet")
    with pytest.raises(RequestInvalid, match="no split 'tests'") as refused:
        choose_split(WHAT, "en", "tests", files)
    assert refused.value.why.endswith("'test', 'train'")
    assert refused.value.mend == 'set split: "test"'


@pytest.mark.parametrize(
    "path",
    [
        "train/0000.parquet",
        "en/train/0000.csv",
        "en/train/a.parquet",
        "en/train/000.parquet",
        "en/x/train/0000.parquet",
        ".en/train/0000.parquet",
        "en/train-test/0000.parquet",
        "../train/0000.parquet",
        "",
    ],
)
def test_other_paths_are_of_no_conversion(path: str):
    assert parse_converted_path(path) is None


def test_the_files_come_from_the_hub_with_size_and_hash(hub: LoopbackHub, client: Hub):
    content = {f"my set/train/{n:04d}.parquet": b"PAR1" * (n + 1) for n in range(3)}
    commit = hub.publish("converted/spaced", content, branch=REF)
    files = fetch_converted_files(client, "converted/spaced", commit, None, "train")
    assert [file.size_bytes for file in files] == [4, 8, 12]
    assert files == client.fetch_files(RepoId.dataset("converted/spaced"), commit, list(content))
