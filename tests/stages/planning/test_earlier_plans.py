"""Plans and trees of version 2, as the release before the layouts wrote them.

`version_2.tar.xz` holds two datasets with their state. Of one, three rows are published. Of the
other, the file was fetched and kept, and one of two rows was made when the run was killed.
"""

import shutil
import tarfile
from pathlib import Path

import pytest

from hugflow.shards.plans import read_current_plan
from hugflow.stages.standing.status import read_status
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.store.links import link
from hugflow.testing.hub import LoopbackHub
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.trees import read_rows_json, read_tree

ARCHIVE = Path(__file__).parents[2] / "data" / "version_2.tar.xz"
FINISHED, BEGUN = "old__finished__split_train__rev_main", "old__begun__split_train__rev_main"


@pytest.fixture(autouse=True)
def unpacked(places: Places) -> None:
    """The two datasets in storage and state; the Hub has never heard of either."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(places.state_dir.parent, filter="data")
    link(places.link(FINISHED), places.dataset(FINISHED).root)


def test_a_finished_tree_of_version_2_is_complete(
    places: Places, open_for: OpenFor, hub: LoopbackHub
):
    folder = places.dataset(FINISHED)
    before = read_tree(folder.root)
    assert read_status(places, FINISHED).state == "completed"
    synced = sync_dataset(open_for("old/finished", exports=[]))
    assert (synced.was_complete, synced.new_rows) == (True, 0)
    after = read_tree(folder.root)
    # The card is written in the words of the present version; what it says of the data stays.
    old, new = before.pop("README.md").decode(), after.pop("README.md").decode()
    assert new.split("---")[1] == old.split("---")[1]
    assert "hugflow.load" in new
    assert after == before
    assert list(verify_dataset(places, FINISHED, deep=True)) == []
    assert not hub.requests


def test_a_finished_tree_of_version_2_is_taken_up_without_its_ledger(
    places: Places, open_for: OpenFor, hub: LoopbackHub
):
    shutil.rmtree(places.state_dir / "ledger")
    synced = sync_dataset(open_for("old/finished", exports=[]))
    assert synced.new_rows == 0
    assert not hub.requests


def test_a_tree_that_was_begun_under_a_plan_of_version_2_is_completed(
    places: Places, open_for: OpenFor, hub: LoopbackHub
):
    first = places.dataset(BEGUN).audio / "0.mp3"
    inode = first.stat().st_ino
    synced = sync_dataset(open_for("old/begun"))
    assert (synced.new_rows, first.stat().st_ino) == (1, inode)
    assert read_rows_json(places.dataset(BEGUN)).keys() == {0, 1}
    assert list(verify_dataset(places, BEGUN, deep=True)) == []
    assert not hub.requests


@pytest.mark.parametrize("name", [FINISHED, BEGUN])
def test_a_plan_of_version_2_keeps_its_id(places: Places, name: str):
    plan = read_current_plan(places, name)
    assert plan is not None
    assert plan.id == (places.plans(name) / "current").read_text().strip()
