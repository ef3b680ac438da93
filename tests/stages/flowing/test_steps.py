"""The `flows:` of a request: what they make of the rows, of the index, of the manifest."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.errors import (
    CannotWrite,
    DiskFull,
    FlowModuleConflict,
    RequestInvalid,
    TooManyBadRows,
    UntrustedFlowModule,
)
from hugflow.exports.registry import named_export
from hugflow.flows import flow_verse
from hugflow.flows.trust import Trust, parse_allowed
from hugflow.ledger.progress import read_progress
from hugflow.notify.conversation import Line
from hugflow.notify.notices import read_notice
from hugflow.notify.words import rows_words
from hugflow.provenance.known import NobodyKnows
from hugflow.provenance.why import explain
from hugflow.requests.catalog import Catalog, write_catalog
from hugflow.stages import sync as sync_module
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.flowing import flow_index
from hugflow.stages.planning.estimate import estimate
from hugflow.stages.publishing.export_stored import export_stored
from hugflow.stages.standing.measure import measure_storage
from hugflow.stages.standing.status import read_status
from hugflow.stages.sync import Synced, sync_dataset
from hugflow.stages.telling.tracker import Tracker
from hugflow.stages.tree.flow_files import next_steps_folder
from hugflow.store.digest import file_sha256
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_tables, speech_table
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.flows.hub import publish
from tests.flows.test_shipped import publish_shipped
from tests.trees import read_tree

pytestmark = pytest.mark.slow

HF_ID = "flowing/speech"
ROWS = 24
FLOWS = """
from hugflow.flows import AtomicFlow

class Upper(AtomicFlow):
    defaults = {"suffix": ""}
    def run(self, data):
        with open(LOG, "a") as log:
            log.write(f"upper {data['row']}\\n")
        return {"upper": data["text"].upper() + self.config["suffix"]}

class Odd(AtomicFlow):
    def run(self, data):
        with open(LOG, "a") as log:
            log.write(f"odd {data['row']}\\n")
        return {"length": len(data["upper"])} if data["row"] % 2 else None

class Fails(AtomicFlow):
    defaults = {"at": []}
    def run(self, data):
        if data["row"] in self.config["at"]:
            raise ValueError("no such voice")
        return {"ok": True}

class Number(AtomicFlow):
    def run(self, data):
        return {"text": data["row"]}

class Marked(AtomicFlow):
    def run(self, data):
        if not data["row"]:
            return {"meta": {1: "a", "1": "b"}}
        return {"meta": {"_type": "Value", "row": data["row"]}}

class Nothing(AtomicFlow):
    def run(self, data):
        return None

class Told(AtomicFlow):
    def run(self, data):
        row = data["row"]
        return {
            "speaker_id": f"s{row % 2}", "n": row, "text": f"said {row}", "speaker": "a text",
            "more": {"file": [row]},
        }

class Mixed(AtomicFlow):
    defaults = {"scores": []}
    def run(self, data):
        return {"score": self.config["scores"][data["row"] % len(self.config["scores"])]}
