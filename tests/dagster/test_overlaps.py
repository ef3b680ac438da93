"""The asset `hugflow/overlaps`: a table of what datasets share, and a check for each kind."""

import dagster as dg
import pyarrow as pa
import pytest

from hugflow.stages.sync import sync_dataset
from hugflow.statistics.overlaps import Overlap
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.speech import encode, speech_like
from hugflow.testing.tables import write_parquet
from hugflow_assets import overlaps
from hugflow_assets.overlaps import KEY, MEANING_BY_CHECK, build_overlaps
from hugflow_resources.storage import Storage
from tests.builds import OpenFor


def look(places: Places, *, sound: bool = False) -> dg.ExecuteInProcessResult:
    storage = Storage(
        storage_root=str(places.storage_root),
        processed_root=str(places.processed_root),
        state_dir=str(places.state_dir),
    )
    return dg.materialize(
        [build_overlaps()],
        resources={"storage": storage},
        run_config={"ops": {KEY.to_python_identifier(): {"config": {"sound": sound}}}},
    )


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


@pytest.mark.slow
def test_what_two_datasets_share_is_a_table_and_a_warning_of_its_kind(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    clips = [encode(speech_like(0.2, 8_000, seed=seed), 8_000, "wav") for seed in range(3)]
    for name, chosen in {"one": (0, 1), "two": (2, 1)}.items():
        rows = [
            {"audio": {"bytes": clips[at], "path": None}, "text": f"{name} {at}", "speaker": name}
            for at in chosen
        ]
        data = write_parquet(pa.Table.from_pylist(rows))
        hub.publish(f"shared/{name}", {"data/train-0.parquet": data})
        sync_dataset(open_for(f"shared/{name}"))
    result = look(places)
    (event,) = result.asset_materializations_for_node(KEY.to_python_identifier())
    (line,) = event.metadata["overlaps"].value.records  # type: ignore[union-attr]
    one, two = (f"shared__{name}__split_train__rev_main" for name in ("one", "two"))
    assert line.data == {
        "kind": "audio",
        "dataset": one,
        "other": two,
        "count": 1,
        "row": 1,
        "other_row": 1,
        "value": "",
    }
    assert event.metadata["dataset_count"].value == 2
    checks = checks_of(result)
    assert checks.keys() == MEANING_BY_CHECK.keys()
    assert {name for name, check in checks.items() if not check.passed} == {"same_audio"}
    failed = checks["same_audio"]
    assert (failed.severity, failed.description) == (dg.AssetCheckSeverity.WARN, "1 found")
    assert checks["same_sound"].description == "not compared: the config `sound` is false"


def test_without_chromaprint_the_check_of_sounds_says_that_it_is_missing(
    places: Places, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(__import__("sys").modules, "chromaprint", None)
    check = checks_of(look(places, sound=True))["same_sound"]
    assert "Chromaprint is not installed" in str(check.description)


def test_a_long_table_ends_with_how_many_more_there_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(overlaps, "MOST_LINES", 2)
    found = [Overlap("text", f"d{at}", 0, "e", 1, "\x1bx") for at in range(5)]
    metadata = overlaps._metadata(overlaps._group(found), 6)
    assert len(metadata["overlaps"].records) == 2
    assert metadata["dagster/row_count"] == 5
    assert metadata["more"].startswith("3 more lines")
    assert metadata["overlaps"].records[0].data["value"] == r"\x1bx"
