"""Several audio columns: an MP3 of each for every row."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pytest

from hugflow.errors import RequestInvalid
from hugflow.exports.croissant import CROISSANT
from hugflow.exports.nemo import NEMO
from hugflow.provenance.why import explain
from hugflow.stages.build.build import Build
from hugflow.stages.planning.estimate import estimate
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.publishing.export_stored import export_stored
from hugflow.stages.standing.measure import measure_dataset
from hugflow.stages.sync import sync_dataset
from hugflow.stages.tree.manifest import read_manifest
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.speech import encode, speech_like
from hugflow.testing.tables import write_parquet
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor, open_in, raw_fetches
from tests.trees import read_failures, read_rows_json, read_tree

pytestmark = pytest.mark.slow

BOTH = ["audio", "target_audio"]
ROWS = 6


def clip(seconds: float, rate: int = 8_000, form: str = "wav") -> dict[str, Any]:
    name = f"{seconds}.{form}"
    return {"bytes": encode(speech_like(seconds, rate), rate, form), "path": name}


def table_of(rows: int = ROWS, **columns: Any) -> pa.Table:
    return pa.table(
        {
            "audio": [clip(0.1 + row / 100) for row in range(rows)],
            "text": [f"row {row}" for row in range(rows)],
            "target_audio": [clip(0.3 + row / 100, 16_000, "flac") for row in range(rows)],
        }
        | columns
    )


def publish(hub: LoopbackHub, hf_id: str, *tables: pa.Table) -> None:
    files = {f"data/train-{n}.parquet": write_parquet(table) for n, table in enumerate(tables)}
    hub.publish(hf_id, files)


def make(hub: LoopbackHub, open_for: OpenFor, hf_id: str, **columns: Any) -> Build:
    publish(hub, hf_id, table_of(**columns))
    build = open_for(hf_id, audio_columns=BOTH)
    sync_dataset(build)
    return build


def test_an_export_outside_of_the_dataset_names_the_clips_of_every_column(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path
):
    build = make(hub, open_for, "columns/exported")
    out = tmp_path / "out"
    [nemo] = export_stored(places, build.name, NEMO, out)
    rows = [json.loads(line) for line in nemo.read_text().splitlines()]
    assert len(rows) == ROWS
    for row in rows:
        assert (out / row["audio_filepath"]).is_file()
        assert (out / row["target_audio"]).is_file()
    [croissant] = export_stored(places, build.name, CROISSANT, out)
    described = json.loads(croissant.read_text("utf-8"))["distribution"]
    assert [(out / file["contentUrl"]).is_file() for file in described] == [True]


def test_every_named_column_becomes_mp3s_with_their_facts_beside_them(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    build = make(hub, open_for, "columns/both")
    folder = build.folder
    names = {f"{row}.mp3" for row in range(ROWS)}
    assert {path.name for path in folder.audio.iterdir()} == {*names, "target_audio"}
    assert {path.name for path in (folder.audio / "target_audio").iterdir()} == names
    for row, value in read_rows_json(folder).items():
        own, other = value["audio_info"], value["audio_info_target_audio"]
        assert value["audio"] == f"{build.tree}/audio/{row}.mp3"
        assert value["target_audio"] == f"{build.tree}/audio/target_audio/{row}.mp3"
        assert (own["path"], own["sampling_rate"]) == (f"audio/{row}.mp3", 8_000)
        assert other["path"] == f"audio/target_audio/{row}.mp3"
        assert (other["sampling_rate"], other["source_format"]) == (16_000, "flac")
        assert own["num_samples"] == round((0.1 + row / 100) * 8_000)
        assert other["num_samples"] == round((0.3 + row / 100) * 16_000)
    assert list(verify_dataset(places, build.name, deep=True)) == []


def test_the_published_folder_loads_with_both_columns(hub: LoopbackHub, open_for: OpenFor):
    build = make(hub, open_for, "columns/loads")
    rows = datasets.load_dataset(str(build.folder.root), split="train")
    assert rows.features["target_audio"] == datasets.Audio(decode=False)
    assert rows[3]["target_audio"] == {"bytes": None, "path": "audio/target_audio/3.mp3"}
    assert rows[3]["audio_info_target_audio"]["sampling_rate"] == 16_000
    assert (build.folder.root / rows[3]["target_audio"]["path"]).is_file()
    card = build.folder.card.read_text("utf-8")
    assert "* `audio/target_audio/`: the column `target_audio` as mono MP3\n" in card


def test_manifest_and_status_count_all_mp3s_and_the_length_of_the_main_column(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    build = make(hub, open_for, "columns/counts")
    manifest = read_manifest(build.folder.manifest)
    assert manifest is not None
    files = list(build.folder.audio.rglob("*.mp3"))
    assert manifest.audio_columns == ("audio", "target_audio")
    assert manifest.audio.files == manifest.audio.encoded == len(files) == 2 * ROWS
    assert manifest.audio.bytes == sum(path.stat().st_size for path in files)
    assert manifest.audio.seconds == pytest.approx(sum(0.1 + row / 100 for row in range(ROWS)))
    assert manifest.statistics is not None
    measured = measure_dataset(places, build.name, manifest)
    beside = [path for path in build.folder.root.iterdir() if path.is_file()]
    assert measured.files == 3 * ROWS + len(beside) + 1


def test_without_the_field_the_manifest_has_the_main_column_only(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "columns/one", table_of())
    build = open_for("columns/one")
    assert any("audio_columns: ['audio', 'target_audio']" in each for each in build.plan.warnings)
    sync_dataset(build)
    assert "audio_columns" not in json.loads(build.folder.manifest.read_text())
    assert [path for path in build.folder.audio.iterdir() if path.is_dir()] == []
    same = open_for("columns/one", audio_columns=["audio"])
    assert same.plan.id == build.plan.id


@pytest.mark.parametrize(
    ("column", "bad", "code"),
    [
        ("audio", {"bytes": b"\x01junk\xff" * 20, "path": "a.wav"}, "audio_unsupported"),
        ("target_audio", {"bytes": b"\x01junk\xff" * 20, "path": "a.wav"}, "audio_unsupported"),
        ("target_audio", {"bytes": b"", "path": "a.wav"}, "audio_empty"),
        ("target_audio", None, "audio_missing"),
    ],
)
def test_a_bad_clip_in_any_column_fails_the_row(
    hub: LoopbackHub, open_for: OpenFor, places: Places, column: str, bad: Any, code: str
):
    clips = [*table_of().column(column).to_pylist()]
    clips[2] = bad
    hf_id = f"columns/bad-{column}-{code}"
    build = make(hub, open_for, hf_id, **{column: pa.array(clips)})
    [failed] = read_failures(build.folder)
    assert (failed["row"], failed["code"]) == (2, code)
    assert str(failed["message"]).startswith(f"{column}: ")
    assert {path.stem for path in build.folder.audio.rglob("*.mp3")} == set("01345")
    assert list(verify_dataset(places, build.name, deep=True)) == []


@pytest.mark.parametrize("lost", ["audio/1.mp3", "audio/target_audio/1.mp3"])
@pytest.mark.parametrize("how", ["deleted", "cut"])
def test_a_lost_mp3_of_any_column_is_found_and_made_again(
    hub: LoopbackHub, open_for: OpenFor, places: Places, lost: str, how: str
):
    build = make(hub, open_for, f"columns/{how}-{lost.count('/')}")
    whole, path = read_tree(build.folder.root), build.folder.root / lost
    if how == "deleted":
        path.unlink()
    else:
        os.truncate(path, 100)
    codes = [each.code for each in verify_dataset(places, build.name)]
    assert ("mp3_missing" if how == "deleted" else "mp3_size") in codes
    sync_dataset(open_for(build.request.hf_id, audio_columns=BOTH))
    assert read_tree(build.folder.root) == whole
    assert list(verify_dataset(places, build.name, deep=True)) == []


def test_damage_strangers_and_a_missing_folder_of_another_column_are_differences(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    build = make(hub, open_for, "columns/damaged")
    folder = build.folder.audio / "target_audio"
    (folder / "stranger.mp3").write_bytes(b"x")
    shutil.copyfile(folder / "2.mp3", folder / "1.mp3")
    codes = {
        (each.code, each.path.rpartition("/")[2])
        for each in verify_dataset(places, build.name, deep=True)
    }
    assert codes >= {("unknown_file", "stranger.mp3"), ("mp3_differs", "1.mp3")}
    shutil.rmtree(folder)
    assert "folder_missing" in {each.code for each in verify_dataset(places, build.name)}


def test_a_killed_call_leaves_rows_that_the_next_one_completes(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    whole = make(hub, open_for, "columns/undisturbed")
    build = make(hub, open_for, "columns/killed")
    expected = {name for name in read_tree(whole.folder.root) if name.endswith(".mp3")}
    # As after a kill between the renames: the main MP3 is there, the other one and the journal are not.
    journal = build.state.journal(build.plan.shards[0].name)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-2]))
    for stage in ("audio", "metadata"):
        build.state.marker(build.plan.shards[0].name, stage).unlink()
    build.folder.manifest.unlink()
    (build.folder.audio / "target_audio" / "5.mp3").unlink()
    sync_dataset(open_for("columns/killed", audio_columns=BOTH))
    made = read_tree(build.folder.root)
    assert {name for name in made if name.endswith(".mp3")} == expected
    assert list(verify_dataset(places, build.name, deep=True)) == []


def test_a_lost_state_is_rebuilt_from_the_tree(hub: LoopbackHub, open_for: OpenFor, places: Places):
    build = make(hub, open_for, "columns/lost-state")
    whole = read_tree(build.folder.root)
    shutil.rmtree(places.state_dir)
    hub.clear_requests()
    sync_dataset(open_for("columns/lost-state", audio_columns=BOTH))
    assert raw_fetches(hub) == 0
    assert read_tree(build.folder.root) == whole


def test_more_columns_make_a_new_tree_and_fewer_bring_the_old_rows_back(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish(hub, "columns/more", table_of())
    before = open_for("columns/more")
    sync_dataset(before)
    one = read_tree(before.folder.root)
    more = open_for("columns/more", audio_columns=BOTH)
    assert more.plan.id != before.plan.id
    sync_dataset(more)
    folder = places.dataset(more.name)
    assert len(list(folder.audio.rglob("*.mp3"))) == 2 * ROWS
    sync_dataset(open_for("columns/more"))
    assert {n: b for n, b in read_tree(folder.root).items() if n != "manifest.json"} == {
        n: b for n, b in one.items() if n != "manifest.json"
    }


def test_shards_that_stay_the_same_are_linked_with_all_their_mp3s(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish(hub, "columns/linked", table_of(), table_of(2))
    before = open_for("columns/linked", audio_columns=BOTH)
    sync_dataset(before)
    clips = {
        path.relative_to(before.folder.root): path.stat().st_ino
        for path in before.folder.audio.rglob("*.mp3")
        if int(path.stem) < ROWS
    }
    publish(hub, "columns/linked", table_of(), table_of(3))
    build = open_build(before.request, places, before.hub, before.options, update=True)
    hub.clear_requests()
    sync_dataset(build)
    assert raw_fetches(hub) == 1
    root = places.dataset(build.name).root
    assert {path: (root / path).stat().st_ino for path in clips} == clips
    assert list(verify_dataset(places, build.name, deep=True)) == []


def test_paths_of_all_columns_follow_a_storage_root_that_is_called_otherwise(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    build = make(hub, open_for, "columns/renamed")
    moved = replace(places, storage_root=places.storage_root.parent / "otherwise")
    places.storage_root.rename(moved.storage_root)
    sync_dataset(open_in(moved)("columns/renamed", audio_columns=BOTH))
    for value in read_rows_json(moved.dataset(build.name)).values():
        assert value["target_audio"].startswith(f"otherwise/{build.name}/audio/target_audio/")
    assert list(verify_dataset(moved, build.name, deep=True)) == []


def test_fields_inside_structs_and_odd_names_get_safe_folders(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    columns = ["item.audio", "item.noise", "../Wide net", "wide net", "..", "audio_info"]
    pair = {"audio": clip(0.1), "noise": clip(0.2), "id": 7}
    table = pa.table({"item": [pair] * 2, **{name: [clip(0.3)] * 2 for name in columns[2:]}})
    publish(hub, "columns/odd", table)
    build = open_for("columns/odd", audio_columns=columns)
    sync_dataset(build)
    folders = {path.name for path in build.folder.audio.iterdir() if path.is_dir()}
    assert folders == {"item.noise", "Wide_net", "wide_net-2", "column", "audio_info"}
    value = read_rows_json(build.folder)[1]
    assert value["item"] == {"id": 7}
    assert value["audio_info_source"].endswith("/audio/audio_info/1.mp3")
    assert value["audio_info_.."]["path"] == "audio/column/1.mp3"
    rows = datasets.load_dataset(str(build.folder.root), split="train")
    assert rows[0]["item.noise"]["path"] == "audio/item.noise/0.mp3"
    assert list(verify_dataset(places, build.name, deep=True)) == []


def test_a_clip_of_another_column_may_be_a_file_of_the_repository(
    hub: LoopbackHub, open_for: OpenFor
):
    paths = [{"bytes": None, "path": f"clips/{row}.wav"} for row in range(2)]
    files = {f"clips/{row}.wav": clip(0.2 + row)["bytes"] for row in range(2)}
    table = write_parquet(table_of(2, target_audio=paths))
    hub.publish("columns/files", {"data/train-0.parquet": table, **files})
    build = open_for("columns/files", audio_columns=BOTH)
    sync_dataset(build)
    infos = [row["audio_info_target_audio"] for row in read_rows_json(build.folder).values()]
    assert {info["source_path"] for info in infos} == files.keys()


@pytest.mark.parametrize(
    ("columns", "fault", "mend"),
    [
        (["audio", "target_audo"], "no audio column 'target_audo'", "'target_audio'"),
        (["audoi", "target_audio"], "no audio column 'audoi'", "name 'audio' in its place"),
        (["audio", "number"], "the column 'number' holds no audio", "audio_columns"),
    ],
)
def test_a_column_that_is_not_there_or_holds_no_audio_is_refused_by_name(
    hub: LoopbackHub, open_for: OpenFor, columns: list[str], fault: str, mend: str
):
    name = f"columns/refused-{abs(hash(tuple(columns)))}"
    publish(hub, name, table_of(number=pa.array(np.arange(ROWS))))
    with pytest.raises(RequestInvalid, match=fault) as caught:
        open_for(name, audio_columns=columns)
    assert mend in caught.value.mend


def test_the_estimate_counts_every_column(hub: LoopbackHub, open_for: OpenFor):
    publish(hub, "columns/estimate", table_of(20))
    build = open_for("columns/estimate", audio_columns=BOTH)
    estimated = estimate(build)
    made = sync_dataset(build).published.manifest
    assert estimated.mp3_bytes == pytest.approx(made.audio.bytes, rel=0.2)
    assert estimated.json_bytes == pytest.approx(made.json.bytes, rel=0.2)
    assert estimated.hours == pytest.approx(made.hours, rel=0.2)
    inodes = 1 + sum(1 for _ in build.folder.root.rglob("*")) + 1
    assert abs((estimated.files or 0) - inodes) <= 2


def test_why_explains_the_mp3_of_each_column(hub: LoopbackHub, open_for: OpenFor, places: Places):
    build = make(hub, open_for, "columns/why")
    asked = build.folder.audio / "target_audio" / "4.mp3"
    origin = explain(places, str(asked), {}, places.storage_root)
    assert (origin.row, origin.mp3, origin.sampling_rate) == (4, str(asked), 16_000)
    main = explain(places, f"{build.name}#4", {}, places.storage_root)
    assert (main.mp3, main.sampling_rate) == (str(build.folder.audio / "4.mp3"), 8_000)