"""
UPPER = {
    "name": "upper",
    "flow": "my_flows.Upper",
    "rows": {"in": ["text", "row"], "out": ["upper"]},
}
ODD = {"name": "odd", "flow": "my_flows.Odd", "rows": {"in": ["upper", "row"], "out": ["length"]}}

TOLD = {
    "name": "told",
    "flow": "my_flows.Told",
    "rows": {"in": ["row"], "out": ["speaker_id", "n", "text", "speaker", "more"]},
}
TEXT_AS_ROW = {
    "name": "number",
    "flow": "my_flows.Number",
    "rows": {"in": ["row"], "out": ["text"]},
}

Sync = Callable[..., Synced]


@pytest.fixture(scope="module")
def _published() -> set[str]:
    return set()


@pytest.fixture
def opened(hub: LoopbackHub, open_for: OpenFor, tmp_path: Path, _published: set[str]) -> Sync:
    """Syncs the dataset with steps: `opened([UPPER, ODD], max_bad_rows=0)`."""
    if HF_ID not in _published:
        publish_speech(hub, HF_ID, rows=ROWS, shards=2, seconds=0.05)
        _published.add(HF_ID)
    log = tmp_path / "log"
    (tmp_path / "my_flows.py").write_text(f"LOG = {str(log)!r}\n{FLOWS}")

    def sync(steps: list[dict[str, Any]], trust: Trust | None = None, **fields: Any) -> Synced:
        quota = fields.pop("storage_quota_bytes", None)
        options = replace(
            Options(),
            workers=2,
            flow_root=tmp_path,
            trust=trust or Trust(),
            storage_quota_bytes=quota,
        )
        hf_id = fields.pop("hf_id", HF_ID)
        build: Build = open_for(hf_id, options=options, flows=steps, **fields)
        log.unlink(missing_ok=True)
        return sync_dataset(build)

    return sync


def ran(tmp_path: Path) -> list[str]:
    log = tmp_path / "log"
    return log.read_text().splitlines() if log.exists() else []


def index(places: Places) -> list[dict[str, Any]]:
    folder = places.dataset(NAME).index
    return [
        row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


NAME = "flowing__speech__split_train__rev_main"


def test_the_index_holds_the_last_steps_rows_and_columns_and_json_is_untouched(
    places: Places, opened: Sync, tmp_path: Path
):
    plain = opened([])
    tree = plain.published.build.folder
    before = {path.name: path.read_bytes() for path in tree.json.iterdir()}
    synced = opened([UPPER, ODD])
    rows = index(places)
    assert [row["row"] for row in rows] == list(range(1, ROWS, 2))
    assert all(
        row["upper"] == row["text"].upper() and row["length"] == len(row["upper"]) for row in rows
    )
    assert {path.name: path.read_bytes() for path in tree.json.iterdir()} == before
    assert json.loads((tree.root / "flows" / "odd" / "0.json").read_text()) == {"dropped": True}
    assert json.loads((tree.root / "flows" / "upper" / "0.json").read_text())["upper"]
    flows = synced.published.manifest.flows
    assert flows is not None
    counts = [(step.name, step.rows, step.dropped, step.errors) for step in flows.steps]
    assert counts == [("upper", ROWS, 0, 0), ("odd", ROWS // 2, ROWS // 2, 0)]
    assert synced.published.manifest.rows.made == ROWS
    assert places.link(NAME).resolve() == tree.root


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([2**53 + 1] * (ROWS - 1) + [0.5], ["9007199254740993"] * (ROWS - 1) + ["0.5"]),
        ([1] * (ROWS - 1) + [0.5], [1.0] * (ROWS - 1) + [0.5]),
        ([1] * (ROWS - 1) + [{"a": 1}], ["1"] * (ROWS - 1) + ['{"a": 1}']),
    ],
    ids=["long and fraction", "whole and fraction", "number and object"],
)
def test_a_field_has_one_type_in_all_shards_that_changes_no_value(
    places: Places, opened: Sync, scores: list[Any], expected: list[Any]
):
    rows = {"in": ["row"], "out": ["score"]}
    opened([{"name": "mix", "flow": "my_flows.Mixed", "rows": rows, "config": {"scores": scores}}])
    assert [row["score"] for row in index(places)] == expected


def test_doing_it_again_runs_nothing_and_changes_nothing(
    places: Places, opened: Sync, tmp_path: Path
):
    opened([UPPER, ODD])
    folder = places.dataset(NAME).root
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert opened([UPPER, ODD]).was_complete
    assert ran(tmp_path) == []
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_changing_the_second_of_two_steps_runs_it_alone(
    places: Places, opened: Sync, tmp_path: Path
):
    opened([UPPER, ODD])
    opened([UPPER, {**ODD, "name": "odd", "config": {"description": "other"}}])
    assert {line.split()[0] for line in ran(tmp_path)} == {"odd"}
    assert len(ran(tmp_path)) == ROWS


def test_changing_the_first_step_runs_both(places: Places, opened: Sync, tmp_path: Path):
    opened([UPPER, ODD])
    opened([{**UPPER, "config": {"suffix": "!"}}, ODD])
    assert len(ran(tmp_path)) == 2 * ROWS
    assert all(row["upper"].endswith("!") for row in index(places))


def test_steps_that_are_taken_away_leave_the_rows_as_they_were_made(
    places: Places, opened: Sync, tmp_path: Path
):
    plain = opened([]).published.manifest
    opened([UPPER, ODD])
    again = opened([]).published.manifest
    assert (again.index, again.flows) == (plain.index, None)
    assert not (places.dataset(NAME).root / "flows").exists()
    assert len(index(places)) == ROWS


def test_a_step_that_is_taken_away_takes_its_folder_along(places: Places, opened: Sync):
    opened([UPPER, ODD])
    opened([UPPER])
    assert not (places.dataset(NAME).root / "flows" / "odd").exists()
    assert len(index(places)) == ROWS


def test_rows_that_a_step_fails_at_are_counted_against_the_budget_and_tried_again(
    places: Places, opened: Sync
):
    step = {"name": "fails", "flow": "my_flows.Fails", "rows": {"in": ["row"], "out": ["ok"]}}
    bad = {**step, "config": {"at": [3, 5]}}
    with pytest.raises(TooManyBadRows, match="2 of 24 rows") as error:
        opened([bad], max_bad_rows=1)
    errors = places.dataset(NAME).root / "flows" / "errors.jsonl"
    assert f"{NAME}/flows/errors.jsonl names them" in error.value.why
    assert str(places.storage_root) not in str(error.value)
    lines = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [(line["row"], line["step"]) for line in lines] == [(3, "fails"), (5, "fails")]
    assert "no such voice" in lines[0]["message"]
    assert not places.link(NAME).exists()
    synced = opened([bad], max_bad_rows=2)
    assert [row["row"] for row in index(places)] == [
        row for row in range(ROWS) if row not in (3, 5)
    ]
    assert synced.published.manifest.flows is not None
    assert synced.published.manifest.flows.steps[0].errors == 2


def test_a_module_of_the_hub_is_synced_and_run_where_it_is_allowed(
    hub: LoopbackHub, places: Places, opened: Sync, tmp_path: Path
):
    commit = publish_shipped(hub, "flowing/TextTools")
    step = {
        "name": "clean",
        "use": "flowing/TextTools",
        "flow": "NormaliseText",
        "config": {"lower": True},
        "rows": {"in": ["text"], "out": ["text_norm"]},
    }
    with pytest.raises(UntrustedFlowModule, match="flowing/TextTools is not on the allow list"):
        opened([step])
    synced = opened([step], Trust((parse_allowed(f"flowing/TextTools@{commit}"),)))
    assert all(row["text_norm"] == row["text"].lower() for row in index(places))
    flows = synced.published.manifest.flows
    assert flows is not None
    assert (flows.steps[0].module, flows.steps[0].commit) == ("flowing/TextTools", commit)


def test_a_change_in_a_linked_folder_runs_its_step_again(
    places: Places, opened: Sync, tmp_path: Path
):
    code = "from hugflow.flows import AtomicFlow\n" + "class Mark(AtomicFlow):\n"
    code += "    def run(self, data):\n        return {'mark': 'old'}\n"
    mine = tmp_path / "mine"
    (mine / ".git").mkdir(parents=True)
    (mine / "__init__.py").write_text(code)
    flow_verse.sync_dependencies([{"url": "acme/Mine", "revision": str(mine)}], root=tmp_path)
    step = {"name": "mark", "use": "acme/Mine", "flow": "Mark", "rows": {"out": ["mark"]}}
    trust = Trust(allow_local=True)
    flows = opened([step], trust).published.manifest.flows
    assert flows is not None
    assert flows.steps[0].words == "mark: acme/Mine (a linked folder) Mark"
    (mine / ".git" / "index").write_text("what git does there is no change")
    assert opened([step], trust).published.manifest.flows == flows
    (mine / "__init__.py").write_text(code.replace("old", "new"))
    opened([step], trust)
    assert {row["mark"] for row in index(places)} == {"new"}


def test_a_module_is_not_moved_to_another_revision_while_a_request_on_main_uses_it(
    hub: LoopbackHub, places: Places, opened: Sync, tmp_path: Path
):
    step = {"name": "clean", "use": "flowing/Moved", "flow": "NormaliseText"}
    first = publish_shipped(hub, "flowing/Moved")
    with pytest.raises(UntrustedFlowModule):
        opened([{**step, "use": f"flowing/Moved:{first}"}])
    second = publish(hub, "flowing/Moved", {"more.py": "x = 1\n"})
    steps = [{**step, "use": f"flowing/Moved:{first}"}]
    other = {"hf_id": "acme/other", "description": "A test", "flows": steps}
    path = "requests/add/other.yaml"
    write_catalog(places, Catalog("c" * 40, {path: json.dumps(other).encode()}))
    moved = [{**step, "use": f"flowing/Moved:{second}"}]
    with pytest.raises(FlowModuleConflict, match=f"{second}, and {path} uses .*{first}"):
        opened(moved)
    write_catalog(places, Catalog("d" * 40, {}))
    with pytest.raises(UntrustedFlowModule) as refused:
        opened(moved)
    assert second in refused.value.why


def test_a_field_that_no_row_has_is_named_before_anything_runs(opened: Sync, tmp_path: Path):
    for wrong, near in (("wrods", None), ("txet", "text"), ("uper", "upper")):
        with pytest.raises(RequestInvalid, match=f"'{wrong}'") as caught:
            opened([UPPER, {**ODD, "rows": {"in": [wrong], "out": []}}])
        assert near is None or caught.value.mend == f"did you mean {near}?"
    assert ran(tmp_path) == []


def test_a_class_that_is_not_in_its_file_is_named_before_rows_are_made(
    places: Places, opened: Sync
):
    with pytest.raises(RequestInvalid, match="'upper' cannot run: my_flows has no class Uper"):
        opened([{**UPPER, "flow": "my_flows.Uper"}])
    assert not list(places.dataset(NAME).root.glob("*/*.mp3"))


def test_the_folder_is_read_by_datasets_with_the_new_columns(places: Places, opened: Sync):
    opened([UPPER, ODD])
    import datasets

    rows = datasets.load_dataset(str(places.link(NAME).resolve()), split="train")
    assert len(rows) == ROWS // 2
    assert {"upper", "length", "text"} <= set(rows.column_names)
    assert rows[0]["length"] == len(rows[0]["upper"])


@pytest.mark.parametrize("deep", [False, True])
def test_verify_finds_nothing_wrong_and_sees_damage_of_either_index(
    places: Places, opened: Sync, deep: bool
):
    opened([UPPER, ODD])
    assert list(verify_dataset(places, NAME, deep=deep)) == []
    folder = places.dataset(NAME)
    for path in (
        folder.index / "00000-of-00002.parquet",
        folder.root / "flows/.rows/00001-of-00002.parquet",
    ):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + b"x")
        found = list(verify_dataset(places, NAME, deep=deep))
        assert str(path) in {difference.path for difference in found}
        path.write_bytes(whole)
    row = folder.root / "flows" / "upper" / "3.json"
    row.rename(row.with_suffix(".away"))
    assert [difference.path for difference in verify_dataset(places, NAME)] == [str(row.parent)]
    row.with_suffix(".away").rename(row)
    whole = row.read_bytes()
    row.write_bytes(whole[:-3])
    found = [(each.code, each.row) for each in verify_dataset(places, NAME, deep=deep)]
    assert found == ([("flow_row_unreadable", 3)] if deep else [])
    row.write_bytes(whole)
    assert list(verify_dataset(places, NAME, deep=deep)) == []


def test_why_names_module_commit_and_configuration_of_each_step_of_a_row(
    places: Places, opened: Sync, tmp_path: Path
):
    opened([{**UPPER, "config": {"suffix": "!"}}, ODD])
    kept = explain(places, f"{NAME}#3", {}, tmp_path)
    assert (
        kept.flows == 'upper: own code my_flows.Upper {"suffix": "!"}; odd: own code my_flows.Odd'
    )
    assert explain(places, f"{NAME}#4", {}, tmp_path).flows == f"{kept.flows}: left out"
    root = places.dataset(NAME).root
    file = explain(places, str(root / "flows" / "upper" / "3.json"), {}, tmp_path)
    assert (file.kind, file.row, file.flows) == ("row of step upper", 3, kept.flows)
    for below in ("flows", "flows/odd", "flows/errors.jsonl"):
        assert explain(places, str(root / below), {}, tmp_path).kind == below
    for below in ("flows/other", "flows/other/3.json", "flows/upper/3.txt"):
        with pytest.raises(NobodyKnows):
            explain(places, str(root / below), {}, tmp_path)


def test_the_bytes_of_the_steps_count_in_storage_and_status_shows_their_rows(
    places: Places, opened: Sync
):
    tree = opened([]).published.build.folder
    before = measure_storage(places)
    synced = opened([UPPER, {**ODD, "name": "odd"}])
    files = [
        path
        for path in (tree.root / "flows").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    of_rows = [path for path in files if path.suffix == ".json"]
    flows = synced.published.manifest.flows
    assert flows is not None
    assert sum(step.bytes for step in flows.steps) == sum(map(_size, of_rows))
    assert measure_storage(places) >= before + sum(map(_size, of_rows))
    [upper, odd] = read_status(places, NAME).steps
    assert (upper.name, upper.rows, upper.dropped, upper.errors) == ("upper", ROWS, 0, 0)
    assert (odd.name, odd.rows, odd.dropped, odd.errors) == ("odd", ROWS // 2, ROWS // 2, 0)


def _size(path: Path) -> int:
    return path.stat().st_size


def test_the_quota_ends_a_step_before_it_writes_and_the_rest_follows_when_there_is_room(
    places: Places, opened: Sync, tmp_path: Path
):
    opened([])
    used = measure_storage(places)
    with pytest.raises(DiskFull, match="quota"):
        opened([UPPER], storage_quota_bytes=used + 100)
    written = [*(places.dataset(NAME).root / "flows" / "upper").glob("*.json")]
    assert sum(map(_size, written)) <= 100
    opened([UPPER], storage_quota_bytes=used + 1_000_000)
    assert len(index(places)) == ROWS


def test_the_estimate_counts_a_file_for_each_row_and_step(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "flowing/estimated", rows=4, seconds=0.05)
    plain = estimate(open_for("flowing/estimated"))
    stepped = estimate(open_for("flowing/estimated", flows=[UPPER, ODD]))
    assert plain.files is not None
    assert stepped.files == plain.files + 2 * 4
    assert stepped.peak_bytes > plain.peak_bytes + 2 * 4


def test_what_became_of_the_rows_in_the_steps_is_logged_and_announced(
    places: Places, opened: Sync, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    opened([UPPER, ODD])
    assert "steps of shard 00001-of-00002 are done: upper: 12 rows, 0 left out" in caplog.text
    notice = read_notice(places, NAME)
    assert notice is not None
    line = Line("requests/add/x.yaml", "completed", dataset=NAME, notice=notice)
    assert rows_words(line) == f"{ROWS}; upper: {ROWS}; odd: {ROWS // 2}, {ROWS // 2} left out"


def shown(places: Places) -> dict[str, tuple[int, int, int, int | None]]:
    """Rows, left out, failed and all of each step, as the progress file says."""
    progress = read_progress(places.progress(NAME))
    assert progress is not None
    assert all(
        sum(last - first + 1 for first, last in step.ranges) == step.rows + step.dropped
        for step in progress.steps
    )
    return {
        step.name: (step.rows, step.dropped, step.errors, step.total_rows)
        for step in progress.steps
    }


def test_the_progress_file_counts_the_rows_of_each_step(places: Places, opened: Sync):
    opened([])
    assert "flows" not in json.loads(places.progress(NAME).read_text())
    opened([UPPER, ODD])
    counts = {"upper": (ROWS, 0, 0, ROWS), "odd": (ROWS // 2, ROWS // 2, 0, ROWS)}
    assert shown(places) == counts
    places.progress(NAME).unlink()
    opened([UPPER, ODD])
    assert shown(places) == counts
    opened([])
    assert "flows" not in json.loads(places.progress(NAME).read_text())


def test_rows_that_a_step_failed_at_count_in_the_progress_file_until_they_go_on(
    places: Places, opened: Sync
):
    step = {"name": "fails", "flow": "my_flows.Fails", "rows": {"in": ["row"], "out": ["ok"]}}
    with pytest.raises(TooManyBadRows):
        opened([{**step, "config": {"at": [1, 2]}}], max_bad_rows=0)
    assert shown(places) == {"fails": (ROWS - 2, 0, 2, ROWS)}
    opened([step], max_bad_rows=0)
    assert shown(places) == {"fails": (ROWS, 0, 0, ROWS)}


def test_counts_go_back_for_a_changed_step_and_those_after_it_alone(
    places: Places, opened: Sync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened([UPPER, ODD])
    seen: list[dict[str, tuple[int, int, int, int | None]]] = []
    follow = Tracker.follow_steps

    def see(tracker: Tracker, steps: Any) -> None:
        follow(tracker, steps)
        seen.append(shown(places))

    monkeypatch.setattr(Tracker, "follow_steps", see)
    opened([UPPER, {**ODD, "config": {"description": "x"}}])
    opened([{**UPPER, "config": {"suffix": "x"}}, ODD])
    first, _, second, _ = seen
    assert first == {"upper": (ROWS, 0, 0, ROWS), "odd": (0, 0, 0, ROWS)}
    assert second == {"upper": (0, 0, 0, ROWS), "odd": (0, 0, 0, None)}
    assert shown(places) == {
        "upper": (ROWS, 0, 0, ROWS),
        "odd": (ROWS // 2, ROWS // 2, 0, ROWS),
    }


def test_a_dataset_of_which_the_steps_leave_no_row_is_not_published(places: Places, opened: Sync):
    step = {"name": "none", "flow": "my_flows.Nothing", "rows": {"in": ["row"]}}
    with pytest.raises(RequestInvalid, match="its steps leave out all rows") as refused:
        opened([step])
    assert refused.value.why == f"the step 'none' left out {ROWS} of {ROWS} rows"
    assert not places.link(NAME).exists()


def test_a_dataset_is_not_published_where_steps_fail_at_all_rows_within_the_budget(
    places: Places, opened: Sync
):
    step = {"name": "fails", "flow": "my_flows.Fails", "rows": {"in": ["row"], "out": ["ok"]}}
    with pytest.raises(RequestInvalid, match="its steps fail at all rows") as refused:
        opened([{**step, "config": {"at": list(range(ROWS))}}], max_bad_rows=ROWS)
    assert f"failed at {ROWS} of {ROWS} rows: " in refused.value.why
    assert not places.link(NAME).exists()


def test_a_published_dataset_keeps_its_indexes_where_keep_and_steps_leave_no_row(
    places: Places, opened: Sync
):
    synced = opened([UPPER, ODD], keep="row < 2")
    assert [row["row"] for row in index(places)] == [1]
    with pytest.raises(RequestInvalid, match="keep leaves out all rows that went through") as no:
        opened([UPPER, ODD], keep="row = 2")
    assert no.value.why == f"none of {ROWS // 2} rows meets `row = 2`"
    for name, digest in synced.published.manifest.index.items():
        assert file_sha256(places.dataset(NAME).root / name) == digest


def test_a_published_dataset_keeps_its_indexes_where_changed_steps_cannot_be_published(
    places: Places, opened: Sync
):
    synced = opened([UPPER])
    nothing = {"name": "none", "flow": "my_flows.Nothing", "rows": {"in": ["row"]}}
    fails = {"name": "fails", "flow": "my_flows.Fails", "rows": {"in": ["row"], "out": ["ok"]}}
    with pytest.raises(RequestInvalid, match="leave out all rows"):
        opened([UPPER, nothing])
    with pytest.raises(TooManyBadRows) as refused:
        opened([UPPER, {**fails, "config": {"at": [3, 4]}}], max_bad_rows=0)
    assert "first fails at row 3: ValueError: no such voice" in refused.value.why
    for name, digest in synced.published.manifest.index.items():
        assert file_sha256(places.dataset(NAME).root / name) == digest
    with pytest.raises(RequestInvalid, match="the text of the rows"):
        opened([TEXT_AS_ROW])
    for name, digest in synced.published.manifest.index.items():
        assert file_sha256(places.dataset(NAME).root / name) == digest


def test_a_published_dataset_whose_changed_step_fails_is_published_with_a_higher_budget(
    opened: Sync,
):
    fails = {"name": "fails", "flow": "my_flows.Fails", "rows": {"in": ["row"], "out": ["ok"]}}
    opened([{**fails, "config": {"at": []}}], max_bad_rows=0)
    changed = [{**fails, "config": {"at": [3, 4]}}]
    with pytest.raises(TooManyBadRows, match="2 of"):
        opened(changed, max_bad_rows=0)
    published = opened(changed, max_bad_rows=2).published.manifest
    assert published.flows is not None
    assert published.flows.steps[0].errors == 2
    # What was published within its budget stays so.
    assert opened(changed, max_bad_rows=0).published.manifest.index == published.index


def of_steps(places: Places) -> dict[str, bytes]:
    """The published results of steps, and the list of rows at which they failed."""
    folder = places.dataset(NAME).root / "flows"
    found = [*folder.glob("[a-z]*/*.json"), folder / "errors.jsonl"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def changed(step: dict[str, Any], **config: Any) -> dict[str, Any]:
    return {**step, "config": config}


def test_results_of_a_changed_step_take_the_place_of_published_ones_when_they_are_published(
    places: Places, opened: Sync, tmp_path: Path
):
    fails = {"name": "fails", "flow": "my_flows.Fails", "rows": {"in": ["row"], "out": ["ok"]}}
    opened([UPPER, changed(fails, at=[])])
    before, bytes_before = of_steps(places), measure_storage(places)
    for _ in range(2):
        with pytest.raises(TooManyBadRows) as refused:
            opened([UPPER, changed(fails, at=[3])], max_bad_rows=0)
        assert "flows/.next/errors.jsonl names them" in refused.value.why
        held = next_steps_folder(places.dataset(NAME))
        told = explain(places, str(held / "errors.jsonl"), {}, tmp_path)
        assert told.kind == "flows/.next/errors.jsonl"
        more = sum(path.stat().st_size for path in held.rglob("*") if path.is_file())
        assert measure_storage(places) == bytes_before + more > bytes_before
        assert of_steps(places) == before
        assert list(verify_dataset(places, NAME)) == []
        origin = explain(places, f"{NAME}#3", {}, tmp_path)
        assert origin.flows is not None
        assert ": failed" not in origin.flows
    opened([UPPER, changed(fails, at=[3])], max_bad_rows=1)
    assert before.keys() - of_steps(places).keys() == {"fails/3.json"}
    assert b"no such voice" in of_steps(places)["errors.jsonl"]
    assert not (places.dataset(NAME).root / "flows" / ".next").exists()
    assert list(verify_dataset(places, NAME)) == []


def test_going_back_to_the_published_step_publishes_it_as_it_was(
    places: Places, opened: Sync, tmp_path: Path
):
    synced = opened([UPPER])
    before = of_steps(places)
    with pytest.raises(RequestInvalid, match="the text of the rows"):
        opened([{**TEXT_AS_ROW, "name": "upper"}])
    assert of_steps(places) == before
    assert opened([UPPER]).published.manifest == synced.published.manifest
    assert of_steps(places) == before
    assert not (places.dataset(NAME).root / "flows" / ".next").exists()


@pytest.mark.parametrize("kill_at", range(7))
def test_a_kill_while_results_take_their_place_loses_none_of_them(
    places: Places,
    opened: Sync,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kill_at: int,
):
    opened([UPPER, ODD])
    steps = [changed(UPPER, suffix="!"), ODD]
    left = kill_at
    rename, write = Path.rename, flow_index._commit_index

    def count(call: Callable[..., Any], *args: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return call(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda path, to: count(rename, path, to))
        patch.setattr(flow_index, "_commit_index", lambda *args: count(write, *args))
        with suppress(KeyboardInterrupt):
            opened(steps)
    opened(steps)
    assert ran(tmp_path) == []
    assert {row["upper"][-1] for row in index(places)} == {"!"}
    results = [each for name, each in of_steps(places).items() if name.startswith("upper/")]
    assert all(json.loads(each)["upper"].endswith("!") for each in results)
    assert list(verify_dataset(places, NAME)) == []


@pytest.mark.parametrize("field", ["row", "audio", "audio_info"])
def test_a_step_cannot_replace_what_says_which_clip_a_row_has(
    hub: LoopbackHub, open_for: OpenFor, opened: Sync, field: str
):
    opened([])
    step = {**UPPER, "rows": {"in": ["text"], "out": [field]}}
    with pytest.raises(RequestInvalid, match=f"cannot give the field '{field}'"):
        open_for(HF_ID, flows=[step])


def test_values_that_features_or_json_cannot_name_are_kept_as_text_or_cost_their_row(
    places: Places, opened: Sync
):
    step = {"name": "odd", "flow": "my_flows.Marked", "rows": {"in": ["row"], "out": ["meta"]}}
    opened([step], max_bad_rows=1)
    rows = {row["row"]: row["meta"] for row in index(places)}
    assert json.loads(rows[1]) == {"_type": "Value", "row": 1}
    assert 0 not in rows
    [line] = (places.dataset(NAME).root / "flows" / "errors.jsonl").read_text().splitlines()
    assert "two keys that are '1' as text" in json.loads(line)["message"]


def test_code_that_changed_while_rows_were_made_is_what_the_results_count_for(
    places: Places, opened: Sync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    resolve = sync_module.resolve_steps
    versions: list[str] = []

    def change(build: Build) -> Any:
        steps = resolve(build)
        versions.append(steps[0].version)
        if len(versions) == 1:
            code = tmp_path / "my_flows.py"
            code.write_text(code.read_text().replace(".upper()", ".lower()"))
        return steps

    monkeypatch.setattr(sync_module, "resolve_steps", change)
    synced = opened([UPPER])
    assert versions[0] != versions[1]
    assert synced.published.manifest.flows is not None
    assert synced.published.manifest.flows.steps[0].version == versions[1]
    assert all(row["upper"] == row["text"].lower() for row in index(places))


@pytest.mark.parametrize("linked", ["flows", "flows/.rows", "flows/upper"])
def test_nothing_is_written_or_deleted_through_a_link_in_the_place_of_a_folder(
    places: Places, opened: Sync, tmp_path: Path, linked: str
):
    opened([UPPER])
    elsewhere = tmp_path / "elsewhere"
    folder = places.dataset(NAME).root / linked
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    before = read_tree(elsewhere)
    changed = {**UPPER, "config": {"suffix": "x"}}
    for steps in ([changed], [] if linked != "flows/upper" else [changed]):
        with pytest.raises(CannotWrite, match="is a link"):
            opened(steps)
    assert read_tree(elsewhere) == before


def test_exports_have_the_fields_that_steps_give(places: Places, opened: Sync, tmp_path: Path):
    opened([TOLD], exports=["nemo", "kaldi", "croissant"])
    folder = places.dataset(NAME).root
    lines = [json.loads(line) for line in (folder / "nemo.jsonl").read_text().splitlines()]
    assert [(line["text"], line["n"]) for line in lines] == [(f"said {n}", n) for n in range(ROWS)]
    assert lines[1]["speaker_id"] == "s1"
    assert lines[1]["speaker"] == "a text"
    assert lines[1]["more"] == {"file": [1]}
    speakers = (folder / "kaldi" / "spk2utt").read_text().splitlines()
    assert [line.split()[0] for line in speakers] == ["s0", "s1"]
    told = json.loads((folder / "croissant.json").read_text())["recordSet"][0]["field"]
    types = {field["name"]: field["dataType"] for field in told}
    assert types.items() >= {"speaker_id": "sc:Text", "n": "sc:Integer"}.items()
    assert types["speaker"] == "sc:Text"
    assert not list(verify_dataset(places, NAME))
    nemo = named_export("nemo")
    assert nemo is not None
    (again,) = export_stored(places, NAME, nemo, tmp_path / "out")
    assert '"speaker_id": "s1", "n": 1' in again.read_text()


def test_exports_have_the_text_of_a_step_where_it_lies_inside_a_column(
    places: Places, opened: Sync, hub: LoopbackHub
):
    table = speech_table(2, seconds=0.05).drop_columns(["text"])
    table = table.append_column("said", pa.array([{"in": "one"}, {"in": "two"}]))
    publish_tables(hub, "flowing/inner", {"default": {"train": table}})
    opened([TOLD], hf_id="flowing/inner", text_column="said.in", exports=["nemo"])
    (tree,) = places.storage_root.glob("flowing__inner*")
    assert [
        json.loads(line)["text"] for line in (tree / "nemo.jsonl").read_text().splitlines()
    ] == [
        "said 0",
        "said 1",
    ]
