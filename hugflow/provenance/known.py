"""What the disk knows about one dataset: manifest, plan, ledger and index."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hugflow.audio.mp3 import AudioInfo
from hugflow.errors import HugflowError, StateUnreadable, UsageWrong
from hugflow.exports.export import Export
from hugflow.exports.registry import export_folders, find_export
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import Outcome, RowMade, read_journal
from hugflow.names import mp3_paths
from hugflow.provenance.origin import Origin
from hugflow.provenance.time_range import find_time_range
from hugflow.shards.counts import count_rows, counted
from hugflow.shards.plan import Plan, Shard
from hugflow.shards.plans import read_plan
from hugflow.stages.standing.status import to_status
from hugflow.stages.tree.failures import read_failed_rows
from hugflow.stages.tree.flow_files import (
    errors_file,
    left_out_file,
    made_index_file,
    next_errors_file,
    read_left_out,
    row_file,
    step_kept,
)
from hugflow.stages.tree.index_rows import read_indexed
from hugflow.stages.tree.manifest import KEEP, Manifest
from hugflow.stages.tree.stored_dataset import StoredDataset, glance_at_dataset
from hugflow.store.layout import DatasetFolder, DatasetState, Places

_JSON_NAME = re.compile(r"(0|[1-9][0-9]{0,17})\.json")
_SHARD_NAME = re.compile(r"[0-9]{5,}-of-[0-9]{5,}")


class NobodyKnows(HugflowError):
    """A file is in a dataset's tree, but no record names it."""


