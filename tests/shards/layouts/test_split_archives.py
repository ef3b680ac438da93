"""Archives in parts are read as one archive, and a part that is missing is named."""

import io
import shlex
import subprocess
import zipfile
from functools import partial
from pathlib import Path

import pytest

from hugflow.errors import RequestInvalid
from hugflow.redact import in_a_line
from hugflow.shards.layouts.archives import walk
from hugflow.shards.layouts.joined import Piece
from hugflow.shards.layouts.left_out import LeftOut
from hugflow.shards.layouts.spanned_zip import find_wrong_part
from hugflow.shards.layouts.split_archives import find_split_archives
from hugflow.stages.sync import ShardsFailed, sync_dataset
from hugflow.testing.hub import LoopbackHub
from tests.builds import OpenFor
from tests.shards.layouts.published import CLIPS, TEXTS, Files, cut, rows, to_csv, to_zip
from tests.shards.layouts.tars import clip, make_tar
from tests.trees import read_rows_json

TABLE = {"train.csv": to_csv(rows("path"))}
# `zip -s` takes no parts of less than 64 kB.
LONG = {f"long{row}.wav": clip(row, 3.0) for row in range(3)}
LONG_TABLE = {"metadata.csv": to_csv([{"path": name, "text": name} for name in LONG])}
CUT = cut("audio.zip", to_zip(CLIPS), 3, lambda at: f".{at + 1:03}")


@pytest.fixture(scope="module")
def spanned(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The parts of a spanned zip with long clips, as Debian's zip writes them."""
    folder = tmp_path_factory.mktemp("spanned")
    for name, data in LONG.items():
        (folder / name).write_bytes(data)
    command = ["zip", "-q", "-s", "64k", "audio.zip", *LONG]
    subprocess.run(command, cwd=folder, check=True)
    return {path.name: path.read_bytes() for path in sorted(folder.glob("audio.z*"))}


def test_a_spanned_zip_gives_a_row_for_each_member(
    hub: LoopbackHub, open_for: OpenFor, spanned: Files
):
    assert {*spanned} == {*(f"audio.z0{part}" for part in range(1, len(spanned))), "audio.zip"}
    hub.publish("parts/spanned", {**LONG_TABLE, **spanned})
    build = open_for("parts/spanned")
    told = f"'audio.zip' is an archive in {len(spanned)} parts, which are read as one"
    assert [each for each in build.plan.warnings if "part" in each] == [told]
    assert not any("left out" in each for each in build.plan.warnings)
    sync_dataset(build)
    made = read_rows_json(build.folder)
    assert [made[row]["text"] for row in sorted(made)] == [*LONG]
    assert [round(made[row]["audio_info"]["duration"], 3) for row in made] == [3.0] * len(LONG)


def test_a_spanned_zip_with_a_zip64_directory_is_read(spanned: Files, tmp_path: Path):
    paths = []
    for name, data in spanned.items():
        (tmp_path / name).write_bytes(to_zip64(data, len(spanned)) if name == "audio.zip" else data)
        paths.append(tmp_path / name)
    read = {name: read() for name, read in walk(paths, "audio.zip", LeftOut())}
    assert read == LONG


def test_of_each_part_of_a_zip_only_a_few_bytes_are_read_to_see_that_it_is_in_its_place():
    names = [f"c{n}.wav" for n in range(6)]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, bytes(1_000))
    data, entries, read = out.getvalue(), archive.infolist(), []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            read.append(size)
            return super().read(size)

    size = len(data) // 3 + 1
    cut_ = [data[at : at + size] for at in range(0, len(data), size)]
    parts = [Piece(len(each), partial(Counted, each)) for each in cut_]
    assert find_wrong_part(parts, entries) is None
    assert read == [4, 4, 4]
    assert find_wrong_part([parts[1], parts[0], parts[2]], entries) == 0


def to_zip64(last: bytes, parts: int) -> bytes:
    """The last part of a spanned zip, with its positions in fields of zip64."""
    end = last.rindex(b"PK\x05\x06")
    size, start = (int.from_bytes(last[end + at : end + at + 4], "little") for at in (12, 16))
    entries = last[end + 10]
    at, directory = start, b""
    for _ in range(entries):
        names, extras = (int.from_bytes(last[at + n : at + n + 2], "little") for n in (28, 30))
        stop = at + 46 + names + extras
        large = last[at + 42 : at + 46] + bytes(4) + last[at + 34 : at + 36] + bytes(2)
        extra = last[at + 46 + names : stop] + b"\x01\x00\x0c\x00" + large
        directory += last[at : at + 30] + len(extra).to_bytes(2, "little") + last[at + 32 : at + 34]
        directory += b"\xff\xff" + last[at + 36 : at + 42] + b"\xff" * 4
        directory += last[at + 46 : at + 46 + names] + extra
        at = stop
    assert at == start + size
    disk = (parts - 1).to_bytes(4, "little")
    numbers = (entries, entries, len(directory), start)
    end64 = b"PK\x06\x06" + (44).to_bytes(8, "little") + bytes(4) + disk * 2
    end64 += b"".join(number.to_bytes(8, "little") for number in numbers)
    at64 = (start + len(directory)).to_bytes(8, "little")
    locator = b"PK\x06\x07" + disk + at64 + parts.to_bytes(4, "little")
    return last[:start] + directory + end64 + locator + b"PK\x05\x06" + b"\xff" * 16 + bytes(2)


