"""A layout that was added to the list is planned and made by Dagster too."""

from collections.abc import Callable

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.verify.dataset import verify_dataset
from tests.dagster.conftest import Dataset
from tests.shards.layouts.worlds import ROWS, list_toy, publish_lines
from tests.trees import read_rows_json


def test_a_dataset_whose_rows_are_not_known_before_they_are_fetched_is_materialized(
    hub: LoopbackHub, dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
):
    list_toy(monkeypatch)
    publish_lines(hub, "lines/dagster")
    made = dataset("lines/dagster", audio_column="audio")
    assert made.plan().success
    planned = made.events("plan")[0].metadata
    assert "not known" in str(planned["rows"].value)
    first, second = made.keys
    assert made.make(first, first).success
    assert made.materialized("audio") == {first}
    assert made.make(second, second).success
    assert made.materialized("processed") == {first, second}
    rows = [event.metadata["dagster/row_count"].value for event in made.events("metadata")]
    assert sorted(rows) == [2, 5]
    assert tuple(sorted(read_rows_json(made.places.dataset(made.name)))) == ROWS
    assert not list(verify_dataset(made.places, made.name, deep=True))
