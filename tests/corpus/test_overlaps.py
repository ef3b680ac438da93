"""Overlaps planted in three datasets: all are found, and nothing else."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import lameenc
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from datasets import ClassLabel, Features

from hugflow.corpus.compare import compare_tables
from hugflow.corpus.query import json_rows, run_query
from hugflow.corpus.tables import read_tables
from hugflow.errors import StageMissing, StateUnreadable, UsageWrong
from hugflow.requests.read import parse_request
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.publishing.no_overlap import OverlapFound, hold_comparing
from hugflow.stages.standing.expansions import EXPANSION, Expansion
from hugflow.stages.sync import sync_dataset
from hugflow.statistics.overlaps import Overlap, find_overlaps, find_same_speakers
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.speech import speech_like
from hugflow.testing.tables import write_parquet
from hugflow.verify.dataset import verify_dataset
from tests.audio.clips import write
from tests.builds import OpenFor
from tests.trees import read_tree

pytestmark = pytest.mark.slow

RATE_HZ = 8_000
Pcm = npt.NDArray[np.int16]
Row = dict[str, Any]


def say(seconds: float, seed: int) -> Pcm:
    return np.rint(speech_like(seconds, RATE_HZ, seed=seed) * 32_767).astype(np.int16)


def lossy(sound: Pcm) -> bytes:
    """The sound as an MP3 of 64 kbit/s in stereo, which is encoded again."""
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_channels(2)
    encoder.set_in_sample_rate(RATE_HZ)
    encoder.set_out_sample_rate(RATE_HZ)
    encoder.set_bit_rate(64)
    return bytes(encoder.encode(np.repeat(sound, 2).tobytes()) + encoder.flush())


def row_of(seed: int, data: bytes, speaker: str) -> Row:
    return {"audio": {"bytes": data, "path": None}, "text": f"text {seed}", "speaker_id": speaker}


def plant(rows: int, each: int) -> tuple[dict[str, list[Row]], dict[str, set[tuple[int, int]]]]:
    """Rows of three datasets; by kind, the rows of the first that one of the others has too."""
    names = ("one", "two", "three")
    random = np.random.default_rng(5)
    sounds = [say(random.uniform(5, 7), seed) for seed in range(rows)]
    found: dict[str, list[Row]] = {
        name: [
            row_of(seed, write(sounds[seed], RATE_HZ), f"speaker_{seed:05}")
            for seed in range(at, rows, 3)
        ]
        for at, name in enumerate(names)
    }
    copies = {"audio": lambda sound: write(sound, RATE_HZ, format="FLAC"), "sound": lossy}

    def trim(sound: Pcm) -> bytes:
        begin, end = (int(random.uniform(0.05, 0.5) * RATE_HZ) for _ in range(2))
        return write(sound[begin : len(sound) - end], RATE_HZ)

    planted: dict[str, set[tuple[int, int]]] = {}
    for kind, make in ({**copies, "trimmed": trim}).items():
        for number in range(each):
            first = {"audio": 0, "sound": each, "trimmed": 2 * each}[kind] + number
            other = found["two"]
            other.append(
                row_of(10_000 + len(other), make(sounds[3 * first]), f"new_{len(other):06}")
            )
            planted.setdefault(kind, set()).add((first, len(other) - 1))
    for number in range(each // 2):
        found["three"][number]["speaker_id"] = found["one"][number]["speaker_id"]
    return found, planted


def store(hub: LoopbackHub, open_for: OpenFor, found: dict[str, list[Row]], measure: str) -> None:
    for name, rows in found.items():
        hub.publish(
            f"planted/{name}", {"data/train-0.parquet": write_parquet(pa.Table.from_pylist(rows))}
        )
        options = replace(Options(), measure=measure, exports=())
        sync_dataset(open_for(f"planted/{name}", options))


def pairs(overlaps: list[Overlap], kind: str) -> set[tuple[int, int]]:
    return {(each.row, each.other_row) for each in overlaps if each.kind == kind}


@pytest.mark.parametrize(
    ("rows", "each", "measure"),
    [
        (24, 2, "true"),
        (24, 2, "false"),
        pytest.param(2_000, 10, "true", marks=pytest.mark.soak),
    ],
)
def test_all_planted_overlaps_are_found_and_nothing_else(
    hub: LoopbackHub, open_for: OpenFor, places: Places, rows: int, each: int, measure: str
):
    pytest.importorskip("chromaprint", exc_type=ImportError)
    found, planted = plant(rows, each)
    store(hub, open_for, found, measure)
    tables = read_tables(places)
    compared = compare_tables(tables, places.state_dir / "fingerprints", 2)
    # The datasets are compared by name: one, three, two.
    assert pairs(compared.overlaps, "audio") == planted["audio"]
    sound = pairs(compared.overlaps, "sound")
    assert planted["sound"] <= sound <= planted["sound"] | planted["trimmed"]
    assert len(planted["trimmed"] - sound) <= each // 10
    assert pairs(compared.overlaps, "speaker") == {(at, at) for at in range(each // 2)}
    assert pairs(compared.overlaps, "text") == set()
    again = compare_tables(tables, places.state_dir / "fingerprints", 2)
    assert again.overlaps == compared.overlaps
    for kept in (places.state_dir / "fingerprints").iterdir():
        kept.write_bytes(b"PK\x03\x04 is no whole archive")
    assert compare_tables(tables, places.state_dir / "fingerprints", 2) == compared


def test_an_mp3_that_could_not_be_heard_is_told_and_heard_the_next_time(
    hub: LoopbackHub,
    open_for: OpenFor,
    places: Places,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    pytest.importorskip("chromaprint", exc_type=ImportError)
    sound = say(6, 1)
    rows = [row_of(0, write(sound, RATE_HZ), "ann"), row_of(1, write(say(1, 2), RATE_HZ), "ann")]
    store(hub, open_for, {"one": rows, "two": [row_of(2, lossy(sound), "bob")]}, "false")
    one, two = tables = read_tables(places)
    mp3 = next((one.root / "audio").glob("0*.mp3"))
    away = mp3.rename(mp3.with_suffix(".away"))
    assert pairs(compare_tables(tables, places.fingerprints, 1).overlaps, "sound") == set()
    assert f"1 MP3 of {one.name} could not be heard" in caplog.text
    assert "row 0;" in caplog.text
    away.rename(mp3)
    assert pairs(compare_tables(tables, places.fingerprints, 1).overlaps, "sound") == {(0, 0)}
    # A clip too short for a fingerprint was heard. Now nothing is asked again.
    monkeypatch.setattr("hugflow.corpus.sounds.open_workers", None)
    assert pairs(compare_tables(tables, places.fingerprints, 1).overlaps, "sound") == {(0, 0)}
    monkeypatch.undo()
    as_before(places.fingerprints / f"{two.name}.npz")
    assert pairs(compare_tables(tables, places.fingerprints, 1).overlaps, "sound") == {(0, 0)}


def as_before(path: Path) -> None:
    """Make kept fingerprints those of an earlier version, to which the MP3s were silent."""
    with np.load(path) as kept:
        fields = {name: kept[name] for name in ("index", "rows", "lengths")}
    fields["lengths"][:] = 0
    np.savez_compressed(path, prints=np.empty(0, np.uint32), **fields)


def test_a_text_is_the_same_in_any_case_and_spacing(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    clip = write(speech_like(0.3, RATE_HZ), RATE_HZ)
    rows = [row_of(0, clip, "ann"), row_of(1, clip, "bob")]
    other = [{**rows[0], "text": " TEXT\t0", "speaker_id": "ann"}]
    store(hub, open_for, {"one": rows, "two": other}, "true")
    tables = read_tables(places)
    compared = compare_tables(tables, None, 1)
    one, two = "planted__one__split_train__rev_main", "planted__two__split_train__rev_main"
    assert Overlap("text", one, 0, two, 0, "text 0") in compared.overlaps
    assert pairs(compared.overlaps, "audio") == {(0, 1), (0, 0)}
    assert pairs(compared.overlaps, "speaker") == {(0, 0)}
    # Two publishers may both have an ann.
    tables[1] = replace(tables[1], hf_id="another/two")
    assert find_same_speakers(tables) == []
    assert compared.kinds == ("audio", "text", "speaker")


def test_classes_are_compared_and_shown_by_their_names(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    clip = write(speech_like(0.3, RATE_HZ), RATE_HZ)
    speakers = {"one": ["ann", "bob"], "two": ["cid", "ann"]}
    for name, classes in speakers.items():
        label = ClassLabel(names=[f"{name} {word}" for word in ("yes", "no")])
        features = Features({"speaker": ClassLabel(names=classes), "label": label})
        table = pa.table({"speaker": [0, 1], "label": [1, 0]})
        table = table.append_column("audio", pa.array([{"bytes": clip, "path": None}] * 2))
        table = table.replace_schema_metadata(features.arrow_schema.metadata)
        hub.publish(f"class/{name}", {"data/train-0.parquet": write_parquet(table)})
        sync_dataset(open_for(f"class/{name}", text_column="label"))
    tables = read_tables(places)
    assert pairs(find_overlaps(tables), "speaker") == {(0, 1)}
    assert pairs(find_overlaps(tables), "text") == set()
    shown = run_query("select text, speaker from all_rows order by dataset, row", tables)
    assert shown.rows() == [
        ("one no", "ann"),
        ("one yes", "bob"),
        ("two no", "cid"),
        ("two yes", "ann"),
    ]


@pytest.mark.parametrize("type_", [pa.float64(), pa.uint8(), pa.int16()])
def test_a_speaker_is_also_a_whole_number_of_any_type(
    hub: LoopbackHub, open_for: OpenFor, places: Places, type_: pa.DataType
):
    clip = write(speech_like(0.3, RATE_HZ), RATE_HZ)
    audio = pa.array([{"bytes": clip, "path": None}] * 2)
    table = pa.table({"audio": audio, "spk_id": pa.array([7, None], type_)})
    hub.publish("number/speech", {"data/train-0.parquet": write_parquet(table)})
    sync_dataset(open_for("number/speech"))
    found = run_query("select speaker from all_rows order by row", read_tables(places))
    assert found["speaker"].to_list() == ["7", None]


def test_sql_sees_each_dataset_and_all_rows(hub: LoopbackHub, open_for: OpenFor, places: Places):
    clip = write(speech_like(0.5, RATE_HZ), RATE_HZ)
    store(
        hub,
        open_for,
        {"one": [row_of(0, clip, "ann")] * 2, "two": [row_of(1, clip, "bob")]},
        "true",
    )
    tables = read_tables(places)
    found = run_query(
        "select dataset, count(*) as rows, sum(duration) as seconds, avg(rms_dbfs) as rms "
        "from all_rows group by dataset order by dataset",
        tables,
    )
    assert found.select("rows", "seconds").rows() == [(2, 1.0), (1, 0.5)]
    assert found["rms"].null_count() == 0
    own = run_query('select speaker_id from "planted__two__split_train__rev_main"', tables)
    assert own.rows() == [("bob",)]
    [row] = json_rows(run_query('select * from "planted__two__split_train__rev_main"', tables))
    assert row["audio"] == {"bytes": None, "path": "audio/0.mp3"}
    odd = run_query("select 1/0 as inf, date '2020-01-31' as day, x'00ff' as data", tables)
    tables[0].root.joinpath(next(iter(tables[0].index))).write_bytes(b"PAR1 and no end")
    with pytest.raises(StateUnreadable, match="missing or damaged"):
        read_tables(places)
    assert json_rows(odd) == [{"inf": None, "day": "2020-01-31", "data": 2}]


@pytest.mark.parametrize(
    "query", ["select", "select x from nowhere", "select nothing from all_rows"]
)
def test_a_query_that_cannot_be_run_names_the_tables(places: Places, query: str):
    with pytest.raises(UsageWrong, match="cannot be run"):
        run_query(query, read_tables(places))


@pytest.mark.parametrize(
    "query",
    ["drop table all_rows", "delete from all_rows", "create table x as select 1", "", ";", "-- x"],
)
def test_a_query_only_reads(query: str):
    with pytest.raises(UsageWrong, match="does not begin with SELECT"):
        run_query(query, [])


@pytest.mark.parametrize(
    "query",
    [
        "select 1 as x",
        "-- why\n(SELECT 1 as x)",
        "/* a\nb */ with a as (select 1 as x) select * from a",
    ],
)
def test_a_query_may_begin_with_comments_and_parentheses(query: str):
    assert run_query(query, []).rows() == [(1,)]


def test_a_dataset_with_rows_of_another_one_is_not_published_until_keep_leaves_them_out(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    clips = [write(say(0.3, seed), RATE_HZ) for seed in range(3)]
    test = [row_of(0, clips[0], "speaker_test")]
    train = [row_of(at, clip, f"speaker_{at:04}") for at, clip in enumerate(clips)]
    options = replace(Options(), measure="true", exports=())
    for name, rows in {"test": test, "train": train}.items():
        data = write_parquet(pa.Table.from_pylist(rows))
        hub.publish(f"leak/{name}", {"data/train-0.parquet": data})
    fields = {"no_overlap_with": ["leak/test#train"]}
    with pytest.raises(StageMissing, match="leak/test#train is not complete"):
        sync_dataset(open_for("leak/train", options, **fields))
    itself = open_for("leak/train", options, no_overlap_with=["leak/train#train"])
    with pytest.raises(StageMissing, match="is no other dataset here"):
        sync_dataset(itself)
    sync_dataset(open_for("leak/test", options))
    build = open_for("leak/train", options, **fields)
    with pytest.raises(OverlapFound, match="audio 1, text 1; it is not published") as refused:
        sync_dataset(build)
    # `hugflow overlaps` compares complete datasets, and this one is none.
    assert "hugflow overlaps" not in refused.value.mend
    assert not build.folder.manifest.exists()
    kept = open_for("leak/train", options, **fields, keep="row > 0")
    assert sync_dataset(kept).new_rows == 0
    assert kept.folder.manifest.exists()
    # Rows that it may not have are not seen in its index for a moment.
    before = read_tree(kept.folder.root)
    with pytest.raises(OverlapFound, match="audio 1, text 1; what is published of it stays"):
        sync_dataset(open_for("leak/train", options, **fields, keep="row < 2"))
    assert read_tree(kept.folder.root) == before
    assert list(verify_dataset(places, kept.name)) == []


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"text": "", "tr": {"ms": "satu dua"}}, {"text_column": "tr.ms"}),
        ({"tr": {"ms": "satu dua"}}, {"text_column": "tr.ms"}),
        ({"words": ["satu", None, "dua"]}, {"text_column": "words", "text_join": " "}),
        ({"tr": {"ms": ["satu", "dua"]}}, {"text_column": "tr.ms", "text_join": " "}),
    ],
)
def test_a_text_inside_a_column_or_joined_is_compared(
    hub: LoopbackHub, open_for: OpenFor, values: Row, fields: dict[str, str]
):
    for seed, split in enumerate(("train", "test")):
        row = {"audio": {"bytes": write(say(0.2, seed), RATE_HZ), "path": None}, **values}
        data = {f"data/{split}-0.parquet": write_parquet(pa.Table.from_pylist([row]))}
        hub.publish(f"inner/{split}", data)
        options = replace(Options(), exports=())
        others = {"no_overlap_with": ["inner/train"]} if split == "test" else {}
        build = open_for(f"inner/{split}", options, split=split, **fields, **others)
        if split == "train":
            sync_dataset(build)
    with pytest.raises(OverlapFound, match="text 1"):
        sync_dataset(build)


def test_a_speaker_is_the_first_column_that_names_one(hub: LoopbackHub, open_for: OpenFor):
    rows = [
        {**row_of(seed, write(say(0.2, seed), RATE_HZ), ""), "speaker_id": own, "speaker": other}
        for seed, (own, other) in enumerate([(None, "ann"), ("bob", "x"), (" ", "cid")])
    ]
    hub.publish("whose/all", {"data/train-0.parquet": write_parquet(pa.Table.from_pylist(rows))})
    build = open_for("whose/all", replace(Options(), exports=()))
    sync_dataset(build)
    tables = read_tables(build.places, [build.name])
    found = run_query("select speaker from all_rows order by row", tables)
    assert [speaker for (speaker,) in found.rows()] == ["ann", "bob", "cid"]


def test_a_dataset_waits_for_all_that_its_word_means_but_not_for_one_that_names_it(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path
):
    clips = [write(say(0.2, seed), RATE_HZ) for seed in range(3)]
    root = tmp_path / "project"
    add = root / "requests" / "add"
    add.mkdir(parents=True)
    lines = {"train": "acme/wait", "validation": None, "test": "acme/wait#train"}
    for seed, (split, word) in enumerate(lines.items()):
        rows = [row_of(seed, clips[seed], f"speaker_{split}")]
        hub.publish(
            "acme/wait", {f"data/{split}-0.parquet": write_parquet(pa.Table.from_pylist(rows))}
        )
        said = "" if word is None else f'no_overlap_with: ["{word}"]\n'
        text = f"hf_id: acme/wait\ndescription: x\nsplit: {split}\n{said}"
        (add / f"{split}.yaml").write_text(text)
    options = replace(Options(), exports=(), flow_root=root)

    def of(split: str) -> Build:
        fields = {"no_overlap_with": [lines[split]]} if lines[split] else {}
        return open_for("acme/wait", options, split=split, **fields)

    with pytest.raises(StageMissing, match="split_validation__rev_main is not complete"):
        sync_dataset(of("train"))
    sync_dataset(of("validation"))
    # `test` names it too, and is compared with it later.
    sync_dataset(of("train"))
    sync_dataset(of("test"))
    assert of("test").folder.manifest.exists()


def test_a_dataset_waits_for_each_split_of_a_request_that_expands(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path
):
    add = tmp_path / "project" / "requests" / "add"
    add.mkdir(parents=True)
    for seed, name in enumerate(("own", "many")):
        rows = [row_of(seed, write(say(0.2, seed), RATE_HZ), f"speaker_{seed}")]
        data = write_parquet(pa.Table.from_pylist(rows))
        hub.publish(
            f"split/{name}", {f"data/{split}-0.parquet": data for split in ("train", "test")}
        )
    text = "hf_id: split/many\ndescription: x\nexpand: {splits: all}\n"
    (add / "many.yaml").write_text(text)
    request = parse_request(text.encode(), "requests/add/many.yaml")
    expansion = Expansion("split/many", "0" * 40, ((None, "train"), (None, "test")))
    EXPANSION.write(places.expansion(request.digest), expansion)
    options = replace(Options(), exports=(), flow_root=tmp_path / "project")
    sync_dataset(open_for("split/many", options, split="test"))
    own = {"no_overlap_with": ["split/many"]}
    with pytest.raises(StageMissing, match=r"split__many__split_train.* is not complete"):
        sync_dataset(open_for("split/own", options, **own))
    sync_dataset(open_for("split/many", options, split="train"))
    sync_dataset(open_for("split/own", options, **own))


def test_two_that_name_each_other_are_compared_when_the_later_one_is_published(
    hub: LoopbackHub, open_for: OpenFor, tmp_path: Path
):
    clip = write(say(0.2, 1), RATE_HZ)
    add = tmp_path / "project" / "requests" / "add"
    add.mkdir(parents=True)
    for name, other in (("one", "two"), ("two", "one")):
        table = pa.Table.from_pylist([row_of(1, clip, "")])
        hub.publish(f"pair/{name}", {"data/train-0.parquet": write_parquet(table)})
        said = f'no_overlap_with: ["pair/{other}"]\n'
        (add / f"{name}.yaml").write_text(f"hf_id: pair/{name}\ndescription: x\n{said}")
    options = replace(Options(), exports=(), flow_root=tmp_path / "project")
    sync_dataset(open_for("pair/one", options, no_overlap_with=["pair/two"]))
    with pytest.raises(OverlapFound, match="text 1"):
        sync_dataset(open_for("pair/two", options, no_overlap_with=["pair/one"]))


def test_two_that_may_not_overlap_are_compared_one_after_the_other(
    hub: LoopbackHub, open_for: OpenFor
):
    table = pa.Table.from_pylist([row_of(1, write(say(0.2, 1), RATE_HZ), "")])
    for name in ("first", "second"):
        hub.publish(f"turns/{name}", {"data/train-0.parquet": write_parquet(table)})
    options = replace(Options(), exports=())
    first = open_for("turns/first", options)
    second = open_for("turns/second", options, no_overlap_with=["turns/first"])
    with ThreadPoolExecutor() as threads:
        # As if the first were being compared: it is published when the second waits already.
        with hold_comparing(second):
            waiting = threads.submit(sync_dataset, second)
            while not second.state.marker(second.shards[0].name, "metadata").exists():
                time.sleep(0.05)
            sync_dataset(first)
        with pytest.raises(OverlapFound, match="text 1"):
            waiting.result()


def test_a_manifest_of_an_earlier_version_gets_the_join_of_its_texts_with_the_next_sync(
    hub: LoopbackHub, open_for: OpenFor
):
    row = {"audio": {"bytes": write(say(0.2, 1), RATE_HZ), "path": None}, "words": ["satu", "dua"]}
    data = write_parquet(pa.Table.from_pylist([row]))
    hub.publish("join/old", {"data/train-0.parquet": data})

    def sync() -> Build:
        options = replace(Options(), exports=())
        build = open_for("join/old", options, text_column="words", text_join=" ")
        sync_dataset(build)
        return build

    manifest = sync().folder.manifest
    whole = manifest.read_text()
    told = json.loads(whole)
    assert told["settings"].pop("text_join") == " "
    manifest.write_text(json.dumps(told))
    build = sync()
    assert json.loads(manifest.read_text())["settings"]["text_join"] == " "
    found = run_query("select text from all_rows", read_tables(build.places, [build.name]))
    assert found.rows() == [("satu dua",)]
