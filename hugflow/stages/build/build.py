"""One dataset's build: what to make, where, and how. Every stage takes it."""

from contextlib import AbstractContextManager
from pathlib import Path

from hugflow.audio.clip import ClipRules
from hugflow.clients.hub import Hub
from hugflow.late_dataclass import dataclass
from hugflow.names import mp3_paths
from hugflow.requests.grammar import BadRowBudget
from hugflow.requests.model import AddRequest
from hugflow.shards.counts import counted
from hugflow.shards.plan import Plan, Shard, add_rows
from hugflow.stages.build.options import Options
from hugflow.stages.build.predecessor import Predecessor
from hugflow.stages.tree.stored_dataset import StoredDataset
from hugflow.store.layout import DatasetFolder, DatasetState, Places
from hugflow.store.locks import FOR_EVER, hold
from hugflow.store.slots import Slots


@dataclass(frozen=True, slots=True)
class Build:
    """One dataset under one plan, with its places and its Hub.

    folder: the tree that its rows go into.
    stored: what existed of the dataset when the build was opened; publishing reads it again.
    predecessor: what can be reused from the existing tree, if that is another tree.
    sample_rows: the number of first rows in a sample; None for a dataset.
    """

    request: AddRequest
    plan: Plan
    places: Places
    hub: Hub
    options: Options
    folder: DatasetFolder
    stored: StoredDataset
    predecessor: Predecessor | None = None
    sample_rows: int | None = None

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.plan.dataset

    @property
    def state(self) -> DatasetState:
        """Ledger, raw bytes and locks under this plan; a sample has its own ledger."""
        if self.sample_rows is None:
            return self.places.state(self.name, self.plan.id)
        return self.places.sample_state(self.name, self.plan.id, self.sample_rows)

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The shards that have rows to make."""
        if self.sample_rows is None:
            return self.plan.shards
        return tuple(shard for shard in self.plan.shards if self.rows_of(shard))

    @property
    def tree(self) -> str:
        """The tree's final place as written in a row's JSON: `datasets/<name>` [004]."""
        root = self.places.storage_root
        return f"{root.name}/{self.final_folder.root.relative_to(root).as_posix()}"

    @property
    def final_folder(self) -> DatasetFolder:
        """Where the tree is once it is complete; until then it may be beside that."""
        return self.folder if self.sample_rows is not None else self.places.dataset(self.name)

    @property
    def chosen_exports(self) -> tuple[str, ...]:
        """The exports in force: the request's, else the setting's."""
        named = self.request.exports
        return self.options.exports if named is None else named

    def mp3_paths(self, stem: str) -> tuple[str, ...]:
        """The MP3s of a row, relative to the tree: one for each audio column, the main one first."""
        return mp3_paths(stem, self.plan.all_audio)

    @property
    def mp3_folders(self) -> tuple[Path, ...]:
        """The folders of the MP3s, one for each audio column."""
        return self.folder.mp3_folders(self.plan.all_audio)

    def rows_of(self, shard: Shard) -> range:
        """Numbers of a shard's rows to make; for an uncounted shard, all numbers it may use."""
        if self.sample_rows is None:
            return shard.row_range
        return range(shard.first_row, min(shard.row_range.stop, self.sample_rows))

    def count_rows(self) -> int | None:
        """The number of all rows to make; None while a shard must be fetched to be counted."""
        shards = [counted(self.state, shard) for shard in self.shards]
        rows = add_rows(shards)
        return rows if rows is None else sum(len(self.rows_of(shard)) for shard in shards)

    @property
    def max_bad_rows(self) -> BadRowBudget:
        """The budget in force: the request's, else the setting's."""
        return (
            self.options.max_bad_rows
            if self.request.max_bad_rows is None
            else self.request.max_bad_rows
        )

    @property
    def clip_rules(self) -> ClipRules:
        """What may become a clip, and what is made of it: by the request, else the settings."""
        repair, hours = self.request.repair_audio, self.request.max_clip_hours
        return ClipRules(
            repair=self.options.repair_audio if repair is None else repair,
            max_hours=self.options.max_clip_hours if hours is None else hours,
            measure=self.plan.request.measure,
            encoding=self.plan.request.encoding,
        )

    @property
    def download_slots(self) -> Slots:
        """The connections of this host, over all runs."""
        return Slots(self.places.download_slots, self.options.download_slots)

    def hold_shard(self, shard: Shard) -> AbstractContextManager[None]:
        """Hold the lock of a shard, as its only writer; raises Locked."""
        lock = self.state.shard_lock(shard.name)
        what = f"shard {shard.name} of {self.name}"
        return hold(lock, what, wait_s=self.options.lock_wait_s)

    def hold_dataset(self) -> AbstractContextManager[None]:
        """Hold the lock for planning, publishing and removing; raises Locked."""
        return hold_dataset(self.places, self.name, self.options)


def rows_by_shard(build: Build) -> list[range]:
    """Numbers of the rows to make of each counted shard."""
    return [build.rows_of(counted(build.state, shard)) for shard in build.shards]


def hold_dataset(places: Places, name: str, options: Options) -> AbstractContextManager[None]:
    """Hold the short lock of a dataset; raises Locked."""
    is_for_ever = options.lock_wait_s == FOR_EVER
    wait_s = FOR_EVER if is_for_ever else max(options.lock_wait_s, options.short_wait_s)
    return hold(places.dataset_lock(name), f"the dataset {name}", wait_s=wait_s)