@dataclass(frozen=True, slots=True)
class KnownDataset:
    """What is known about one dataset, with the answers from it."""

    places: Places
    base: Origin
    plan: Plan | None
    manifest: Manifest | None

    @classmethod
    def of(cls, places: Places, name: str, requests: dict[str, str]) -> "KnownDataset":
        """What is known about the dataset `name`; requests: path of the request file, by name."""
        stored = glance_at_dataset(places, name)
        status = to_status(places, stored, requests.get(name))
        manifest = stored.manifest
        plan = _read_plan_of_tree(places, stored)
        made_of = plan if plan is not None else manifest
        asked = made_of.request if made_of is not None else None
        base = Origin(
            dataset=name,
            request=status.request,
            state=status.state,
            path=None,
            kind="dataset",
            hf_id=asked.hf_id if asked is not None else None,
            subset=asked.subset if asked is not None else None,
            split=asked.split if asked is not None else None,
            revision=asked.revision if asked is not None else None,
            commit=made_of.commit if made_of is not None else None,
            plan=_plan_id(plan, manifest),
            licence=made_of.licence if made_of is not None else None,
            flows=_describe_flows(manifest),
            published_at=manifest.run.finished_at if manifest is not None else None,
        )
        return cls(places, base, plan, manifest)

    @property
    def folder(self) -> DatasetFolder:
        """The dataset's tree."""
        return self.places.dataset(self.base.dataset)

    @property
    def has_audio(self) -> bool:
        """Whether the rows have MP3s."""
        return bool(self.all_audio)

    @property
    def all_audio(self) -> tuple[str, ...]:
        """The audio columns that have MP3s, the main one first."""
        made_of = self.plan if self.plan is not None else self.manifest
        return made_of.all_audio if made_of is not None else ()

    def explain_path(self, below: Path) -> Origin:
        """The origin of a path relative to the tree."""
        path = self.folder.root / below
        match below.parts:
            case ():
                return self.explain_dataset(path, "tree")
            case (name,) if path in self._folders:
                return self.explain_dataset(path, f"folder {name}")
            case (name,) if path in (self.folder.manifest, self.folder.failures):
                return self.explain_dataset(path, name)
            case ("json", name) if _JSON_NAME.fullmatch(name):
                return self.explain_row(int(path.stem), path)
            case ("flows", step, name) if step in self._step_names and _JSON_NAME.fullmatch(name):
                return replace(self.explain_row(int(path.stem), path), kind=f"row of step {step}")
            case ("flows", *rest) if self._step_names and (
                path in self._lists_of_steps
                or (len(rest) < 2 and self._step_names.issuperset(rest))
            ):
                return self.explain_dataset(path, below.as_posix())
            case ("audio", _) if path in self._mp3_folders:
                return self.explain_dataset(path, f"folder {below.as_posix()}")
            case ("audio", *_, name) if path.parent in self._mp3_folders and name.endswith(".mp3"):
                return self.explain_mp3(path)
        export = find_export(below)
        if export is None:
            raise self._nobody_knows(path)
        if export.is_per_shard:
            return self.explain_shard_file(path, export.name)
        if export.reworded is None and not self._records(export, below):
            raise self._nobody_knows(path)
        return self.explain_dataset(path, below.as_posix())

    @property
    def _step_names(self) -> frozenset[str]:
        flows = self.manifest.flows if self.manifest is not None else None
        return frozenset(step.name for step in flows.steps) if flows is not None else frozenset()

    @property
    def _lists_of_steps(self) -> tuple[Path, ...]:
        folder = self.folder
        return errors_file(folder), next_errors_file(folder), left_out_file(folder)

    @property
    def _mp3_folders(self) -> tuple[Path, ...]:
        return self.folder.mp3_folders(self.all_audio) or (self.folder.audio,)

    @property
    def _folders(self) -> list[Path]:
        return [self.folder.audio, self.folder.json, *export_folders(self.folder)]

    def _records(self, export: Export, below: Path) -> bool:
        """Whether the manifest records a file of an export."""
        recorded = self.manifest.exports.get(export.name) if self.manifest is not None else None
        return recorded is not None and below.as_posix() in recorded.files

    def explain_dataset(self, path: Path | None, kind: str) -> Origin:
        """The origin of the whole dataset, or of a file about all of it."""
        rows = self._count_rows()
        if rows is None and self.manifest is not None:
            rows = self.manifest.rows.planned
        origin = replace(self.base, kind=kind, rows=rows)
        return self._at(origin, path)

    def explain_shard_file(self, path: Path, kind: str) -> Origin:
        """The origin of a file that an export has for one shard, such as its index."""
        shards = self.plan.shards if self.plan is not None else ()
        shard = next((shard for shard in shards if shard.name == path.stem), None)
        known = self.manifest.index if self.manifest is not None else {}
        if shard is None and f"index/{path.name}" not in known:
            raise self._nobody_knows(path)
        origin = replace(self.base, kind=kind, shard=path.stem)
        return self._at(self._of_shard(origin, shard), path)

    def explain_mp3(self, path: Path) -> Origin:
        """The origin of an MP3; the index or the ledger knows the row of its stem."""
        names = [shard.name for shard in self.plan.shards] if self.plan is not None else []
        for name in names or _index_names(self.folder):
            made = self._find_stem(name, path.stem)
            if made is not None:
                return self._of_made(made, name, path, "mp3")
        # The stem of a row without a name is its number, even if the row failed.
        if re.fullmatch(r"0|[1-9][0-9]{0,17}", path.stem) and not path.exists():
            return self.explain_row(int(path.stem), path)
        raise self._nobody_knows(path)

    def explain_row(self, row: int, path: Path | None) -> Origin:
        """The origin of a row, by number: made, failed, or not made yet."""
        kind = "row" if path is None else "json"
        shard = self._shard_with(row)
        outcome, shard_name = self._find_row(row, shard)
        if isinstance(outcome, RowMade):
            origin = self._of_made(outcome, shard_name, path, kind)
            return replace(origin, flows=self._describe_flows_of(row))
        total = self.explain_dataset(None, "dataset").rows
        is_known = total is not None and (row < total if self.plan is None else shard is not None)
        if outcome is None and not is_known:
            raise UsageWrong(
                f"{self.base.dataset} has no row {row}",
                why="nothing is known of its rows" if total is None else f"it has {total:,} rows",
                mend="rows are numbered from 0",
            )
        origin = replace(self.base, kind=kind, row=row, shard=shard_name, row_state="missing")
        if outcome is not None:
            origin = replace(origin, row_state="failed", code=outcome.code, message=outcome.message)
        return self._at(self._of_shard(origin, shard), path)

    def _describe_flows_of(self, row: int) -> str | None:
        """The row steps with what became of a row in each; None where there are none."""
        if self.manifest is None or self.manifest.flows is None:
            return None
        words: list[str] = []
        for step in self.manifest.flows.steps:
            if step.flow == KEEP:
                is_left_out = row in read_left_out(self.folder)
                words.append(f"{step.words}: left out" if is_left_out else step.words)
                continue
            path = row_file(self.folder, step.name, row)
            if not path.is_file():
                return "; ".join([*words, f"{step.words}: failed, see {errors_file(self.folder)}"])
            if not step_kept(self.folder, step.name, row):
                return "; ".join([*words, f"{step.words}: left out"])
            words.append(step.words)
        return "; ".join(words)

    def _find_row(self, row: int, shard: Shard | None) -> tuple[Outcome | None, str | None]:
        """The result of a row, and its shard: from the ledger, else from index and failures."""
        outcome = self._journal(shard.name).get(row) if shard is not None else None
        if shard is not None and outcome is not None:
            return outcome, shard.name
        failed = read_failed_rows(self.folder.failures).rows.get(row)
        if failed is not None:
            return failed, shard.name if shard is not None else None
        for name in [shard.name] if shard is not None else _index_names(self.folder):
            made = next(iter(self._search(name, row=row)), None)
            if made is not None:
                return made, name
        return None, shard.name if shard is not None else None

    def _find_stem(self, shard_name: str, stem: str) -> RowMade | None:
        """The row of a shard with this stem: from its index, or from its ledger if it has none."""
        if made_index_file(self.folder, shard_name).is_file():
            return next(iter(self._search(shard_name, stem=stem)), None)
        rows = self._journal(shard_name).values()
        made = (row for row in rows if isinstance(row, RowMade) and row.audio is not None)
        return next((row for row in made if row.stem == stem), None)

    def _search(
        self, shard_name: str, *, row: int | None = None, stem: str | None = None
    ) -> list[RowMade]:
        """Rows of a shard's index with this number or this stem."""
        index = made_index_file(self.folder, shard_name)
        if not index.is_file() or (stem is not None and not self.has_audio):
            return []
        pieces = read_indexed(index, all_audio=self.all_audio, row=row, stem=stem)
        return [made for piece in pieces for made in piece]

    def _journal(self, shard_name: str) -> dict[int, Outcome]:
        if self.plan is None:
            return {}
        state = self.places.state(self.plan.dataset, self.plan.id)
        return read_journal(state.journal(shard_name))

    def _shard_with(self, row: int) -> Shard | None:
        """The shard of a row; if shards are not counted yet, the one that may have it."""
        if self.plan is None:
            return None
        shard = next((shard for shard in self.plan.shards if row in shard.row_range), None)
        known = counted(self._state(self.plan), shard) if shard is not None else None
        return known if known is not None and row in known.row_range else None

    def _count_rows(self) -> int | None:
        if self.plan is None:
            return None
        return count_rows(self._state(self.plan), self.plan.shards)

    def _state(self, plan: Plan) -> DatasetState:
        return self.places.state(plan.dataset, plan.id)

    def _of_shard(self, origin: Origin, shard: Shard | None) -> Origin:
        if shard is None or self.plan is None:
            return origin
        if origin.row is not None:
            json_file = self.folder.json / f"{origin.row}.json"
            cut = find_time_range(shard, origin.row, json_file)
            if cut is not None:
                end = None if cut.end is None else float(cut.end)
                origin = replace(origin, start=float(cut.start), end=end)
        return replace(
            origin,
            published_commit=self.plan.files_commit,
            shard=shard.name,
            published_file=shard.label,
            published_sha256=shard.files[0].sha256 if len(shard.files) == 1 else None,
            first_row=shard.first_row,
            rows=shard.rows,
            published_row=origin.row - shard.first_row if origin.row is not None else None,
        )

    def _of_made(
        self, made: RowMade, shard_name: str | None, path: Path | None, kind: str
    ) -> Origin:
        origin = replace(
            self.base,
            kind=kind,
            shard=shard_name,
            row=made.row,
            row_state="made",
            json=str(self.folder.json / f"{made.row}.json"),
        )
        if made.audio is not None:
            mp3, audio = self._find_clip(made, path)
            origin = replace(
                origin,
                stem=made.stem,
                mp3=str(mp3),
                source_path=audio.source_path,
                source_format=audio.source_format,
                source_sampling_rate=audio.source_sampling_rate,
                source_channels=audio.source_channels,
                sampling_rate=audio.sampling_rate,
                num_samples=audio.num_samples,
                duration=audio.duration,
                bitrate_kbps=audio.bitrate_kbps,
                treatment="copied" if audio.copied else "encoded",
            )
        file = path or self.folder.json / f"{made.row}.json"
        return self._at(self._of_shard(origin, self._shard_with(made.row)), file)

    def _find_clip(self, made: RowMade, path: Path | None) -> tuple[Path, AudioInfo]:
        """The MP3 of a row that a path names, and what it is; else the one of the main column."""
        mp3s = [self.folder.root / mp3 for mp3 in mp3_paths(made.stem, self.all_audio)]
        place = mp3s.index(path) if path in mp3s else 0
        return mp3s[place], made.clips[place].audio

    def _at(self, origin: Origin, path: Path | None) -> Origin:
        """The origin with the path of a file and the time when it was written."""
        if path is None:
            return origin
        try:
            written = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
        except OSError:
            return replace(origin, path=str(path))
        return replace(origin, path=str(path), made_at=written.isoformat(timespec="seconds"))

    def _nobody_knows(self, path: Path) -> NobodyKnows:
        return NobodyKnows(
            f"{path} is unknown",
            why=f"neither plan, ledger nor index of {self.base.dataset} names it",
            mend=f"`hugflow verify {self.base.dataset}` lists what else is there, or is missing",
        )


def _plan_id(plan: Plan | None, manifest: Manifest | None) -> str | None:
    if plan is not None:
        return plan.id
    return manifest.plan if manifest is not None else None


def _read_plan_of_tree(places: Places, stored: StoredDataset) -> Plan | None:
    """The plan of the tree; None if the state was lost."""
    try:
        if stored.manifest is not None:
            return read_plan(places, stored.name, stored.manifest.plan)
        return stored.plan
    except StateUnreadable:
        return None


def _index_names(folder: DatasetFolder) -> list[str]:
    if not folder.index.is_dir():
        return []
    return sorted(p.stem for p in folder.index.glob("*.parquet") if _SHARD_NAME.fullmatch(p.stem))


def _describe_flows(manifest: Manifest | None) -> str | None:
    if manifest is None or manifest.flows is None:
        return None
    return "; ".join(step.words for step in manifest.flows.steps)
