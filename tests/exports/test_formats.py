"""What each export writes, over texts and names that its readers could misread."""

import csv
import gzip
import hashlib
import io
import json
import re
import struct
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.parquet as pq
import pytest
import soundfile
import yaml

from hugflow.errors import StateUnreadable, UsageWrong
from hugflow.exports import tars
from hugflow.exports.registry import EXPORTS, find_export, named_export
from hugflow.exports.wording import find_speaker, in_one_line
from hugflow.provenance.why import explain
from hugflow.requests.grammar import EXPORTS as NAMES
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.planning.estimate import estimate
from hugflow.stages.publishing.export_stored import export_stored
from hugflow.stages.sync import sync_dataset
from hugflow.stages.tree.manifest import MANIFEST
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.exports.hostile import STEMS, TEXTS
from tests.trees import read_tree

pytestmark = pytest.mark.slow


def made(build: Build) -> Path:
    """The folder of the dataset after the whole job."""
    sync_dataset(build)
    assert not list(verify_dataset(build.places, build.name))
    return build.folder.root


def lines(path: Path) -> list[dict[str, object]]:
    """The objects of JSON Lines, as a reader that splits at every end of line sees them."""
    content = path.read_bytes()
    text = gzip.decompress(content) if path.suffix == ".gz" else content
    return [json.loads(line) for line in text.decode().splitlines()]


def seconds(folder: Path, name: str) -> float:
    """The length of a clip, from its own frames."""
    info = soundfile.info(folder / name)
    return float(info.frames / info.samplerate)


def test_by_default_three_are_written_and_an_empty_list_or_none_writes_none(
    opened: Callable[..., Build],
):
    folder = made(opened())
    assert (folder / "nemo.jsonl").is_file()
    assert (folder / "cuts.jsonl.gz").is_file()
    assert (folder / "metadata.jsonl").is_file()
    assert sorted(MANIFEST.require(folder / "manifest.json").exports) == [
        "lhotse",
        "metadata",
        "nemo",
    ]
    sync_dataset(opened(options=replace(Options(), exports=())))
    assert not MANIFEST.require(folder / "manifest.json").exports
    assert not (folder / "nemo.jsonl").exists()


