"""Hugflow from Python: stored datasets as polars frames."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from datasets import Audio

import hugflow
from hugflow.clients.hub import Hub
from hugflow.errors import HugflowError
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.column_types import publish_type
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text

pytestmark = pytest.mark.slow

SPEECH = "frames__speech__split_train__rev_main"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a folder whose name is a pattern, a partition and a format string at once."""
    root = tmp_path / "a=b [c]*{d}?"
    root.mkdir()
    (root / "workspace.yaml").write_text("load_from: []\n")
    for name in ("STORAGE_ROOT", "PROCESSED_ROOT", "STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    (root / ".env").write_text("PROCESSED_ROOT=./processed\n")
    return root


def places_of(root: Path) -> Places:
    return Places(root / "datasets", root / "processed", root / ".hugflow-state")


def open_in(root: Path, hf_id: str) -> Build:
    request = AddRequest(hf_id=hf_id, description="A test")
    return open_build(request, places_of(root), Hub(), Options(workers=2))


@pytest.fixture
def speech(hub: LoopbackHub, root: Path) -> Path:
    """A stored dataset of seven rows in two shards."""
    publish_speech(hub, "frames/speech", rows=7, shards=2, seconds=1.0)
    sync_dataset(open_in(root, "frames/speech"))
    return root


def test_the_rows_of_a_stored_dataset_are_scanned_in_order(speech: Path):
    frame = hugflow.scan(SPEECH, project=speech)
    assert isinstance(frame, pl.LazyFrame)
    rows = frame.collect()
    assert rows["row"].to_list() == list(range(7))
    assert rows.columns == ["row", "audio", "text", "speaker", "audio_filename", "audio_info"]
    path = rows["audio"].struct.field("path")[0]
    assert (speech / "datasets" / SPEECH / path).is_file()
    assert frame.filter(pl.col("speaker") == 1).select("row").collect()["row"].to_list() == [1, 4]


def test_the_project_is_that_of_the_working_directory(
    speech: Path, monkeypatch: pytest.MonkeyPatch
):
    (speech / "notebooks").mkdir()
    monkeypatch.chdir(speech / "notebooks")
    assert hugflow.scan(SPEECH).collect().height == 7
    assert hugflow.datasets()["name"].to_list() == [SPEECH]


def test_what_is_stored_is_a_frame_with_a_row_per_dataset(speech: Path, hub: LoopbackHub):
    publish_text(hub, "frames/text", rows=3, shards=2)
    build = open_in(speech, "frames/text")
    list(make_shards(build, build.plan.shards[:1]))
    frame = hugflow.datasets(project=str(speech))
    assert frame.columns == [
        "name",
        "state",
        "rows",
        "total_rows",
        "failed_rows",
        "hours",
        "bytes",
        "commit",
        "path",
        "link",
    ]
    done, begun = frame.to_dicts()
    assert done["name"] == SPEECH
    assert (done["state"], done["rows"], done["total_rows"]) == ("completed", 7, 7)
    assert done["hours"] > 0
    assert Path(done["link"]).resolve() == Path(done["path"]) == speech / "datasets" / SPEECH
    assert (begun["state"] != "completed", begun["link"]) == (True, None)
    assert begun["commit"] == build.plan.commit


def test_with_nothing_stored_the_frame_is_empty_and_has_its_columns(root: Path):
    frame = hugflow.datasets(project=root)
    assert frame.is_empty()
    assert frame.schema["rows"] == pl.Int64


@pytest.mark.parametrize("name", [SPEECH.replace("speech", "spech"), "frames/spech"])
def test_an_unknown_name_is_an_error_with_the_nearest(speech: Path, name: str):
    with pytest.raises(HugflowError, match=f"(?s)no dataset .* is stored.*{SPEECH}"):
        hugflow.scan(name, project=speech)


@pytest.mark.parametrize("name", ["", ".", "..", f"../datasets/{SPEECH}", "*", f"{SPEECH}/index"])
def test_a_name_is_never_a_path(speech: Path, name: str):
    with pytest.raises(HugflowError, match="is stored"):
        hugflow.scan(name, project=speech)


def test_a_dataset_that_is_not_complete_is_scanned_only_when_asked_to(root: Path, hub: LoopbackHub):
    publish_text(hub, "frames/begun", rows=10, shards=2)
    build = open_in(root, "frames/begun")
    list(make_shards(build, build.plan.shards[:1]))
    with pytest.raises(HugflowError, match="not complete"):
        hugflow.scan(build.name, project=root)
    rows = hugflow.scan(build.name, project=root, unfinished=True).collect()
    assert rows["row"].to_list() == list(range(5))


def test_a_dataset_without_rows_is_an_error(root: Path):
    (root / "datasets" / "empty" / "index").mkdir(parents=True)
    with pytest.raises(HugflowError, match="no rows"):
        hugflow.scan("empty", project=root, unfinished=True)


def test_a_file_that_is_gone_is_an_error_and_not_fewer_rows(speech: Path):
    gone = speech / "datasets" / SPEECH / "index" / "00001-of-00002.parquet"
    gone.unlink()
    with pytest.raises(HugflowError, match=r"00001-of-00002\.parquet is missing"):
        hugflow.scan(SPEECH, project=speech)


def test_columns_of_every_type_can_be_scanned(hub: LoopbackHub, root: Path):
    publish_type(hub, "all", "frames/all")
    build = open_in(root, "frames/all")
    sync_dataset(build)
    rows = hugflow.scan(build.name, project=root)
    found = rows.collect(engine="streaming")
    assert found.height == 4
    assert found["decimal256"].to_list()[0] == "1.500000"
    assert "numbers with more than 38 digits are text" in build.folder.card.read_text("utf-8")
    assert found["class_label"].to_list() == [1, 0, 2, None]


def test_importing_it_brings_in_nothing_else():
    program = """
import sys
before = set(sys.modules)
import hugflow
heavy = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
assert heavy == {"hugflow"}, heavy
assert [name for name in sys.modules if name.startswith("hugflow.")] == []
assert {"scan", "datasets"} <= set(dir(hugflow))
assert not hasattr(hugflow, "nothing")
from hugflow import scan
assert scan is hugflow.scan
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_command_line_does_not_bring_in_polars():
    program = """
import sys
from hugflow.cli.main import run
assert run(["--help"]) == 0
assert not {"polars", "datasets", "dagster"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_a_dataset_is_found_by_hf_id_prefix_and_request_file(speech: Path):
    request = speech / "requests" / "add" / "speech.yaml"
    request.parent.mkdir(parents=True)
    request.write_text('hf_id: "frames/speech"\ndescription: "A test"\n')
    for name in (SPEECH, "frames/speech", "frames__sp", str(request)):
        assert hugflow.path(name, project=speech) == places_of(speech).link(SPEECH)
    assert hugflow.scan("frames/speech", project=speech).collect().height == 7
    with pytest.raises(HugflowError, match="no dataset"):
        hugflow.path("frames/music", project=speech)


def test_a_stored_dataset_loads_with_the_addresses_of_its_clips(speech: Path):
    with pytest.raises(HugflowError, match="cannot load"):
        hugflow.load("frames/speech", project=speech)
    speech = speech.rename(speech.with_name("plain"))
    loaded = hugflow.load("frames/speech", project=speech)
    assert loaded.num_rows == 7
    paths = [Path(row["audio"]["path"]) for row in loaded]
    assert all(path.is_absolute() and path.read_bytes() for path in paths)
    assert len({*paths}) == 7
    # The address is what a decoder opens.
    kept = loaded.cast_column("audio", Audio(sampling_rate=16_000, decode=False))
    assert kept[6]["audio"]["path"] == str(paths[6])
    assert kept.features["audio"].sampling_rate == 16_000
    assert loaded.filter(lambda row: row["row"] > 4).num_rows == 2
    streamed = hugflow.load("frames/speech", project=speech, streaming=True)
    assert Path(next(iter(streamed))["audio"]["path"]) == paths[0]
