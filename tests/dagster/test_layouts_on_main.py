"""The forms that archives, tables and recordings come in, by a push to main and by Dagster alone."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hugflow.stages.planning.imports import import_archive
from hugflow.store.layout import DatasetFolder, Places
from hugflow.testing.hub import LoopbackHub
from hugflow.verify.dataset import verify_dataset
from tests.dagster.conftest import Dataset
from tests.dagster.sensor_world import World
from tests.shards.layouts.published import LAYOUTS, TEXTS, Files
from tests.shards.layouts.recipes import MOZILLA, RECIPES
from tests.shards.layouts.test_segments import WORLDS as CUT
from tests.trees import read_rows_json

Fields = dict[str, Any]
FORMS: dict[str, tuple[Files, Fields]] = {
    **{f"as-{name}": (files, {}) for name, files in LAYOUTS.items()},
    **RECIPES,
    "segments": (CUT["columns"][0], {"segments": CUT["columns"][1]}),
    "forced": (
        {**LAYOUTS["csv-beside"], "data/a.tar": LAYOUTS["webdataset"]["data/train-00000.tar"]},
        {"source": {"layout": "webdataset"}},
    ),
}
# A table beside files, one beside archives, a recipe, `source` and time ranges; tars are expanded.
FEW = ("as-csv-beside", "as-tsv-and-tar", "common_voice", "segments", "forced")
EXPANDED = {
    "README.md": yaml.safe_dump(
        {
            "configs": [
                {"config_name": name, "data_files": [{"split": "train", "path": f"{name}.tar"}]}
                for name in ("north", "south")
            ]
        }
    )
    .join(["---\n", "---\n"])
    .encode(),
    "north.tar": LAYOUTS["webdataset"]["data/train-00000.tar"],
    "south.tar": LAYOUTS["webdataset"]["data/train-00000.tar"],
}


def forms() -> tuple[str, ...]:
    """Those that are tried: a few, or all of them in the soak."""
    return tuple(FORMS) if os.environ.get("LAYOUT_FORMS") == "all" else FEW


def mp3s(folder: DatasetFolder) -> list[bytes]:
    """The MP3s of a dataset that has the rows of all forms."""
    rows = read_rows_json(folder)
    assert [rows[row]["text"] for row in sorted(rows)] == list(TEXTS)
    return [(folder.audio / f"{row}.mp3").read_bytes() for row in sorted(rows)]


def assert_all_alike(places: Places, names: set[str]) -> None:
    """The datasets are published, whole, and have the same MP3s and texts."""
    found = {name: mp3s(places.dataset(name)) for name in names}
    first = next(iter(found.values()))
    assert [name for name, data in found.items() if data != first] == []
    assert [name for name in names if not places.link(name).is_symlink()] == []
    assert [finding for name in names for finding in verify_dataset(places, name)] == []


def to_request(fields: Mapping[str, Any]) -> str:
    """A request as a person writes it."""
    return yaml.safe_dump({"description": "A form", **fields})


def make_what_main_asks_for(world: World, datasets: int) -> set[str]:
    """Tick until so many datasets were asked for, and carry out their runs; their names."""
    made: set[str] = set()
    for _ in range(2 + 2 * datasets):
        definitions = world.load()
        job = definitions.resolve_implicit_global_asset_job_def()
        for run in world.tick().run_requests or []:
            assets = list(run.asset_selection or ())
            result = job.execute_in_process(
                instance=world.instance, tags=dict(run.tags), asset_selection=assets
            )
            assert result.success
            made.add(assets[0].path[0])
        if len(made) == datasets:
            break
    return made


def test_every_form_that_is_pushed_to_main_becomes_the_same_rows(world: World, hub: LoopbackHub):
    pushed = {}
    for name in forms():
        files, fields = FORMS[name]
        hub.publish(f"forms/{name}", files)
        pushed[f"requests/add/{name}.yaml"] = to_request({"hf_id": f"forms/{name}", **fields})
    hub.publish("forms/expanded", EXPANDED)
    pushed["requests/add/expanded.yaml"] = to_request(
        {"hf_id": "forms/expanded", "expand": {"subsets": "*"}}
    )
    archive = world.project.root / "cv-corpus-ms.tar.gz"
    archive.write_bytes(MOZILLA)
    source = {"archive": import_archive(world.places, archive).sha256, "recipe": "common_voice"}
    pushed["requests/add/imported.yaml"] = to_request(
        {"hf_id": "imported/cv", "subset": "ms", "source": source}
    )
    world.project.push(pushed)
    names = make_what_main_asks_for(world, len(pushed) + 1)
    assert len(names) == len(pushed) + 1
    assert_all_alike(world.places, names)


def test_a_form_that_is_materialized_by_hand_becomes_the_same_rows(
    hub: LoopbackHub, dataset: Callable[..., Dataset]
):
    files, fields = FORMS["ami"]
    hub.publish("by-hand/ami", files)
    made = dataset("by-hand/ami", **fields)
    assert made.plan().success
    assert made.make_all().success
    assert made.materialized("processed") == set(made.keys)
    assert len(mp3s(made.places.dataset(made.name))) == len(TEXTS)
    assert list(verify_dataset(made.places, made.name)) == []


@pytest.mark.soak
def test_200_clips_in_every_form_become_the_same_rows_by_a_push_to_main():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "pushed_to_main", str(Path(__file__))],
        env={**os.environ, "LAYOUT_CLIPS": "200", "LAYOUT_FORMS": "all"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
