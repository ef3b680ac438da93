"""Mixtures: the same seed gives the same rows, and trainers can read what is written."""

import gzip
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
import yaml

from hugflow.corpus.mixture_file import read_mixture
from hugflow.corpus.mixtures import Chosen, choose_rows, write_mixture
from hugflow.corpus.tables import read_tables
from hugflow.errors import HugflowError, PlanOutOfDate, RequestInvalid, UsageWrong
from hugflow.stages.build.options import Options
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet
from tests.audio.clips import tone, write
from tests.builds import OpenFor

CLIP = write(0.5 * tone(8_000))
ONE, TWO = "mix__one__split_train__rev_main", "mix__two__split_train__rev_main"


@pytest.fixture
def stored(hub: LoopbackHub, open_for: OpenFor, places: Places) -> Places:
    """Two datasets of ten clips of half a second."""
    for name in ("one", "two"):
        audio = pa.array([{"bytes": CLIP, "path": None}] * 10)
        table = pa.table({"audio": audio, "text": [f"{name} {row}" for row in range(10)]})
        hub.publish(f"mix/{name}", {"data/train-0.parquet": write_parquet(table)})
        sync_dataset(open_for(f"mix/{name}", replace(Options(), exports=())))
    return places


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def choose(places: Places, path: Path, text: str) -> list[Chosen]:
    return choose_rows(read_mixture(written(path, text)), read_tables(places), places)


def test_hours_are_shared_by_weight_and_the_seed_decides_which_rows(stored: Places, tmp_path: Path):
    text = """
seed: {seed}
hours: 0.001
datasets:
  - {{dataset: "mix/one#train", weight: 3}}
  - {{dataset: "mix/two#train"}}
"""
    file = tmp_path / "a.yaml"
    first = choose(stored, file, text.format(seed=1))
    again = choose(stored, file, text.format(seed=1))
    other = choose(stored, file, text.format(seed=2))
    # 3.6 seconds, of clips of half a second: 2.7 and 0.9.
    assert [len(each.places) for each in first] == [6, 2]
    assert [each.places for each in first] == [each.places for each in again]
    assert [each.places for each in first] != [each.places for each in other]


