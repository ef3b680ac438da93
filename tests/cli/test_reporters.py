"""Who is told what `local-sync` made."""

from types import SimpleNamespace

import pytest

from hugflow.cli import datasets
from hugflow.stages.sync import sync_dataset
from hugflow.stages.telling.told import INDEX_DATABASE
from hugflow.store.layout import DAGSTER_CONFIG, DAGSTER_FOLDER
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.builds import OpenFor


def test_a_dataset_counts_as_told_only_once_all_reporters_took_it(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    publish_text(hub, "told/all", rows=1, shards=1)
    synced = sync_dataset(open_for("told/all"))
    build = synced.published.build
    root = build.places.state_dir.parent
    database = root / DAGSTER_FOLDER / INDEX_DATABASE
    database.parent.mkdir(parents=True)
    database.touch()
    (root / DAGSTER_CONFIG).touch()
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    told: list[str] = []
    broken = {"second"}

    def reporter(name: str) -> SimpleNamespace:
        def report(*_: object) -> str:
            if name in broken:
                raise OSError("it is away")
            told.append(name)
            return name

        return SimpleNamespace(name=name, load=lambda: report)

    reporters = [reporter("first"), reporter("second")]
    monkeypatch.setattr(datasets, "entry_points", lambda group: reporters)
    project = SimpleNamespace(root=root)
    for _ in range(2):
        datasets._report(project, synced, build)  # type: ignore[arg-type]
    assert told == ["first", "first"]
    assert not build.places.told(build.name).exists()
    broken.clear()
    datasets._report(project, synced, build)  # type: ignore[arg-type]
    assert told == ["first", "first", "first", "second"]
    assert build.places.told(build.name).exists()
