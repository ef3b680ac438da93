"""Archives of clips without a table beside them: zips, and tars that are packed."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest
import yaml

from hugflow.errors import RequestInvalid
from hugflow.shards.layouts import spanned_zip
from hugflow.shards.layouts.archives import open_zip
from hugflow.shards.layouts.left_out import LeftOut
from hugflow.shards.layouts.samples import read_samples
from hugflow.shards.layouts.spanned_zip import DirectoryTooLarge
from hugflow.stages.build.build import Build
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from tests.builds import OpenFor, raw_fetches
from tests.shards.layouts.published import CLIPS, TEXTS, rows, to_csv, to_jsonl, to_zip
from tests.shards.layouts.tars import clip, make_tar, sample
from tests.trees import read_rows_json


def keys(data: bytes, name: str = "x.zip") -> list[tuple[str, list[str]]]:
    left_out = LeftOut()
    found = read_samples(BytesIO(data), name, len(data), lambda row, field: False, left_out)
    return [(each.key, list(each.content)) for each in found]


def made(build: Build) -> list[tuple[int, str]]:
    rows = read_rows_json(build.folder)
    return [(row, rows[row]["audio_info"]["source_path"]) for row in sorted(rows)]


def test_clips_of_a_zip_are_rows_by_their_paths(hub: LoopbackHub, open_for: OpenFor):
    members = {"b/2.wav": clip(2), "a/10.wav": clip(1), "a/1.wav": clip(3), "LICENSE.txt": b"mine"}
    hub.publish("bare/zip", {"train.zip": to_zip(members), "test.zip": to_zip(CLIPS)})
    build = open_for("bare/zip")
    assert any("there is no table" in warning for warning in build.plan.warnings)
    sync_dataset(build)
    assert made(build) == [(0, "a/1.wav"), (1, "a/10.wav"), (2, "b/2.wav")]


def test_a_dot_in_the_name_of_a_clip_in_a_zip_does_not_join_it_with_another():
    names = ["utt1.5.wav", "utt1.6.wav", "utt1-a.wav", "utt1.5.txt", "utt1.wav"]
    assert keys(to_zip(dict.fromkeys(names, b"x"))) == [
        ("utt1", ["wav"]),
        ("utt1-a", ["wav"]),
        ("utt1.5", ["txt", "wav"]),
        ("utt1.6", ["wav"]),
    ]


def test_hidden_members_of_a_zip_and_those_of_no_clip_make_no_rows():
    names = ["a.wav", "__MACOSX/._a.wav", ".b.wav", "../c.wav", "notes.txt", "cover.jpg"]
    assert keys(to_zip(dict.fromkeys(names, b"x"))) == [("a", ["wav"])]


def test_rows_of_a_packed_tar_that_are_made_are_not_decoded_again(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow.stages.making.make_rows.BATCH_ROWS", 2)
    monkeypatch.setattr("hugflow.stages.making.make_rows.BATCH_SECONDS", 600)
    members = [member for row in range(6) for member in sample(row)]
    hub.publish("bare/resume", {"train-0.tar.gz": make_tar(members, "w:gz")})
    build = open_for("bare/resume")

    def stop(outcomes: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(make_shards(build, build.shards, on_rows=stop))
    before = len(read_rows_json(build.folder))
    hub.clear_requests()
    again = sync_dataset(open_for("bare/resume"))
    assert 0 < before < 6
    assert again.new_rows <= 6 - 2
    assert raw_fetches(hub) == 0
    rows = read_rows_json(build.folder)
    assert [rows[row]["json"]["text"] for row in sorted(rows)] == [f"row {n}" for n in range(6)]


def test_several_packed_tars_are_shards_numbered_by_millions(hub: LoopbackHub, open_for: OpenFor):
    tars = {f"train-{n}.tar.gz": make_tar(sample(n), "w:gz") for n in range(2)}
    hub.publish("bare/two", tars)
    build = open_for("bare/two", source={"layout": "webdataset"})
    sync_dataset(build)
    assert made(build) == [(0, "utt0.wav"), (1_000_000, "utt1.wav")]


def test_a_packed_tar_that_is_cut_short_is_one_failed_shard(hub: LoopbackHub, open_for: OpenFor):
    whole = make_tar([member for row in range(3) for member in sample(row)], "w:gz")
    hub.publish("bare/cut", {"train-0.tar.gz": whole[: len(whole) // 2]})
    with pytest.raises(Exception, match="cannot be unpacked"):
        open_for("bare/cut")


@pytest.mark.parametrize(
    "members", [{"labels.csv": to_csv([{"name": "c0", "text": "x"}])}, {"a.txt": b"no clip"}]
)
def test_archives_that_hold_an_unknown_table_or_no_clip_are_refused_with_what_would_help(
    hub: LoopbackHub, open_for: OpenFor, members: dict[str, bytes]
):
    name = f"bare/{next(iter(members))}"
    clips = CLIPS if "labels.csv" in members else {}
    hub.publish(name, {"train.zip": to_zip({**clips, **members})})
    with pytest.raises(RequestInvalid, match=r"no table names the members of 'train\.zip'") as no:
        open_for(name)
    assert "inside: true" in no.value.mend


def test_a_zip_whose_directory_is_too_large_is_refused_before_it_is_read(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr("hugflow.shards.layouts.archives.MOST_DIRECTORY_BYTES", 100)
    monkeypatch.setattr(spanned_zip, "MOST_DIRECTORY_BYTES", 100)
    data = to_zip(CLIPS)
    with pytest.raises(DirectoryTooLarge, match="where 100 are read"), open_zip(BytesIO(data)):
        pass
    hub.publish("bare/large", {"train.zip": data, "train.csv": to_csv([{"file": "c0.wav"}])})
    with pytest.raises(RequestInvalid, match=r"'train\.zip' is not read") as refused:
        open_for("bare/large")
    assert "several zips" in refused.value.mend
    small = to_zip({"a.wav": b"1"})
    with open_zip(BytesIO(small)) as opened:
        assert isinstance(opened, zipfile.ZipFile)
        assert opened.read("a.wav") == b"1"


@pytest.mark.parametrize("beside", [{}, {"train.csv": to_csv([{"file": "c0.wav", "text": "x"}])}])
def test_an_encrypted_zip_is_refused_when_it_is_planned(
    hub: LoopbackHub, open_for: OpenFor, beside: dict[str, bytes]
):
    data = bytearray(to_zip(CLIPS))
    # The flag of the first entry of the directory.
    data[data.find(b"PK\x01\x02") + 8] |= 1
    name = f"bare/encrypted{len(beside)}"
    hub.publish(name, {"train.zip": bytes(data), **beside})
    with pytest.raises(RequestInvalid, match=r"'train\.zip' cannot be read") as refused:
        open_for(name)
    assert "without a password" in refused.value.mend


def test_an_encrypted_zip_among_others_is_named_too(hub: LoopbackHub, open_for: OpenFor):
    data = bytearray(to_zip({"b.wav": clip(2)}))
    data[data.find(b"PK\x01\x02") + 8] |= 1
    zips = {"train-0.zip": to_zip({"a.wav": clip(1)}), "train-1.zip": bytes(data)}
    table = to_csv([{"file": "a.wav", "text": "a"}, {"file": "b.wav", "text": "b"}])
    hub.publish("bare/among", {"train.csv": table, **zips})
    with pytest.raises(RequestInvalid, match=r"'train-1\.zip' cannot be read"):
        open_for("bare/among")


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_lines_of_keys_and_texts_in_an_archive_are_the_texts_of_its_clips(
    hub: LoopbackHub, open_for: OpenFor, ending: str
):
    members = {f"set/1/2/1-2-{n}.wav": clip(n) for n in range(3)}
    members["set/1/2/1-2.trans.txt"] = b"1-2-0 ZERO\n1-2-1 ONE\n1-2-2 TWO\n"
    data = to_zip(members) if ending == "zip" else make_tar(members.items(), "w:gz")
    hub.publish(f"bare/lines-{ending}", {f"train.{ending}": data})
    build = open_for(f"bare/lines-{ending}")
    assert build.plan.text_column == "text"
    assert sync_dataset(build).published.manifest.rows.failed == 0
    rows = read_rows_json(build.folder)
    assert [rows[row]["text"] for row in sorted(rows)] == ["ZERO", "ONE", "TWO"]


def test_a_zip_that_is_packed_by_another_method_is_refused_when_it_is_planned(
    hub: LoopbackHub, open_for: OpenFor
):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.wav", clip(1))
    table = {"train.csv": b"path,text\na.wav,one\n"}
    for name, beside in (("bare", {}), ("table", table)):
        hub.publish(f"bare/bzip2-{name}", {**beside, "train.zip": out.getvalue()})
        with pytest.raises(RequestInvalid, match=r"'train\.zip' cannot be read") as refused:
            open_for(f"bare/bzip2-{name}")
        assert "a method other than deflate" in str(refused.value.why)


def test_a_table_beside_tars_that_names_none_of_their_clips_is_told_to_be_left_out(
    hub: LoopbackHub, open_for: OpenFor
):
    tar = make_tar([("a.wav", clip(1)), ("b.wav", clip(2))])
    table = b'{"file_names": ["a.wav"], "text": "one"}\n'
    hub.publish("bare/left", {"train.tar": tar, "metadata.jsonl": table})
    plan = open_for("bare/left").plan
    assert plan.shards[0].layout == "webdataset"
    told = "left out: 1 table beside the archives, such as 'metadata.jsonl', because no column of"
    assert any(each.startswith(told) for each in plan.warnings)


def test_a_table_beside_tars_that_cannot_be_read_is_left_out_with_the_reason(
    hub: LoopbackHub, open_for: OpenFor
):
    tar = make_tar([("a.wav", clip(1)), ("b.wav", clip(2))])
    hub.publish("bare/ragged", {"train.tar": tar, "metadata.csv": b"path,text\na.wav,x,y\n"})
    [told] = [each for each in open_for("bare/ragged").plan.warnings if "left out" in each]
    assert told.partition(", because ")[2].startswith("one cannot be read: line 2 has 3 fields")


def test_a_zip_without_members_is_named_with_what_helps(hub: LoopbackHub, open_for: OpenFor):
    hub.publish("bare/empty", {"b.zip": to_zip({}), "a.zip": to_zip(CLIPS)})
    with pytest.raises(RequestInvalid, match=r"the zip 'b\.zip' has no members") as refused:
        open_for("bare/empty")
    assert "to take it away" in refused.value.mend


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("metadata.jsonl", to_jsonl(rows("file_name"))),
        ("metadata.csv", to_csv(rows("file_name"))),
        ("1-2.trans.txt", "".join(f"{name[:-4]} text\n" for name in CLIPS).encode()),
    ],
)
def test_a_table_in_a_tar_is_told_to_be_left_out_with_the_source_that_reads_it(
    hub: LoopbackHub, open_for: OpenFor, name: str, table: bytes
):
    hf_id = f"bare/in-tar-{name}"
    hub.publish(hf_id, {"train.tar": make_tar([(f"set/{name}", table), *CLIPS.items()])})
    [told] = [each for each in open_for(hf_id).plan.warnings if each.startswith("left out")]
    assert f"the lines of 1 table in tars, such as 'set/{name}'" in told
    source = yaml.safe_load(told.partition("set source: ")[2])
    plan = open_for(hf_id, source=source).plan
    assert (plan.columns[0], plan.text_column) == ("audio", "text")
    assert not any(each.startswith("left out") for each in plan.warnings)


def test_texts_beside_clips_in_a_tar_are_no_tables(hub: LoopbackHub, open_for: OpenFor):
    members = [("metadata.wav", clip(1)), ("metadata.csv", b"a,b"), ("a.json", b"{}")]
    hub.publish("bare/fields", {"train.tar": make_tar(members)})
    assert not any("left out" in each for each in open_for("bare/fields").plan.warnings)


def test_metadata_in_a_folder_of_a_zip_is_read_with_its_clips(hub: LoopbackHub, open_for: OpenFor):
    members = {f"set/{name}": data for name, data in CLIPS.items()}
    table = {"set/metadata.csv": to_csv(rows("file_name"))}
    hub.publish("bare/inner", {"train.zip": to_zip({**table, **members})})
    build = open_for("bare/inner")
    assert sync_dataset(build).published.manifest.rows.failed == 0
    made = read_rows_json(build.folder)
    assert [made[row]["text"] for row in sorted(made)] == list(TEXTS)