def test_what_is_written_has_the_chosen_rows_in_each_form(stored: Places, tmp_path: Path):
    text = f"""
datasets:
  - {{dataset: {ONE}, keep: "row < 3"}}
  - {{dataset: "mix/two#train", hours: 0.0002}}
"""
    file, out = tmp_path / "a.yaml", tmp_path / "out"
    chosen = choose(stored, file, text)
    write_mixture(read_mixture(file), chosen, out)
    config = yaml.safe_load((out / "input_cfg.yaml").read_text())
    manifests = [Path(each["manifest_filepath"]).read_text().splitlines() for each in config]
    assert [len(lines) for lines in manifests] == [3, 2]
    assert Path(json.loads(manifests[0][0])["audio_filepath"]).is_file()
    packed = (out / "cuts.jsonl.gz").read_bytes()
    cuts = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    assert len({each["id"] for each in cuts}) == 5
    assert all(Path(each["recording"]["sources"][0]["source"]).is_file() for each in cuts)
    rows = pl.read_parquet(out / "rows.parquet")
    assert rows["dataset"].to_list() == [ONE] * 3 + [TWO] * 2
    assert rows["row"].to_list()[:3] == [0, 1, 2]
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write_mixture(read_mixture(file), choose(stored, file, text), out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    changed = choose(stored, file, text.replace("row < 3", "row < 4"))
    with pytest.raises(PlanOutOfDate, match="other rows"):
        write_mixture(read_mixture(file), changed, out)
    (out / "mixture.lock.json").write_text("{")
    with pytest.raises(PlanOutOfDate, match="other rows"):
        write_mixture(read_mixture(file), changed, out)
    write_mixture(read_mixture(file), changed, out, update=True)
    assert len(pl.read_parquet(out / "rows.parquet")) == 6


def test_a_comment_changes_no_mixture_and_a_tiny_weight_stays_above_zero(
    stored: Places, tmp_path: Path
):
    file, out = tmp_path / "a.yaml", tmp_path / "out"
    text = f"datasets: [{{dataset: {ONE}, weight: 1.0e-7}}, {{dataset: {TWO}}}]\n"
    chosen = choose(stored, file, text)
    write_mixture(read_mixture(file), chosen, out)
    weights = [each["weight"] for each in yaml.safe_load((out / "input_cfg.yaml").read_text())]
    assert weights == [1e-7, 1]
    # An earlier version knew a mixture by the bytes of its file.
    lock = json.loads((out / "mixture.lock.json").read_text())
    lock["mixture"] = hashlib.sha256(text.encode()).hexdigest()
    (out / "mixture.lock.json").write_text(json.dumps(lock))
    write_mixture(read_mixture(file), chosen, out)
    commented = choose(stored, file, "# Twice as much?\n" + text.replace(", ", ",  "))
    write_mixture(read_mixture(file), commented, out)
    heavier = choose(stored, file, text.replace("-7", "-6"))
    with pytest.raises(PlanOutOfDate, match="other rows"):
        write_mixture(read_mixture(file), heavier, out)


def test_a_part_of_a_mixture_is_one_complete_dataset_with_audio(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path
):
    table = pa.table({"text": ["only", "text"]})
    for split in ("train", "test"):
        hub.publish(f"mix/{split}", {f"data/{split}-0.parquet": write_parquet(table)})
        sync_dataset(open_for(f"mix/{split}", replace(Options(), exports=()), split=split))
    with pytest.raises(UsageWrong, match="mix/train, which has no audio") as refused:
        choose(places, tmp_path / "a.yaml", "datasets: [{dataset: mix/train}]")
    assert "sync" not in refused.value.mend
    one, other = (replace(each, hf_id="mix/both") for each in read_tables(places))
    part = read_mixture(written(tmp_path / "a.yaml", "datasets: [{dataset: mix/both}]"))
    with pytest.raises(UsageWrong, match="is 2 complete datasets") as refused:
        choose_rows(part, [one, other], places)
    assert f"{one.name}, {other.name}" in refused.value.why


def test_the_manifest_of_a_dataset_that_left_the_mixture_is_deleted(stored: Places, tmp_path: Path):
    file, out = tmp_path / "a.yaml", tmp_path / "out"
    for parts in (f"{{dataset: {ONE}}}, {{dataset: {TWO}}}", f"{{dataset: {TWO}}}"):
        chosen = choose(stored, file, f"datasets: [{parts}]")
        write_mixture(read_mixture(file), chosen, out, update=True)
        (out / "notes.jsonl").write_text("of a person")
    assert {path.name for path in out.glob("*.jsonl")} == {f"{TWO}.jsonl", "notes.jsonl"}


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("datasets: []", RequestInvalid, "no list of datasets"),
        ("sed: 1", RequestInvalid, "sed is an unknown field"),
        ("datasets: [{dataset: a, wieght: 2}]", RequestInvalid, "wieght is an unknown field"),
        ("datasets: [{dataset: a, weight: 0}]", RequestInvalid, "weight is no number above 0"),
        ("datasets: [{dataset: a, weight: .inf}]", RequestInvalid, "weight is no number above 0"),
        ("datasets: [{dataset: a, hours: .nan}]", RequestInvalid, "hours is no number above 0"),
        ("datasets: [{dataset: a, hours: [1]}]", RequestInvalid, "hours is no number above 0"),
        ("datasets: [{dataset: a, keep: 'x >'}]", RequestInvalid, "keep of a cannot be read"),
        ("datasets: [{dataset: a}, {dataset: a}]", RequestInvalid, "twice"),
        ("datasets: [{dataset: nobody/has}]", UsageWrong, "nobody/has"),
        ("seed: [", RequestInvalid, "a.yaml:2"),
    ],
)
def test_a_wrong_mixture_is_refused_with_its_field(
    places: Places, tmp_path: Path, text: str, error: type[HugflowError], words: str
):
    with pytest.raises(error, match=words):
        choose(places, tmp_path / "a.yaml", text)


def test_a_mixture_neither_doubles_rows_nor_leaves_all_out_unseen(
    stored: Places, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with pytest.raises(UsageWrong, match="twice, as mix__one__split_train__rev_main and mix/one"):
        choose(stored, tmp_path / "a.yaml", f"datasets: [{{dataset: {ONE}}}, {{dataset: mix/one}}]")
    file, parts = tmp_path / "a.yaml", f"{{dataset: {ONE}, keep: 'row > 99'}}, {{dataset: {TWO}}}"
    chosen = choose(stored, file, f"datasets: [{parts}]")
    write_mixture(read_mixture(file), chosen, tmp_path)
    [entry] = yaml.safe_load((tmp_path / "input_cfg.yaml").read_text())
    assert entry["manifest_filepath"] == str(tmp_path / f"{TWO}.jsonl")
    assert f"no row of {ONE} is in the mixture" in caplog.text
    with pytest.raises(RequestInvalid, match="not measured"):
        choose(stored, tmp_path / "a.yaml", f"datasets: [{{dataset: {ONE}, keep: 'snr > 1'}}]")
