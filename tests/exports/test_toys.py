"""An export is added by one module and one line of the list: everything else follows from it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hugflow.exports import registry
from hugflow.exports.export import Export
from hugflow.exports.registry import EXPORTS
from hugflow.provenance.known import NobodyKnows
from hugflow.provenance.why import explain
from hugflow.removal.remove import RemovalOrder, remove_dataset
from hugflow.requests.model import Identity
from hugflow.stages.build.build import Build
from hugflow.stages.planning.estimate import estimate
from hugflow.stages.publishing.publish import publish
from hugflow.stages.sample import make_sample, open_sample
from hugflow.stages.standing.measure import measure_dataset
from hugflow.stages.sync import sync_dataset
from hugflow.stages.tree.manifest import MANIFEST
from hugflow.store.atomic import temporary_path
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.exports.toys import TOY, TOY_FOLDER
from tests.trees import read_tree

pytestmark = pytest.mark.slow

Opened = Callable[[], Build]
TOYS = ("toy.jsonl", "toys/name.txt", "toys/rows.txt")


def list_exports(monkeypatch: pytest.MonkeyPatch, *exports: Export) -> None:
    """The one line that a contributor adds."""
    monkeypatch.setattr(registry, "EXPORTS", (*EXPORTS, *exports))


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both toys are in the list."""
    list_exports(monkeypatch, TOY, TOY_FOLDER)


@pytest.fixture
def opened(hub: LoopbackHub, open_for: OpenFor, request: pytest.FixtureRequest) -> Opened:
    """Opens a dataset of six clips in two shards, row 5 of which fails; nothing is made."""

    def open_it() -> Build:
        name = f"toys/{request.node.originalname[5:80].strip('_')}"
        publish_speech(hub, name, rows=6, shards=2, seconds=0.2, broken_rows={5: b"junk"})
        return open_for(name, max_bad_rows=1, exports=[])

    return open_it


@pytest.fixture
def made(opened: Opened) -> Opened:
    """The same dataset, published."""

    def make() -> Build:
        build = opened()
        sync_dataset(build)
        return build

    return make


def found(build: Build) -> list[tuple[str, str]]:
    """Name of the file and code of every difference."""
    differences = verify_dataset(build.places, build.name)
    return [(Path(difference.path).name, difference.code) for difference in differences]


def test_it_is_written_at_publishing_and_the_manifest_records_it(made: Opened):
    build = made()
    lines = (build.folder.root / "toy.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in lines] == [0, 1, 2, 3, 4]
    assert (build.folder.root / "toys" / "name.txt").read_text() == build.name
    recorded = MANIFEST.require(build.folder.manifest).exports
    assert {name: sorted(export.files) for name, export in recorded.items()} == {
        "toy": ["toy.jsonl"],
        "toy_folder": ["toys/name.txt", "toys/rows.txt"],
    }
    assert found(build) == []


def test_the_estimate_counts_its_files_and_its_bytes(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    build = opened()
    with_toys = estimate(build)
    list_exports(monkeypatch)
    without = estimate(build)
    assert with_toys.files - without.files == 4
    assert with_toys.peak_bytes - without.peak_bytes >= 40 * 6


def test_it_belongs_to_the_measured_size_of_its_dataset(
    made: Opened, monkeypatch: pytest.MonkeyPatch
):
    build = made()
    size = sum((build.folder.root / name).stat().st_size for name in TOYS)
    manifest = MANIFEST.require(build.folder.manifest)
    with_toys = measure_dataset(build.places, build.name, manifest)
    for name in TOYS:
        (build.folder.root / name).unlink()
    without = measure_dataset(build.places, build.name, manifest)
    assert (with_toys.files - without.files, with_toys.all_bytes - without.all_bytes) == (3, size)


def test_the_same_rows_give_the_same_bytes(made: Opened):
    build = made()
    before = read_tree(build.folder.root)
    shutil.rmtree(build.folder.root)
    shutil.rmtree(build.places.state_dir / "ledger")
    sync_dataset(build)
    assert read_tree(build.folder.root) == before


def test_a_sample_has_it_too(opened: Opened):
    build = opened()
    sample = open_sample(build.request, build.places, build.hub, build.options, rows=2)
    assert set(make_sample(sample).manifest.exports) == {"toy", "toy_folder"}
    assert len((sample.folder.root / "toy.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"), "export_changed"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "export_changed"),
        (lambda path: path.unlink(), "file_missing"),
        (lambda path: (path.unlink(), path.symlink_to("README.md")), "not_a_file"),
    ],
)
def test_verify_notices_whatever_is_done_to_it(
    made: Opened, name: str, damage: Callable[[Path], object], code: str
):
    build = made()
    damage(build.folder.root / name)
    assert found(build) == [(Path(name).name, code)]


def test_verify_knows_it_after_the_state_is_lost_and_after_it_left_the_list(
    made: Opened, monkeypatch: pytest.MonkeyPatch
):
    build = made()
    shutil.rmtree(build.places.state_dir)
    list_exports(monkeypatch)
    assert found(build) == []


