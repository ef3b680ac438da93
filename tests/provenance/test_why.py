"""Where a file comes from, told by the disk alone."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hugflow.errors import UsageWrong
from hugflow.provenance.known import NobodyKnows
from hugflow.provenance.origin import Origin
from hugflow.provenance.why import explain
from hugflow.requests.catalog import ArrivalOnMain, Catalog, write_catalog
from hugflow.stages.build.build import Build
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from tests.audio.clips import tone, write
from tests.builds import OpenFor
from tests.shards.layouts.tars import make_tar

pytestmark = pytest.mark.slow

Made = Callable[[], Build]
FLAC = write(tone(24_000), format="FLAC")


@pytest.fixture
def made(hub: LoopbackHub, open_for: OpenFor, request: pytest.FixtureRequest) -> Made:
    """A complete dataset of eight clips in two shards, row 5 of which failed; its build."""

    def make() -> Build:
        name = f"why/{request.node.originalname[5:80].strip('_')}"
        publish_speech(hub, name, rows=8, shards=2, seconds=0.2, broken_rows={5: b"junk"})
        build = open_for(name)
        sync_dataset(build)
        hub.clear_requests()
        return build

    return make


def ask(places: Places, asked: object, here: Path | None = None) -> Origin:
    return explain(places, str(asked), {}, here or places.storage_root)


def mp3_of(build: Build, row: int) -> Path:
    origin = ask(build.places, f"{build.name}#{row}")
    assert origin.mp3 is not None
    return Path(origin.mp3)


@pytest.mark.parametrize("keeps_state", [True, False])
def test_an_mp3_is_traced_to_the_published_file_and_the_row_in_it(
    made: Made, places: Places, hub: LoopbackHub, keeps_state: bool
):
    build = made()
    mp3 = mp3_of(build, 6)
    assert mp3.is_file()
    if not keeps_state:
        shutil.rmtree(places.state_dir)
    origin = ask(places, mp3)
    assert (origin.dataset, origin.kind, origin.row, origin.row_state) == (
        build.name,
        "mp3",
        6,
        "made",
    )
    assert (origin.hf_id, origin.split, origin.revision) == (build.request.hf_id, "train", "main")
    assert (origin.commit, origin.plan) == (build.plan.commit, build.plan.id)
    assert (origin.stem, origin.treatment, origin.source_format) == (mp3.stem, "encoded", "flac")
    assert origin.num_samples
    assert origin.made_at is not None
    assert origin.published_at is not None
    assert origin.shard == "00001-of-00002"
    second = build.plan.shards[1]
    told = (origin.published_file, origin.first_row, origin.published_row)
    assert told == ((second.files[0].path, 4, 2) if keeps_state else (None, None, None))
    assert hub.requests == ()


@pytest.mark.parametrize("keeps_state", [True, False])
def test_a_json_is_traced_like_its_mp3(made: Made, places: Places, keeps_state: bool):
    build = made()
    if not keeps_state:
        shutil.rmtree(places.state_dir)
    origin = ask(places, build.folder.json / "3.json")
    assert (origin.kind, origin.row, origin.shard) == ("json", 3, "00000-of-00002")
    assert origin.mp3 is not None
    assert ask(places, origin.mp3).row == 3


@pytest.mark.parametrize("keeps_state", [True, False])
@pytest.mark.parametrize("asked", ["json", "row"])
def test_a_row_that_failed_is_told_with_its_reason(
    made: Made, places: Places, asked: str, keeps_state: bool
):
    build = made()
    if not keeps_state:
        shutil.rmtree(places.state_dir)
    path = build.folder.json / "5.json"
    assert not path.exists()
    origin = ask(places, path if asked == "json" else f"{build.name}#5")
    assert (origin.row_state, origin.code) == ("failed", "audio_unsupported")
    assert origin.message


def test_a_row_that_is_still_to_come_is_told_as_missing(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_text(hub, "why/later", rows=6, shards=3)
    build = open_for("why/later")
    list(make_shards(build, build.plan.shards[:1]))
    assert ask(places, f"{build.name}#1").row_state == "made"
    later = ask(places, f"{build.name}#5")
    assert (later.row_state, later.shard, later.published_row) == ("missing", "00002-of-00003", 1)


def test_a_row_of_text_has_no_stem_and_no_mp3(hub: LoopbackHub, open_for: OpenFor, places: Places):
    publish_text(hub, "why/text", rows=2, shards=1)
    build = open_for("why/text")
    sync_dataset(build)
    origin = ask(places, build.folder.json / "1.json")
    assert (origin.row, origin.stem, origin.mp3, origin.treatment) == (1, None, None, None)


def test_an_index_is_traced_to_its_published_file(made: Made, places: Places):
    build = made()
    origin = ask(places, build.folder.index_file("00001-of-00002"))
    second = build.plan.shards[1]
    assert (origin.kind, origin.published_file, origin.rows) == ("index", second.files[0].path, 4)
    assert origin.published_sha256 == second.files[0].sha256


@pytest.mark.parametrize(
    ("part", "kind"),
    [("", "tree"), ("manifest.json",) * 2, ("README.md",) * 2, ("audio", "folder audio")],
)
def test_what_is_about_the_whole_dataset_is_told_so(
    made: Made, places: Places, part: str, kind: str
):
    build = made()
    origin = ask(places, build.folder.root / part)
    assert (origin.kind, origin.rows, origin.row) == (kind, 8, None)


def test_every_way_to_a_file_leads_to_the_same_answer(made: Made, places: Places, tmp_path: Path):
    build = made()
    mp3 = mp3_of(build, 2)
    expected = ask(places, mp3)
    alias = places.processed_root / "best"
    alias.symlink_to(places.link(build.name))
    ways = [
        (places.link(build.name) / "audio" / mp3.name, tmp_path),
        (alias / "audio" / mp3.name, tmp_path),
        (mp3.name, build.folder.audio),
        (f"../audio/{mp3.name}", build.folder.json),
        # As it stands in the row's JSON.
        (f"datasets/{build.name}/audio/{mp3.name}", tmp_path / "anywhere"),
        (f"{build.name}/audio/{mp3.name}", tmp_path / "anywhere"),
    ]
    for asked, here in ways:
        assert ask(places, asked, here) == expected
    assert ask(places, build.name, tmp_path).kind == "dataset"
    assert ask(places, places.link(build.name), tmp_path).kind == "tree"


def test_a_link_whose_tree_is_gone_still_names_its_dataset(made: Made, places: Places):
    build = made()
    shutil.rmtree(build.folder.root)
    assert ask(places, places.link(build.name)).dataset == build.name


@pytest.mark.parametrize(
    "part",
    ["audio/nobody.mp3", "json/x.json", "json/01.json", "notes.txt", "index/99.parquet", "a/b/c"],
)
def test_a_file_in_a_tree_that_nothing_knows_of_is_an_error(made: Made, places: Places, part: str):
    build = made()
    path = build.folder.root / part
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("mine")
    with pytest.raises(NobodyKnows, match=Path(part).name):
        ask(places, path)


@pytest.mark.parametrize(
    "asked", ["/etc/passwd", "nobody", "nobody#1", "..", "/", "a\n", "x" * 999]
)
def test_what_belongs_to_no_dataset_is_a_wrong_call(
    made: Made, places: Places, asked: str, tmp_path: Path
):
    made()
    with pytest.raises(UsageWrong, match="no dataset"):
        ask(places, asked, tmp_path)


@pytest.mark.parametrize("row", ["8", "999999999999999999"])
def test_a_row_beyond_the_last_is_a_wrong_call(made: Made, places: Places, row: str):
    build = made()
    with pytest.raises(UsageWrong, match="has no row"):
        ask(places, f"{build.name}#{row}")


@pytest.mark.parametrize("text", ["[]", "{", '{"version": 1, "request": "x", "run": 3}'])
def test_a_damaged_manifest_leaves_the_plan_to_answer(made: Made, places: Places, text: str):
    build = made()
    path = build.folder.json / "3.json"
    build.folder.manifest.write_text(text)
    assert ask(places, path).published_file == build.plan.shards[0].files[0].path


def test_who_asked_for_it_is_told_where_main_was_seen(made: Made, places: Places):
    build = made()
    path = "requests/add/speech.yaml"
    asked = ArrivalOnMain(
        "a" * 40, 0, "b" * 40, "Ada", "ada@example.org", "Merge pull request #12 from x/y"
    )
    write_catalog(places, Catalog("a" * 40, {path: b"x"}, asked_by_path={path: asked}))
    origin = explain(places, f"{build.name}#6", {build.name: path}, places.storage_root)
    assert (origin.request_commit, origin.request_author, origin.pull_request) == (
        "b" * 40,
        "Ada",
        12,
    )
    # An unreadable catalogue takes nothing from the answer.
    (places.catalog / "requests.json").write_text("{")
    origin = explain(places, f"{build.name}#6", {build.name: path}, places.storage_root)
    assert (origin.row, origin.request_author) == (6, None)


RANGES: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {
    "plan": (
        {
            "talk.flac": FLAC,
            "train.csv": b"path,text,start,end\ntalk.flac,a,0.5,1\ntalk.flac,b,1,99\n",
        },
        {"segments": {"start": "start", "end": "end"}},
    ),
    "row": (
        {
            "train.tar": make_tar(
                [
                    ("talk.flac", FLAC),
                    ("talk.json", b'{"s": [{"a": 0.5, "d": 0.5, "text": "a"}, {"a": 1, "d": 98}]}'),
                ]
            )
        },
        {"segments": {"start": "json.s.a", "duration": "json.s.d"}, "text_column": "json.s.text"},
    ),
}


@pytest.mark.parametrize("told_by", RANGES)
def test_a_row_cut_out_of_a_recording_tells_its_start_end_and_format(
    told_by: str, hub: LoopbackHub, open_for: OpenFor, places: Places
):
    files, fields = RANGES[told_by]
    hub.publish(f"why/range-in-{told_by}", files)
    build = open_for(f"why/range-in-{told_by}", max_bad_rows="100%", **fields)
    sync_dataset(build)
    made, failed = (ask(places, f"{build.name}#{row}") for row in (0, 1))
    assert (made.start, made.end, made.source_format) == (0.5, 1.0, "flac")
    assert (made.source_path or "").endswith("talk.flac")
    assert ask(places, mp3_of(build, 0)).start == 0.5
    # A failed row has no JSON: only the plan may know its range.
    expected = (1.0, 99.0) if told_by == "plan" else (None, None)
    assert (failed.row_state, failed.start, failed.end) == ("failed", *expected)


def test_a_whole_clip_has_no_start_and_no_end(made: Made, places: Places):
    origin = ask(places, f"{made().name}#0")
    assert (origin.start, origin.end) == (None, None)
