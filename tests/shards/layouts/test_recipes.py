"""One set of clips gives the same MP3s and texts through every recipe."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from hugflow.errors import HugflowError, RequestInvalid
from hugflow.requests.recipes import read_recipe
from hugflow.requests.sources import RECIPES as NAMES
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.shards.layouts.published import LAYOUTS, TEXTS, rows, to_csv
from tests.shards.layouts.recipes import RECIPES
from tests.shards.layouts.tars import clip, make_tar, special
from tests.trees import read_rows_json

pytestmark = pytest.mark.slow

_first: dict[str, list[bytes]] = {}


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_clips_give_the_same_files_through_every_recipe(
    hub: LoopbackHub, open_for: OpenFor, name: str
):
    files, fields = RECIPES[name]
    hub.publish(f"recipes/{name}", files)
    build = open_for(f"recipes/{name}", **fields)
    sync_dataset(build)
    made = read_rows_json(build.folder)
    assert [made[row]["text"] for row in sorted(made)] == list(TEXTS)
    mp3s = [(build.folder.audio / f"{row}.mp3").read_bytes() for row in sorted(made)]
    if "mp3s" not in _first:
        hub.publish("recipes/plain", LAYOUTS["csv-beside"])
        plain = open_for("recipes/plain")
        sync_dataset(plain)
        _first["mp3s"] = [
            (plain.folder.audio / f"{row}.mp3").read_bytes() for row in range(len(TEXTS))
        ]
    assert mp3s == _first["mp3s"]
    assert list(verify_dataset(build.places, build.name, deep=True)) == []


def test_every_recipe_of_the_package_has_a_repository_that_tests_it():
    assert {name.partition("-")[0] for name in RECIPES} == set(NAMES)
    assert all(read_recipe(name).about for name in NAMES)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ({"recipe": "comon_voice"}, "did you mean common_voice"),
        ({"recipe": "ami", "table": "x.csv"}, "several of"),
        ({"table": "../x.csv", "audio": "*"}, "leads out"),
        ({"table": "x.csv", "audio": "https://example.org/x"}, "no path"),
        ({"table": "{lang}.csv", "audio": "*"}, "unknown place"),
        ({"table": "x.csv"}, "has no audio"),
        ({"tabel": "x.csv", "audio": "*"}, "did you mean table"),
        ({"archive": "abc", "recipe": "common_voice"}, "no sha256"),
        ({"layout": "tables"}, "names no layout"),
    ],
)
def test_a_source_that_cannot_be_says_what_is_wrong(source: dict[str, Any], problem: str):
    from hugflow.requests.model import AddRequest

    with pytest.raises(ValueError, match=problem):
        AddRequest(hf_id="a/b", description="x", source=source)  # type: ignore[arg-type]


def test_a_recipe_that_finds_nothing_names_its_patterns(hub: LoopbackHub, open_for: OpenFor):
    hub.publish("recipes/none", {"clips/a.wav": clip(0)})
    with pytest.raises(RequestInvalid, match="recipe fleurs finds no files") as refused:
        open_for("recipes/none", subset="ms_my", source={"recipe": "fleurs"})
    assert "data/{subset}/{split}.tsv" in refused.value.why
    assert "clips/a.wav" in refused.value.why


def test_a_form_of_ones_own_selects_and_renames_columns(hub: LoopbackHub, open_for: OpenFor):
    table = to_csv([{**row, "speaker": "s1"} for row in rows("wav")], "|")
    hub.publish("recipes/own", {**LAYOUTS["csv-beside"], "lists/train.txt": table})
    build = open_for(
        "recipes/own",
        source={
            "table": "lists/{split}.txt",
            "audio": "clips/*.wav",
            "key": "clip",
            "format": "csv",
            "delimiter": "pipe",
            "columns": {"clip": "wav", "words": "text"},
            "text": "words",
        },
    )
    sync_dataset(build)
    made = read_rows_json(build.folder)
    assert [made[row]["text"] for row in sorted(made)] == list(TEXTS)
    assert build.plan.columns == ("audio", "clip", "words")


def test_a_request_can_force_a_layout(hub: LoopbackHub, open_for: OpenFor):
    tar = LAYOUTS["webdataset"]["data/train-00000.tar"]
    hub.publish("recipes/forced", {"train.csv": b"a,b\n1,2\n", "x/train.tar": tar})
    build = open_for("recipes/forced", source={"layout": "webdataset"})
    assert build.plan.shards[0].layout == "webdataset"
    assert any("as the request says" in warning for warning in build.plan.warnings)


def test_ids_of_kaldi_mean_the_text_and_speaker_of_their_own_folder(
    hub: LoopbackHub, open_for: OpenFor
):
    files = {
        "a/wav.scp": b"001 a/001.wav\n002 a/002.wav\n003 a/003.wav\n",
        "a/text": b"001 one of a\n002 two of a\n004 no utterance\n",
        "a/utt2spk": b"001 ann\n002 ann\n",
        "b/wav.scp": b"001 b/001.wav\n004 b/004.wav\n",
        "b/text": b"001 one of b\n003 no utterance\n",
        **{f"a/00{n}.wav": clip(n) for n in (1, 2, 3)},
        **{f"b/00{n}.wav": clip(10 + n) for n in (1, 4)},
    }
    hub.publish("recipes/folders", files)
    build = open_for("recipes/folders", source={"layout": "kaldi"})
    assert "left out: 2 lines of text of no utterance" in build.plan.warnings
    sync_dataset(build)
    assert [
        (row["id"], row["text"], row["speaker"])
        for _, row in sorted(read_rows_json(build.folder).items())
    ] == [
        ("001", "one of a", "ann"),
        ("002", "two of a", "ann"),
        ("003", None, None),
        ("001", "one of b", None),
        ("004", None, None),
    ]


def test_a_command_in_wav_scp_is_refused_by_name_and_never_run(hub: LoopbackHub, open_for: OpenFor):
    scp = b"good audio/a.wav\nbad sph2pipe -f wav /tmp/x.sph |\n"
    hub.publish("recipes/pipe", {"data/train/wav.scp": scp, "audio/a.wav": clip(0)})
    with pytest.raises(RequestInvalid, match="has a command for 'bad'"):
        open_for("recipes/pipe", source={"recipe": "ami"})


@pytest.mark.soak
def test_200_clips_give_the_same_files_in_every_layout_and_through_every_recipe():
    folder = Path(__file__).parent
    files = [str(folder / name) for name in ("test_published.py", "test_recipes.py")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "the_same_clips", *files],
        env={**os.environ, "LAYOUT_CLIPS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def hostile_archive(kind: str) -> bytes:
    """An LJ Speech tar.gz with one thing that must not be followed."""
    good = [("LJ/metadata.csv", b"a|raw|text a\n"), ("LJ/wavs/a.wav", clip(0))]
    link = special("LJ/metadata.csv", tarfile.SYMTYPE, "/etc/passwd")
    more: dict[str, list[Any]] = {
        "table is a link": [(link, b""), good[1]],
        "table leads out": [("../LJ/metadata.csv", good[0][1]), good[1]],
        "table is a bomb": [("LJ/metadata.csv", bytes(600 << 20)), good[1]],
        "clip leads out": [good[0], ("LJ/../../wavs/a.wav", clip(0))],
        "clip is a device": [good[0], (special("LJ/wavs/a.wav", tarfile.CHRTYPE), b"")],
        "words lead elsewhere": [
            ("LJ/metadata.csv", b"https://example.org/a.wav|x|x\n../../a|y|y\n"),
            good[1],
        ],
        "clips twice": [*good, ("LJ/wavs/a.wav", clip(1))],
    }
    return make_tar(more[kind], "w:gz")


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("table is a link", "the table"),
        ("table leads out", "the table"),
        ("table is a bomb", "unpacks to more than"),
        ("clip leads out", "path_not_found"),
        ("clip is a device", "path_not_found"),
        ("words lead elsewhere", "path_refused"),
        ("clips twice", ""),
    ],
)
def test_a_hostile_archive_with_its_table_has_one_outcome_and_writes_nothing_outside(
    hub: LoopbackHub, open_for: OpenFor, tmp_path: Path, kind: str, outcome: str
):
    hub.publish(f"hostile/{kind.replace(' ', '-')}", {"LJ.tar.gz": hostile_archive(kind)})
    build = open_for(
        f"hostile/{kind.replace(' ', '-')}", source={"recipe": "ljspeech"}, max_bad_rows="100%"
    )
    said = ""
    try:
        sync_dataset(build)
    except HugflowError as error:
        said = str(error)
    failures = build.folder.failures
    said += failures.read_text() if failures.is_file() else ""
    assert outcome in said, said
    assert {path.name for path in tmp_path.iterdir()} <= {"state", "datasets", "processed"}
    assert {request.port for request in hub.requests} <= {"api", "storage"}
