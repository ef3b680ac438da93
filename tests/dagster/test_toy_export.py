"""An export that was added to the list is made and shown by Dagster too."""

from collections.abc import Callable

import pytest

from hugflow.exports import registry
from hugflow.exports.registry import EXPORTS
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow.verify.dataset import verify_dataset
from tests.dagster.conftest import Dataset
from tests.exports.toys import TOY, TOY_FOLDER


def test_a_materialized_dataset_has_the_files_of_a_new_export_and_its_page_names_them(
    hub: LoopbackHub, dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(registry, "EXPORTS", (*EXPORTS, TOY, TOY_FOLDER))
    publish_speech(hub, "toys/dagster", rows=4, shards=2, seconds=0.2)
    made = dataset("toys/dagster")
    made.plan()
    assert made.make_all().success
    root = made.places.dataset(made.name).root
    assert len((root / "toy.jsonl").read_text().splitlines()) == 4
    assert (root / "toys" / "rows.txt").read_text() == "4\n"
    shown = made.events("processed")[0].metadata["exports"].value
    toys = {"toy": ["toy.jsonl"], "toy_folder": ["toys/name.txt", "toys/rows.txt"]}
    assert isinstance(shown, dict)
    assert shown.items() >= toys.items()
    assert not list(verify_dataset(made.places, made.name))
