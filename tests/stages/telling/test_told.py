"""The mark that Dagster knows all of a dataset: when it holds, and what ends it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hugflow.removal.remove import RemovalOrder, remove_dataset
from hugflow.stages.build.build import Build
from hugflow.stages.sync import sync_dataset
from hugflow.stages.telling.told import INDEX_DATABASE, is_told, mark_told
from hugflow.store.layout import DAGSTER_FOLDER
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.builds import OpenFor


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose Dagster has a database."""
    root = tmp_path / "project"
    database = root / DAGSTER_FOLDER / INDEX_DATABASE
    database.parent.mkdir(parents=True)
    database.write_bytes(b"events")
    (root / "dagster.yaml").write_text("storage: {}\n", "utf-8")
    return root


@pytest.fixture
def build(hub: LoopbackHub, open_for: OpenFor) -> Build:
    """A published dataset."""
    publish_text(hub, "told/text", rows=2, shards=1)
    return sync_dataset(open_for("told/text")).published.build


def test_what_was_told_is_known_until_the_dataset_is_another(build: Build, root: Path):
    assert not is_told(build, root)
    mark_told(build, root)
    assert is_told(build, root)
    manifest = build.folder.manifest
    manifest.write_bytes(manifest.read_bytes() + b" ")
    assert not is_told(build, root)


def test_another_database_was_told_nothing(build: Build, root: Path):
    mark_told(build, root)
    database = root / DAGSTER_FOLDER / INDEX_DATABASE
    # Kept, so that the new file cannot get its number.
    database.rename(database.with_name("old.db"))
    assert not is_told(build, root)
    database.write_bytes(b"events")
    assert not is_told(build, root)


def test_other_settings_of_dagster_may_mean_another_database(build: Build, root: Path):
    mark_told(build, root)
    (root / "dagster.yaml").write_text("storage: {postgres: {}}\n", "utf-8")
    assert not is_told(build, root)


@pytest.mark.parametrize("way", ["", "."])
def test_dagsters_home_may_be_the_project(build: Build, root: Path, way: str):
    mark_told(build, root)
    assert is_told(build, root, str(root / way))


def test_dagsters_home_is_another_instance(build: Build, root: Path, tmp_path: Path):
    mark_told(build, root)
    home = tmp_path / "home"
    (home / INDEX_DATABASE).parent.mkdir(parents=True)
    (home / INDEX_DATABASE).write_bytes(b"events")
    assert not is_told(build, root, str(home))
    mark_told(build, root, str(home))
    assert is_told(build, root, str(home))


def test_without_a_database_that_is_known_dagster_is_always_asked(build: Build, root: Path):
    (root / DAGSTER_FOLDER / INDEX_DATABASE).unlink()
    mark_told(build, root)
    assert not build.places.told(build.name).exists()
    assert not is_told(build, root)


def test_a_removed_dataset_is_told_of_again_when_it_is_back(build: Build, root: Path):
    mark_told(build, root)
    order = RemovalOrder("a test", datetime(2026, 11, 29, tzinfo=UTC))
    assert remove_dataset(build.places, build.request.identity, order) is not None
    assert not build.places.told(build.name).exists()
