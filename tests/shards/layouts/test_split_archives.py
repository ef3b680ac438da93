"""Archives in parts are named as what they are, and nothing of them is left out in silence."""

import shlex
import zipfile
from pathlib import Path

import pytest

from hugflow.errors import RequestInvalid
from hugflow.redact import in_a_line
from hugflow.shards.layouts.split_archives import find_split_archives
from hugflow.stages.sync import ShardsFailed, sync_dataset
from hugflow.testing.hub import LoopbackHub
from tests.builds import OpenFor
from tests.shards.layouts.published import CLIPS, rows, to_csv, to_zip
from tests.shards.layouts.tars import make_tar

ZIP = to_zip(CLIPS)
HALF = len(ZIP) // 2
SPLIT = {"clips/audio.z01": ZIP[:HALF], "clips/audio.zip": ZIP[HALF:]}
CUT = {"audio.zip.001": ZIP[:HALF], "audio.zip.002": ZIP[HALF:]}
TABLE = {"train.csv": to_csv(rows("path"))}


@pytest.mark.parametrize(
    ("name", "files", "source"),
    [
        ("table", {**TABLE, **SPLIT}, None),
        ("alone", SPLIT, None),
        ("cut", CUT, None),
        ("recipe", {"LJ.z01": ZIP[:HALF], "LJ.zip": ZIP[HALF:]}, {"recipe": "ljspeech"}),
    ],
)
def test_an_archive_in_parts_is_refused_by_name_with_the_command_that_joins_it(
    hub: LoopbackHub,
    open_for: OpenFor,
    name: str,
    files: dict[str, bytes],
    source: dict[str, str] | None,
):
    hub.publish(f"parts/{name}", files)
    with pytest.raises(RequestInvalid, match="is an archive in 2 parts") as refused:
        open_for(f"parts/{name}", **({} if source is None else {"source": source}))
    joins = "cat audio.zip?* > audio.zip" if name == "cut" else ".zip --out whole.zip"
    assert joins in refused.value.mend
    assert "hugflow import" in refused.value.mend


def test_parts_beside_a_table_that_is_read_without_them_are_told(
    hub: LoopbackHub, open_for: OpenFor
):
    hub.publish("parts/beside", {**TABLE, **CUT})
    told = open_for("parts/beside").plan.warnings
    assert "left out: 'audio.zip' is an archive in 2 parts, which is not read" in told


@pytest.mark.parametrize(
    "paths",
    [
        ["a.tar.gz", "a.tar.xz", "a.zip", "b.tar.01"],
        ["a.zip", "a.zip.001", "a.zip.002"],
        ["x.z01", "y.zip", "train_a.tar", "data.tar.md5"],
    ],
)
def test_whole_archives_are_not_taken_for_parts(paths: list[str]):
    assert find_split_archives(paths) == []


def test_parts_are_known_by_all_their_usual_names():
    for names in (
        ("a.tar.gz.partaa", "a.tar.gz.partab"),
        ("a.tar.00", "a.tar.01"),
        ("a.tar.gz.aa", "a.tar.gz.ab"),
        ("a.zip.part1", "a.zip.part2"),
        ("a.Z01", "a.z02", "a.zip"),
    ):
        [found] = find_split_archives(names)
        assert found.parts == len(names)


@pytest.mark.parametrize("name", ["a; echo $(id) 'b' `id`", "-rf", "a b\x1b[1m\nc", "a&>b"])
def test_the_joining_command_has_the_name_of_a_file_as_one_word(name: str):
    for paths in ((f"x/{name}.zip.001", f"x/{name}.zip.002"), (f"{name}.z01", f"{name}.zip")):
        [found] = find_split_archives(paths)
        words = list(shlex.shlex(found.joining, posix=True, punctuation_chars=True))
        plain = in_a_line(f"{name}.zip")
        path = f"./{plain}" if name.startswith("-") else plain
        expected = ["cat", f"{path}?*", ">", path]
        if ".001" not in paths[0]:
            expected = ["zip", "-s", "0", path, "--out", "whole.zip"]
        assert words == expected


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_member_with_changed_bytes_is_one_named_error_of_its_shard(
    hub: LoopbackHub, open_for: OpenFor, tmp_path: Path, kind: str
):
    data = bytearray(ZIP if kind == "zip" else make_tar(CLIPS.items(), "w:gz"))
    if kind == "zip":
        path = tmp_path / "a.zip"
        path.write_bytes(data)
        with zipfile.ZipFile(path) as archive:
            at = archive.infolist()[2].header_offset + 100
        data[at : at + 8] = bytes(8)
    else:
        data = data[: len(data) // 2]
    hub.publish(f"parts/damaged-{kind}", {**TABLE, f"clips.{kind}": bytes(data)})
    with pytest.raises(ShardsFailed, match=rf"clips\.{kind} and 1 more cannot be read"):
        sync_dataset(open_for(f"parts/damaged-{kind}"))