@pytest.mark.parametrize(
    "source", [None, {"recipe": "ljspeech"}, {"table": "train.csv", "audio": "*.zip"}]
)
def test_parts_are_found_by_a_table_a_recipe_and_by_patterns(
    hub: LoopbackHub, open_for: OpenFor, source: dict[str, str] | None
):
    inside = source is not None and "recipe" in source
    members = {f"wavs/{name}": data for name, data in CLIPS.items()}
    lines = to_csv(
        [{"id": name[:-4], "a": text, "b": text} for name, text in zip(CLIPS, TEXTS, strict=True)],
        "|",
        header=False,
    )
    packed = to_zip({**members, "metadata.csv": lines})
    files = cut("LJ.zip", packed, 3, ".{:03}".format) if inside else {**TABLE, **CUT}
    name = f"parts/by-{'recipe' if inside else 'form' if source else 'table'}"
    hub.publish(name, files)
    build = open_for(name, **({} if source is None else {"source": source}))
    assert len(build.plan.shards) == 1
    assert [file.path for file in build.plan.shards[0].files[:3]] == [*files][-3:]
    assert not any("left out" in told for told in build.plan.warnings)
    sync_dataset(build)
    assert len(read_rows_json(build.folder)) == len(CLIPS)


def without(files: Files, name: str) -> Files:
    return {path: data for path, data in files.items() if path != name}


TAR = cut("audio.tar", make_tar(CLIPS.items()), 3, ".part{}".format)
SWAPPED = {"audio.zip.001": CUT["audio.zip.002"], "audio.zip.002": CUT["audio.zip.001"]}


@pytest.mark.parametrize(
    ("name", "files", "told"),
    [
        (
            "first",
            without(CUT, "audio.zip.001"),
            "'audio.zip.001' of the archive 'audio.zip' is missing",
        ),
        ("middle", without(CUT, "audio.zip.002"), "'audio.zip.002' of the archive"),
        (
            "last",
            without(CUT, "audio.zip.003"),
            "'audio.zip.002' is not its end, so 'audio.zip.003' may",
        ),
        ("swapped", {**CUT, **SWAPPED}, "'audio.zip.001' does not hold the members"),
        (
            "tar-last",
            without(TAR, "audio.tar.part2"),
            "'audio.tar.part1' is not its end, so 'audio.tar.part2'",
        ),
        ("tar-first", without(TAR, "audio.tar.part0"), "parts of 'audio.tar' are not one archive"),
    ],
)
def test_a_part_that_is_missing_or_out_of_order_is_one_error_of_the_plan(
    hub: LoopbackHub, open_for: OpenFor, name: str, files: Files, told: str
):
    hub.publish(f"parts/no-{name}", {**TABLE, **files})
    with pytest.raises(RequestInvalid) as refused:
        open_for(f"parts/no-{name}")
    assert told in f"{refused.value.what} {refused.value.why}"


@pytest.mark.parametrize("lost", ["audio.z01", "audio.z02", "last", "audio.zip"])
def test_a_missing_part_of_a_spanned_zip_is_named(
    hub: LoopbackHub, open_for: OpenFor, spanned: Files, lost: str
):
    lost = f"audio.z0{len(spanned) - 1}" if lost == "last" else lost
    name = f"parts/span-{lost.replace('.', '-')}"
    hub.publish(name, {**LONG_TABLE, **without(spanned, lost)})
    with pytest.raises(RequestInvalid, match=rf"'{lost}' of the archive 'audio.zip' is missing"):
        open_for(name)


def test_an_archive_of_another_kind_in_parts_is_refused_by_name(
    hub: LoopbackHub, open_for: OpenFor
):
    files = cut("audio.7z", bytes(300), 2, ".{:03}".format)
    hub.publish("parts/seven", files)
    with pytest.raises(RequestInvalid, match=r"'audio\.7z' is an archive in 2 parts") as refused:
        open_for("parts/seven")
    assert "cat audio.7z?* > audio.7z" in refused.value.mend
    hub.publish("parts/beside", {**TABLE, **files})
    told = open_for("parts/beside").plan.warnings
    assert "left out: 'audio.7z' is an archive in 2 parts, which is not read" in told


@pytest.mark.parametrize(
    "paths",
    [
        ["a.tar.gz", "a.tar.xz", "a.zip", "b.tar.01"],
        ["a.zip", "a.zip.001", "a.zip.002"],
        ["y.zip", "train_a.tar", "data.tar.md5", "data.tar.asc", "data.tar.sig"],
    ],
)
def test_whole_archives_are_not_taken_for_parts(paths: list[str]):
    assert find_split_archives(paths) == []


def test_parts_are_known_by_all_their_usual_names():
    for names in (
        ("a.tar.gz.partaa", "a.tar.gz.partab"),
        ("a.tar.00", "a.tar.01"),
        ("a.tar.gz.aa", "a.tar.gz.ab"),
        ("a.tar.gz.part-00", "a.tar.gz.part-01"),
        ("a.zip.part1", "a.zip.part2"),
        ("a.Z01", "a.z02", "a.zip"),
        ("a.zip.9", "a.zip.8", *(f"a.zip.{part}" for part in (1, 2, 3, 4, 5, 6, 7, 10))),
    ):
        [found] = find_split_archives(names)
        assert {*found.parts} == {*names}
        assert found.missing == ()
    assert found.parts[-1] == "a.zip.10"


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
    data = bytearray(to_zip(CLIPS) if kind == "zip" else make_tar(CLIPS.items(), "w:gz"))
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


def test_of_a_tar_gz_that_ends_early_its_last_part_is_said_to_be_missing(
    hub: LoopbackHub, open_for: OpenFor
):
    parts = cut("clips.tar.gz", make_tar(CLIPS.items(), "w:gz"), 3, ".part-0{}".format)
    last = max(parts)
    hub.publish("parts/short", {**TABLE, **without(parts, last)})
    with pytest.raises(ShardsFailed) as failed:
        sync_dataset(open_for("parts/short"))
    assert "its last part may be missing" in failed.value.why