def test_one_that_is_added_later_makes_no_row_again(opened: Callable[..., Build]):
    folder = made(opened("nemo"))
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/*") if path.is_file()}
    synced = sync_dataset(opened("nemo", "kaldi"))
    assert synced.new_rows == 0
    assert (folder / "kaldi" / "text").is_file()
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_every_one_of_them_is_written_verified_estimated_and_the_same_each_time(
    opened: Callable[..., Build], tmp_path: Path
):
    build = opened(*NAMES)
    none = estimate(opened(options=replace(Options(), exports=())))
    files = estimate(build).files
    folder = made(build)
    before = read_tree(folder)
    written = {name for name in before if (export := find_export(Path(name))) and export.is_chosen}
    folders = {each for name in written for each in PurePosixPath(name).parents if each.name}
    assert files is not None
    assert none.files is not None
    assert files - none.files == len(written) + len(folders)
    for name in ("nemo.jsonl", "kaldi/wav.scp", "croissant.json", "shar/recording.000000.tar"):
        (folder / name).write_bytes(before[name][:-1] + b"?")
        found = [each.code for each in verify_dataset(build.places, build.name)]
        assert found == ["export_changed"], name
        (folder / name).write_bytes(before[name])
        (folder / name).unlink()
        found = [each.code for each in verify_dataset(build.places, build.name)]
        assert found == ["file_missing"], name
        (folder / name).write_bytes(before[name])
    (folder / name).unlink()
    sync_dataset(opened(*NAMES))
    assert read_tree(folder) == before


def test_nemo_has_decoded_lengths_and_no_key_that_its_reader_takes_for_a_file(
    opened: Callable[..., Build],
):
    folder = made(opened("nemo"))
    assert (folder / "nemo.jsonl").read_bytes().isascii()
    rows = lines(folder / "nemo.jsonl")
    assert [row["text"] for row in rows] == TEXTS
    for row in rows:
        assert row["duration"] == seconds(folder, str(row["audio_filepath"]))
        assert row["audio_filename_source"] in STEMS
        assert row["duration_source"] == "theirs"
        assert not {"audio_filename", "video_file"} & row.keys()


def test_metadata_names_files_that_are_there_and_keeps_the_datasets_own_file_name_aside(
    opened: Callable[..., Build],
):
    folder = made(opened("metadata"))
    rows = lines(folder / "metadata.jsonl")
    assert [row["text"] for row in rows] == TEXTS
    assert all((folder / str(row["file_name"])).is_file() for row in rows)
    assert {row["file_name_source"] for row in rows} == {"/etc/passwd"}


def test_lhotse_has_one_cut_a_row_with_the_columns_under_custom(opened: Callable[..., Build]):
    folder = made(opened("lhotse"))
    cuts = lines(folder / "cuts.jsonl.gz")
    recordings = lines(folder / "recordings.jsonl.gz")
    supervisions = lines(folder / "supervisions.jsonl.gz")
    assert [cut["recording"] for cut in cuts] == recordings
    assert [cut["supervisions"] for cut in cuts] == [[each] for each in supervisions]
    assert len({recording["id"] for recording in recordings}) == len(TEXTS)
    known = {"id", "recording_id", "start", "duration", "channel", "text", "speaker", "custom"}
    assert all(set(each) <= known for each in supervisions)
    for each in supervisions:
        custom: Any = each["custom"]
        assert custom["picture"] == {"width_source": 3, "height": 2}
        assert custom["taken"] == {"id": "x", "sources_source": ["tape"], "sampling_rate": 8_000}
    for recording in recordings:
        source = recording["sources"][0]["source"]  # type: ignore[index]
        assert recording["duration"] == seconds(folder, source)


@pytest.mark.parametrize(
    ("value", "speaker"),
    [(7, "7"), (7.0, "7"), (-1.0, "-1"), (7.5, None), (float("inf"), None), (True, None)],
)
def test_a_speaker_is_also_a_whole_number_that_null_made_a_float(value: Any, speaker: str | None):
    assert find_speaker({"speaker_id": value}) == speaker


def test_kaldi_is_sorted_by_utterance_and_by_speaker_at_once(opened: Callable[..., Build]):
    folder = made(opened("kaldi")) / "kaldi"
    read = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name, content in read.items():
        keys = [line.split(b" ")[0] for line in content.splitlines()]
        assert keys == sorted(set(keys)), name
        assert content.endswith(b"\n")
    pairs = [line.split(b" ") for line in read["utt2spk"].splitlines()]
    assert pairs == sorted(pairs, key=lambda pair: (pair[1], pair[0]))
    assert all(utterance.startswith(speaker) for utterance, speaker in pairs)
    spoken = {line.split(b" ")[0]: line.split(b" ")[1:] for line in read["spk2utt"].splitlines()}
    assert [[u, s] for s, utterances in spoken.items() for u in utterances] == pairs
    # Five texts of rows by "a" and others, each speaker by itself; two rows have no text.
    assert len(pairs) == len(TEXTS) - 2
    assert len(spoken) == 8
    texts = read["text"].decode()
    assert not re.search(r"[^\S \n]|<s>|</s>| #0", texts)
    assert "separators of lines" in texts


def test_a_text_of_one_line_has_no_control_character():
    assert in_one_line("\x00a\x07\n b\x1b[31m\x85c\x7f") == "a b [31m c"


def test_a_table_split_at_pipes_has_as_many_in_each_line(opened: Callable[..., Build]):
    folder = made(opened("coqui", "ljspeech", "f5_tts"))
    for name, columns in (("coqui.csv", 4), ("ljspeech/metadata.csv", 3), ("f5_tts.csv", 2)):
        text = (folder / name).read_text("utf-8")
        quoted = list(csv.reader(io.StringIO(text, newline=""), delimiter="|"))
        plain = [line.split("|") for line in text.splitlines()]
        assert quoted == plain, name
        assert {len(cells) for cells in plain} == {columns}
    header, *rows = [line.split("|") for line in (folder / "coqui.csv").read_text().splitlines()]
    assert header == ["audio_file", "text", "speaker_name", "emotion_name"]
    assert all((folder / row[0]).is_file() for row in rows)
    paths = [line.split("|")[0] for line in (folder / "f5_tts.csv").read_text().splitlines()[1:]]
    assert all(Path(path).is_absolute() and Path(path).is_file() for path in paths)


def test_speechbrain_has_no_variable_in_any_field(opened: Callable[..., Build]):
    folder = made(opened("speechbrain"))
    with (folder / "speechbrain.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, skipinitialspace=True))
    assert len({row["ID"] for row in rows}) == len(rows) == len(TEXTS) - 3
    assert not [row for row in rows if re.search(r"\$[\w.]", row["wav"] + row["wrd"])]
    assert 'a "quote", a comma' in [row["wrd"] for row in rows]


def test_a_tar_has_two_members_a_row_whose_base_names_have_one_dot(opened: Callable[..., Build]):
    build = opened("webdataset", "shar")
    folder = made(build)
    tar = folder / "tars" / f"{build.name}-000000.tar"
    index = json.loads((folder / "tars" / "index.json").read_text())
    assert index["shardlist"][0]["filesize"] == tar.stat().st_size
    assert index["shardlist"][0]["nsamples"] == len(TEXTS)
    with tarfile.open(tar) as members:
        names = members.getnames()
        assert all(name.count(".") == 1 for name in names)
        assert len(set(names)) == len(names) == 2 * len(TEXTS)
        told = [json.load(members.extractfile(name)) for name in names[1::2]]  # type: ignore[arg-type]
        mp3s = [members.extractfile(name).read() for name in names[::2]]  # type: ignore[union-attr]
    assert [each["text"] for each in told] == TEXTS
    assert sorted(mp3s) == sorted(path.read_bytes() for path in (folder / "audio").iterdir())
    cuts = lines(folder / "shar" / "cuts.000000.jsonl.gz")
    assert {cut["recording"]["sources"][0]["type"] for cut in cuts} == {"shar"}  # type: ignore[index]
    with tarfile.open(folder / "shar" / "recording.000000.tar") as members:
        names = members.getnames()
    assert names[::2] == [f"{cut['id']}.mp3" for cut in cuts]
    assert names[1::2] == [f"{cut['id']}.json" for cut in cuts]


def test_energon_finds_each_sample_of_a_tar_by_its_index(opened: Callable[..., Build]):
    build = opened("webdataset")
    folder = made(build)
    tar = folder / "tars" / f"{build.name}-000000.tar"
    index = tar.with_suffix(".tar.idx").read_bytes()
    places = struct.unpack(f"<{len(index) // 8}Q", index)
    with tarfile.open(tar) as members:
        listed = members.getmembers()
        end = members.offset
    assert places == (*(member.offset for member in listed[::2]), end)
    meta = folder / "tars" / ".nv-meta"
    told = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in meta.iterdir()}
    assert told == {
        ".info.json": {"shard_counts": {tar.name: len(TEXTS)}},
        "split.yaml": {"split_parts": {"train": [tar.name]}, "exclude": []},
        "dataset.yaml": {"__module__": "megatron.energon", "__class__": "CrudeWebdataset"},
    }
    # Names as Energon splits them into key and part.
    keys = [re.fullmatch(r"((?:.*/|)[^.]+)[.]([^/]*)", member.name) for member in listed]
    assert [key and key[2] for key in keys] == ["mp3", "json"] * len(TEXTS)