def test_verify_names_what_lies_in_its_folder_and_is_none_of_it(made: Opened):
    build = made()
    folder = build.folder.root / "toys"
    (folder / "mine.txt").write_text("mine")
    temporary_path(folder / "rows.txt").write_text("a killed run's")
    assert sorted(found(build)) == [
        (".rows.txt.tmp", "temporary_file"),
        ("mine.txt", "unknown_file"),
    ]


@pytest.mark.parametrize("name", TOYS)
def test_a_sync_writes_again_what_is_gone_and_nothing_more(made: Opened, name: str):
    build = made()
    before, path = read_tree(build.folder.root), build.folder.root / name
    others = [build.folder.root / toy for toy in TOYS if toy != name]
    stamps = [other.stat().st_mtime_ns for other in others]
    path.unlink()
    temporary_path(path).write_text("a killed run's")
    publish(build)
    assert read_tree(build.folder.root) == before
    assert [other.stat().st_mtime_ns for other in others] == stamps


def test_a_published_dataset_is_not_rendered_again(made: Opened, monkeypatch: pytest.MonkeyPatch):
    build = made()

    def refuse(source: object) -> list[object]:
        raise AssertionError("it was rendered")

    list_exports(monkeypatch, replace(TOY, render=refuse), replace(TOY_FOLDER, render=refuse))
    published = publish(build)
    assert published is not None
    assert not published.is_new


def test_a_later_version_of_it_replaces_what_an_earlier_one_wrote(
    made: Opened, monkeypatch: pytest.MonkeyPatch
):
    build = made()
    list_exports(monkeypatch, replace(TOY, version=2), TOY_FOLDER)
    publish(build)
    assert MANIFEST.require(build.folder.manifest).exports["toy"].version == 2
    assert found(build) == []


def test_a_dataset_that_was_published_without_it_gets_it(
    made: Opened, monkeypatch: pytest.MonkeyPatch
):
    list_exports(monkeypatch)
    build = made()
    assert not MANIFEST.require(build.folder.manifest).exports
    list_exports(monkeypatch, TOY)
    published = publish(build)
    assert published is not None
    assert published.is_new
    assert (build.folder.root / "toy.jsonl").is_file()
    assert found(build) == []


def test_once_it_left_the_list_publishing_deletes_what_it_wrote_and_nothing_else(
    made: Opened, monkeypatch: pytest.MonkeyPatch
):
    build = made()
    (build.folder.root / "toys" / "mine.txt").write_text("mine")
    (build.folder.root / "toys" / "rows.txt").write_text("7\n")
    list_exports(monkeypatch)
    publish(build)
    assert not (build.folder.root / "toy.jsonl").exists()
    # What somebody changed, and what was never ours, stays.
    left = sorted(path.name for path in (build.folder.root / "toys").iterdir())
    assert left == ["mine.txt", "rows.txt"]
    assert not MANIFEST.require(build.folder.manifest).exports


def test_its_folder_goes_with_its_last_file(made: Opened, monkeypatch: pytest.MonkeyPatch):
    build = made()
    list_exports(monkeypatch, TOY)
    publish(build)
    assert not (build.folder.root / "toys").exists()
    assert found(build) == []


def test_a_planted_link_in_place_of_its_folder_is_refused(made: Opened, tmp_path: Path):
    build = made()
    shutil.rmtree(build.folder.root / "toys")
    (tmp_path / "elsewhere").mkdir()
    (build.folder.root / "toys").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Exception, match="is a link"):
        publish(build)
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("name", TOYS)
def test_why_explains_it_by_its_dataset(made: Opened, places: Places, name: str):
    build = made()
    origin = explain(places, str(build.folder.root / name), {}, places.storage_root)
    assert (origin.dataset, origin.kind, origin.rows) == (build.name, name, 6)
    assert origin.made_at is not None


def test_why_knows_its_folder_and_no_other_file_in_it(made: Opened, places: Places):
    build = made()
    folder = build.folder.root / "toys"
    assert explain(places, str(folder), {}, places.storage_root).kind == "folder toys"
    with pytest.raises(NobodyKnows):
        explain(places, str(folder / "mine.txt"), {}, places.storage_root)


def test_why_does_not_claim_a_file_that_the_manifest_does_not_record(
    made: Opened, places: Places, monkeypatch: pytest.MonkeyPatch
):
    list_exports(monkeypatch)
    build = made()
    list_exports(monkeypatch, TOY)
    (build.folder.root / "toy.jsonl").write_text("mine")
    with pytest.raises(NobodyKnows):
        explain(places, str(build.folder.root / "toy.jsonl"), {}, places.storage_root)


def test_it_is_removed_with_its_tree(made: Opened, places: Places):
    build = made()
    request = build.request
    identity = Identity(request.hf_id, request.subset, request.split, request.revision)
    remove_dataset(places, identity, RemovalOrder(by="somebody", at=datetime.now(UTC)))
    assert not build.folder.root.exists()


def test_a_manifest_that_calls_a_row_an_export_is_damaged(made: Opened):
    build = made()
    text = build.folder.manifest.read_text()
    build.folder.manifest.write_text(text.replace('"toy.jsonl"', '"audio/clip_000000.mp3"'))
    assert MANIFEST.read(build.folder.manifest) is None
