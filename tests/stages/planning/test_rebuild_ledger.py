"""A tree whose ledger is lost."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from hugflow.errors import (
    StateUnreadable,
    TooManyBadRows,
)
from hugflow.stages.build.options import Options
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import (
    publish_speech,
)
from tests.builds import OpenFor
from tests.trees import read_tree

JUNK = b"this is no audio"


def test_a_tree_whose_ledger_is_lost_is_taken_up_and_not_made_again(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path
):
    publish_speech(hub, "sync/adopt", rows=6, shards=2, seconds=0.2, broken_rows={4: JUNK})
    build = open_for("sync/adopt")
    sync_dataset(build)
    before = {path: path.stat().st_mtime_ns for path in build.folder.root.rglob("*")}
    places.state_dir.rename(tmp_path / "lost")
    publish_speech(hub, "sync/adopt", rows=6, shards=2, seconds=0.2, seed=9)
    again = open_for("sync/adopt")
    assert again.plan.commit == build.plan.commit, "the manifest's commit, not the moved branch's"
    hub.clear_requests()
    synced = sync_dataset(again)
    assert synced.new_rows == 0
    assert {path: path.stat().st_mtime_ns for path in build.folder.root.rglob("*")} == before


def test_no_row_is_made_again_where_the_ledger_of_a_dataset_with_steps_or_keep_is_lost(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path
):
    code = "from hugflow.flows import AtomicFlow\n\nclass Mark(AtomicFlow):\n"
    (tmp_path / "my_flows.py").write_text(
        f"{code}    def run(self, data):\n        return {{'m': 1}}\n"
    )
    steps = [{"name": "mark", "flow": "my_flows.Mark", "rows": {"out": ["m"]}}]
    options = replace(Options(), flow_root=tmp_path)
    publish_speech(hub, "sync/kept", rows=6, shards=2, seconds=0.2)
    for number, asked in enumerate(({"keep": "row > 0"}, {"flows": steps})):
        first = sync_dataset(open_for("sync/kept", options, **asked)).published.manifest
        places.state_dir.rename(tmp_path / f"lost {number}")
        again = sync_dataset(open_for("sync/kept", options, **asked))
        assert again.new_rows == 0
        assert again.published.manifest.index == first.index


MARKS = """
from hugflow.flows import AtomicFlow

class Mark(AtomicFlow):
    def run(self, data):
        with open(LOG, "a") as log:
            log.write(f"{data['row']}\\n")
        if data["row"] == 4:
            raise ValueError("no such voice")
        return {"mark": "m"} if data["row"] else None
"""


@pytest.mark.parametrize("change", ["none", "newer", "longer", "gone"])
def test_no_step_runs_again_where_its_files_are_those_that_were_published(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path, change: str
):
    log = tmp_path / "log"
    (tmp_path / "my_flows.py").write_text(f"LOG = {str(log)!r}\n{MARKS}")
    rows = {"in": ["row"], "out": ["mark"]}
    asked = {"flows": [{"name": "mark", "flow": "my_flows.Mark", "rows": rows}], "max_bad_rows": 1}
    options = replace(Options(), flow_root=tmp_path)
    publish_speech(hub, "sync/marked", rows=6, shards=2, seconds=0.2)
    build = open_for("sync/marked", options, **asked)
    first = sync_dataset(build).published.manifest
    places.state_dir.rename(tmp_path / "lost")
    file = build.folder.root / "flows" / "mark" / "3.json"
    match change:
        case "newer":
            os.utime(file)
        case "longer":
            facts = file.stat()
            file.write_text('{"mark": "longer"}\n')
            os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        case "gone":
            file.unlink()
    log.unlink()
    again = sync_dataset(open_for("sync/marked", options, **asked)).published.manifest
    ran = log.read_text().split() if log.exists() else []
    # A row that failed is tried again in any case.
    assert ran == (["4"] if change == "none" else [str(row) for row in range(6)])
    assert (again.flows, again.index) == (first.flows, first.index)


def test_rows_of_which_nothing_says_what_they_are_rows_of_are_never_taken_for_others(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path
):
    publish_speech(hub, "sync/unknown", rows=4, shards=1, broken_rows={1: JUNK}, seed=1)
    build = open_for("sync/unknown", max_bad_rows=0)
    with pytest.raises(TooManyBadRows):
        sync_dataset(build)
    places.state_dir.rename(tmp_path / "lost")
    publish_speech(hub, "sync/unknown", rows=4, shards=1, seed=2)
    before = read_tree(build.folder.root)
    with pytest.raises(StateUnreadable, match="move the folder away"):
        open_for("sync/unknown", max_bad_rows=0)
    assert read_tree(build.folder.root) == before
    build.folder.root.rename(tmp_path / "moved away")
    assert sync_dataset(open_for("sync/unknown")).new_rows == 4


def test_a_lost_ledger_alone_costs_no_download_either(
    hub: LoopbackHub, open_for: OpenFor, tmp_path: Path
):
    publish_speech(hub, "sync/ledger", rows=6, shards=2, seconds=0.2)
    build = open_for("sync/ledger")
    sync_dataset(build)
    build.state.ledger.rename(tmp_path / "lost")
    hub.clear_requests()
    assert sync_dataset(open_for("sync/ledger")).was_complete
    assert hub.requests == ()
