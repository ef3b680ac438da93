"""The manifest as a value, and as the bytes of its file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hugflow.stages.tree.manifest import MANIFEST, read_manifest, render_manifest

# Written by the version before manifests were values: whole datasets with and without audio, and
# the first rows of one.
WRITTEN = sorted((Path(__file__).parent / "manifests").glob("*.json"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "manifest.json"


def change(path: Path, *keys: str, to: Any) -> None:
    """Write the manifest of a dataset with audio, with one value changed."""
    content = json.loads(WRITTEN[1].read_bytes())
    part = content
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = to
    path.write_text(json.dumps(content, indent=2) + "\n")


@pytest.mark.parametrize("written", WRITTEN, ids=lambda path: path.stem)
def test_a_manifest_of_an_earlier_version_is_written_again_byte_for_byte(written: Path):
    manifest = read_manifest(written)
    assert manifest is not None
    assert render_manifest(manifest) == written.read_text("utf-8")


def test_a_dataset_by_way_of_the_hubs_conversion_is_written_again_byte_for_byte(path: Path):
    change(path, "source", "ref", to="refs/convert/parquet")
    manifest = read_manifest(path)
    assert manifest is not None
    assert render_manifest(manifest) == path.read_text("utf-8")


@pytest.mark.parametrize("keys", [("later",), ("rows", "later"), ("run", "later")])
def test_what_a_later_version_adds_is_passed_over(path: Path, keys: tuple[str, ...]):
    change(path, *keys, to={"anything": [1, 2]})
    assert read_manifest(path) == read_manifest(WRITTEN[1])


@pytest.mark.parametrize(
    ("keys", "to", "says"),
    [
        (("rows", "made"), -1, "rows.made"),
        (("rows", "made"), 1.5, "rows.made"),
        (("rows", "made"), True, "rows.made"),
        (("audio", "seconds"), "long", "audio.seconds"),
        (("index",), {"index/1.parquet": None}, "index"),
        (("plan",), "../../etc", "plan"),
        (("columns",), ["text", 3], "columns.1"),
        (("dataset",), "another", "another"),
    ],
)
def test_a_damaged_manifest_is_named_with_the_field(
    path: Path, keys: tuple[str, ...], to: Any, says: str
):
    change(path, *keys, to=to)
    assert read_manifest(path) is None
    with pytest.raises(Exception, match=r"manifest\.json cannot be read") as caught:
        MANIFEST.require(path)
    assert says in str(caught.value)


def test_statistics_that_cannot_be_read_are_measured_again_and_keep_nothing_else_away(path: Path):
    change(path, "statistics", to={"rows": "many"})
    manifest = read_manifest(path)
    assert manifest is not None
    assert manifest.statistics is None


def test_a_link_to_a_manifest_is_no_manifest(path: Path):
    path.symlink_to(WRITTEN[0])
    assert read_manifest(path) is None


def test_only_the_run_may_differ_where_the_rows_are_the_same():
    manifest = MANIFEST.require(WRITTEN[1])
    assert manifest.has_same_rows(replace(manifest, run=replace(manifest.run, host="elsewhere")))
    assert not manifest.has_same_rows(replace(manifest, licence="mit"))
