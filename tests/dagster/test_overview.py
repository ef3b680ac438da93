"""The asset `hugflow/overview`: what it shows, and when it is made again."""

from pathlib import Path

import dagster as dg

from hugflow.requests.collect import RequestSet, collect_requests
from hugflow.stages.standing.overview import OverviewLine, read_overview
from hugflow.store.layout import Places
from hugflow_assets.reporting.overview import KEY, overview_materialization
from hugflow_sensors.overview import INTERVAL_S, OverviewWatch

SPEECH = b"hf_id: acme/speech\ndescription: Speech\nowner: team:speech\n"
NAME = "acme__speech__split_train__rev_main"


def places_of(folder: Path) -> Places:
    return Places(folder / "datasets", folder / "processed", folder / "state")


def requests_of(**files: bytes) -> RequestSet:
    return collect_requests({f"requests/add/{name}.yaml": data for name, data in files.items()})


def test_every_request_has_a_line_and_so_has_a_refused_file(tmp_path: Path):
    lines = read_overview(places_of(tmp_path), {NAME: "team:speech"}, ["requests/add/bad.yaml"])
    assert [(line.dataset, line.state, line.owner) for line in lines] == [
        (NAME, "pending", "team:speech"),
        ("requests/add/bad.yaml", "refused", None),
    ]


def test_the_totals_are_those_of_all_lines():
    one = OverviewLine("one", "completed", 10, 1, 1.5, 100, "mit", "ab" * 20, "Ada")
    other = OverviewLine("other", "failed", 5, 2, 0.25, 50, None, None, None)
    told = overview_materialization([one, other])
    assert told.asset_key == KEY
    assert told.description == "1 completed, 1 failed"
    values = {name: value.value for name, value in told.metadata.items()}
    assert values["dagster/row_count"] == 15
    assert (values["failed_rows"], values["hours"], values["bytes"]) == (3, 1.75, 150)
    table = told.metadata["datasets"]
    assert isinstance(table, dg.TableMetadataValue)
    assert table.records[0].data["commit"] == "abababa"


def test_it_is_made_again_only_after_a_change_and_not_within_a_minute(tmp_path: Path):
    now = [0.0]
    watch, places = OverviewWatch(clock=lambda: now[0]), places_of(tmp_path)
    one, two = requests_of(a=SPEECH), requests_of(a=SPEECH, b=b"hf_id: acme/b\ndescription: B\n")
    assert watch.find_news(places, one, "a", is_busy=False) is not None
    assert watch.find_news(places, two, "b", is_busy=True) is None
    now[0] = INTERVAL_S
    news = watch.find_news(places, two, "b", is_busy=False)
    assert news is not None
    assert news.metadata["dataset_count"].value == 2
    now[0] = 2 * INTERVAL_S
    # Numbers of a dataset may differ while a run is at work, and here they do not.
    assert watch.find_news(places, two, "b", is_busy=True) is None