def test_files_in_the_inner_folder_of_an_export_are_verified_explained_and_deleted(
    opened: Callable[..., Build],
):
    build = opened("webdataset")
    folder = made(build)
    split = folder / "tars" / ".nv-meta" / "split.yaml"
    assert "split.yaml" in str(explain(build.places, str(split), {}, folder))
    before = split.read_bytes()
    split.write_bytes(before.replace(b"train", b"tests"))
    (split.parent / "stranger").write_bytes(b"")
    found = {(each.code, Path(each.path).name) for each in verify_dataset(build.places, build.name)}
    assert found == {("export_changed", "split.yaml"), ("unknown_file", "stranger")}
    (split.parent / "stranger").unlink()
    split.write_bytes(before)
    made(opened("nemo"))
    assert not (folder / "tars").exists()


@pytest.mark.parametrize(
    ("split", "part"),
    [("train", "train"), ("validation", "val"), ("dev.clean", "val"), ("train.100", "train")],
)
def test_energon_asks_for_a_split_by_its_own_name_for_it(split: str, part: str):
    assert tars._part(split) == part


def test_croissant_describes_each_index_file_with_its_hash(opened: Callable[..., Build]):
    folder = made(opened("croissant"))
    told = json.loads((folder / "croissant.json").read_text("utf-8"))
    files = {file["@id"]: file["sha256"] for file in told["distribution"]}
    assert files == {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (folder / "index").iterdir()
    }
    assert told["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    for path, rows in zip(files, told["recordSet"], strict=True):
        assert {field["source"]["fileObject"]["@id"] for field in rows["field"]} == {path}
        assert len({field["@id"] for field in rows["field"]}) == len(rows["field"])
        columns = set(pq.read_schema(folder / path).names)
        assert {field["source"]["extract"]["column"] for field in rows["field"]} <= columns


def test_a_dataset_without_audio_has_no_manifest_of_clips(hub: LoopbackHub, open_for: OpenFor):
    publish_text(hub, "only/text", rows=4)
    build = open_for("only/text", exports=list(NAMES))
    folder = made(build)
    written = {
        name
        for each in MANIFEST.require(folder / "manifest.json").exports.values()
        for name in each.files
    }
    assert written == {"croissant.json"}


def test_the_estimate_foresees_the_bytes_of_text_forms(opened: Callable[..., Build]):
    build = opened(*[name for name in NAMES if name not in ("webdataset", "shar")])
    none = estimate(opened(options=replace(Options(), exports=()))).peak_bytes
    foreseen = estimate(build).peak_bytes
    manifest = MANIFEST.require(made(build) / "manifest.json")
    size = sum(file.bytes for each in manifest.exports.values() for file in each.files.values())
    assert none is not None
    assert foreseen is not None
    # Croissant has a fixed part, which counts for much where there are twelve rows.
    assert size / 2 < foreseen - none < size * 2


@pytest.mark.parametrize(
    "export", [each for each in EXPORTS if each.is_chosen], ids=lambda e: e.name
)
def test_one_can_be_written_elsewhere_and_the_dataset_stays_as_it_is(
    opened: Callable[..., Build], tmp_path: Path, export: object
):
    build = opened("nemo")
    before = read_tree(made(build))
    chosen = named_export(export.name)  # type: ignore[attr-defined]
    assert chosen is not None
    files = export_stored(build.places, build.name, chosen, tmp_path / "out")
    assert files
    assert all(file.is_file() for file in files)
    assert read_tree(build.folder.root) == before


def test_elsewhere_relative_paths_lead_to_the_clips_and_absolute_ones_are_absolute(
    opened: Callable[..., Build], tmp_path: Path
):
    build = opened()
    made(build)
    nemo, kaldi = named_export("nemo"), named_export("kaldi")
    assert nemo is not None
    assert kaldi is not None
    out = tmp_path / "deep" / "out"
    export_stored(build.places, build.name, nemo, out)
    for row in lines(out / "nemo.jsonl"):
        assert (out / str(row["audio_filepath"])).is_file()
    export_stored(build.places, build.name, nemo, out, is_absolute=True)
    for row in lines(out / "nemo.jsonl"):
        assert Path(str(row["audio_filepath"])).is_absolute()
    export_stored(build.places, build.name, kaldi, out, is_absolute=True, is_piped=True)
    commands = (out / "kaldi" / "wav.scp").read_text().splitlines()
    assert all(command.endswith(" -f wav -acodec pcm_s16le - |") for command in commands)


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("{tree}/mine", "is inside STORAGE_ROOT"),
        ("{tree}", "is inside STORAGE_ROOT"),
        ("{storage}/another__dataset/audio", "is inside STORAGE_ROOT"),
        ("{storage}", "is inside STORAGE_ROOT"),
        ("{state}/ledger", "is inside STATE_DIR"),
        ("{links}/{name}/mine", "is inside STORAGE_ROOT"),
        ("{here}/file", "file is a file"),
        ("{here}/file/below", "file is a file"),
        ("{here}/nowhere", "is a link to nothing"),
    ],
)
def test_it_is_written_neither_into_storage_nor_in_place_of_a_file(
    opened: Callable[..., Build], tmp_path: Path, out: str, words: str
):
    build = opened()
    folder, places = made(build), build.places
    before = read_tree(folder)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    nemo = named_export("nemo")
    assert nemo is not None
    path = out.format(
        tree=folder,
        storage=places.storage_root,
        state=places.state_dir,
        links=places.processed_root,
        name=build.name,
        here=tmp_path,
    )
    with pytest.raises(UsageWrong, match=words):
        export_stored(places, build.name, nemo, Path(path))
    assert read_tree(folder) == before


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_nothing_is_written_from_a_damaged_index(
    opened: Callable[..., Build], tmp_path: Path, damage: str
):
    build = opened()
    folder = made(build)
    index = min((folder / "index").glob("*.parquet"))
    data = index.read_bytes()
    index.unlink()
    if damage == "cut":
        index.write_bytes(data[:-3])
    nemo = named_export("nemo")
    assert nemo is not None
    with pytest.raises(StateUnreadable, match=r"\.parquet is missing or damaged"):
        export_stored(build.places, build.name, nemo, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_metadata_elsewhere_says_that_datasets_reads_it_beside_its_clips(
    opened: Callable[..., Build], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    build = opened()
    made(build)
    for name, warnings in (("nemo", 0), ("metadata", 1)):
        export = named_export(name)
        assert export is not None
        (file,) = export_stored(build.places, build.name, export, tmp_path / name)
        assert file.stat().st_size > 0
        assert caplog.text.count("where `exports: [metadata]` in the request puts it") == warnings


def test_tars_that_an_earlier_export_wrote_go_when_the_new_index_does_not_name_them(
    opened: Callable[..., Build], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    build = opened()
    made(build)
    webdataset = named_export("webdataset")
    assert webdataset is not None
    monkeypatch.setattr(tars, "ROWS_PER_TAR", 3)
    export_stored(build.places, build.name, webdataset, tmp_path)
    folder = tmp_path / "tars"
    stranger = folder / "other-000002.tar"
    stranger.write_bytes(b"theirs")
    changed = folder / f"{build.name}-000003.tar"
    changed.write_bytes(b"?" + changed.read_bytes()[1:])
    monkeypatch.setattr(tars, "ROWS_PER_TAR", 6)
    export_stored(build.places, build.name, webdataset, tmp_path)
    assert {path.name for path in folder.glob("*.tar*")} == {
        *(f"{build.name}-00000{number}.tar{end}" for number in (0, 1, 3) for end in ("", ".idx")),
        stranger.name,
    }


def test_files_that_an_earlier_export_left_without_an_index_are_told(
    opened: Callable[..., Build],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    build = opened()
    made(build)
    shar = named_export("shar")
    assert shar is not None
    monkeypatch.setattr(tars, "ROWS_PER_TAR", 6)
    export_stored(build.places, build.name, shar, tmp_path)
    assert "not from this export" not in caplog.text
    monkeypatch.setattr(tars, "ROWS_PER_TAR", 12)
    export_stored(build.places, build.name, shar, tmp_path)
    assert "2 files are not from this export, such as cuts.000001.jsonl.gz" in caplog.text
    assert (tmp_path / "shar" / "recording.000001.tar").is_file()
