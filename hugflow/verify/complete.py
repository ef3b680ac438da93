"""A tree with a manifest, compared with every record about it."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hugflow.errors import StateUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import Outcome, RowMade, read_journal
from hugflow.ledger.markers import read_marker
from hugflow.ledger.stages import SHARD_STAGES
from hugflow.shards.counts import count_rows
from hugflow.shards.plan import Plan
from hugflow.shards.plans import read_current_id, read_plan
from hugflow.stages.flowing.row_files import read_flow_row
from hugflow.stages.publishing.tree_files import render_failures
from hugflow.stages.tree.failures import read_failed_rows
from hugflow.stages.tree.flow_files import made_index_file, step_folder
from hugflow.stages.tree.index_rows import read_indexed
from hugflow.stages.tree.manifest import KEEP, Manifest, ManifestSource
from hugflow.store.atomic import is_file
from hugflow.store.digest import file_sha256
from hugflow.store.layout import DatasetFolder, Places
from hugflow.store.trash import is_folder, stands
from hugflow.verify.differences import Code, Difference, Finder
from hugflow.verify.exports import find_absent, read_text, verify_exports
from hugflow.verify.leftovers import KnownFiles, Names, find_leftovers
from hugflow.verify.rows import Expected, RowCheck
from hugflow.verify.tally import Sums, Tally
from hugflow.verify.values import Values, read_values

# The manifest's sum is rounded once for each shard and once in total.
_SECONDS_APART = 0.01


@dataclass(frozen=True, slots=True)
class CompleteTree:
    """A tree and its manifest."""

    places: Places
    check: RowCheck
    manifest: Manifest

    @property
    def folder(self) -> DatasetFolder:
        """The tree."""
        return self.check.folder

    @property
    def find(self) -> Finder:
        """Makes the differences of the dataset."""
        return self.check.find

    @property
    def has_audio(self) -> bool:
        """Whether the rows have MP3s."""
        return bool(self.manifest.all_audio)

    @property
    def mp3_folders(self) -> tuple[Path, ...]:
        """The folders of the MP3s, one for each audio column."""
        return self.folder.mp3_folders(self.manifest.all_audio)

    def verify(self, on_rows: Callable[[Sequence[Outcome]], None]) -> Iterator[Difference]:
        """Every difference; on_rows: called with the number of rows that were checked."""
        plan, is_another = None, False
        try:
            plan = read_plan(self.places, self.find.dataset, self.manifest.plan)
            is_another = plan is None and self._is_made_by_current()
        except StateUnreadable as error:
            path = self.places.plans(self.find.dataset) / f"{self.manifest.plan}.json"
            yield self.find("plan_unreadable", path, error.why)
        if plan is not None:
            yield from self._compare_plan(plan)
            yield from self._verify_state(plan)
        elif is_another:
            message = f"it names the plan {self.manifest.plan}, and another one made the tree"
            yield self.find("manifest_differs", self.folder.manifest, message)
        missing = self._missing_folders()
        for folder in missing:
            code: Code = "not_a_folder" if stands(folder) else "folder_missing"
            yield self.find(code, folder, "there is no folder")
        known = KnownFiles({path: Names() for path in self.mp3_folders})
        are_rows_known = yield from self._verify_rows(plan, missing, known, on_rows)
        yield from self._verify_flows()
        yield from verify_exports(self.folder, self.manifest, plan, self.find)
        yield from self._verify_failures(plan)
        known.add_exports(self.folder, self.manifest.exports)
        yield from find_leftovers(
            self.places, self.folder, self.find, known, are_rows_known=are_rows_known
        )

    def _missing_folders(self) -> list[Path]:
        folders = [self.folder.json, *self.mp3_folders]
        return [folder for folder in folders if not is_folder(folder)]

    def _is_made_by_current(self) -> bool:
        """Whether the plan in force wrote these indexes."""
        name = self.find.dataset
        try:
            current = read_current_id(self.places, name)
            plan = read_plan(self.places, name, current) if current is not None else None
        except StateUnreadable:
            return False
        if plan is None:
            return False
        state = self.places.state(name, plan.id)
        markers = {
            shard.name: read_marker(state.marker(shard.name, "metadata")) for shard in plan.shards
        }
        flows = self.manifest.flows
        written = self.manifest.index if flows is None else flows.made_index
        digests = {
            f"index/{shard}.parquet": marker.index_sha256
            for shard, marker in markers.items()
            if marker is not None and marker.index_sha256 is not None
        }
        return None not in markers.values() and digests == written

    def _compare_plan(self, plan: Plan) -> Iterator[Difference]:
        written = self.manifest
        pairs: dict[str, tuple[object, object]] = {
            "commit": (plan.commit, written.commit),
            "licence": (plan.licence, written.licence),
            "columns": (list(plan.columns), list(written.columns)),
            "audio_column": (plan.audio_column, written.audio_column),
            "audio_columns": (list(plan.all_audio), list(written.all_audio)),
            "text_column": (plan.text_column, written.text_column),
            "source": (ManifestSource.of(plan), written.source),
        }
        state = self.places.state(plan.dataset, plan.id)
        if (rows := count_rows(state, plan.shards)) is not None:
            pairs["rows.planned"] = (rows, written.rows.planned)
        if plan.numbering == "by_shard" or written.numbering is not None:
            pairs["numbering"] = (plan.numbering, written.numbering)
        for field, (planned, found) in pairs.items():
            if planned != found:
                message = f"{field} is {found!r}, where the plan says {planned!r}"
                yield self.find("manifest_differs", self.folder.manifest, message)

    def _verify_state(self, plan: Plan) -> Iterator[Difference]:
        """Existing markers must be readable; without them the next sync checks every row."""
        state = self.places.state(plan.dataset, plan.id)
        for shard in plan.shards:
            for stage in SHARD_STAGES:
                marker = state.marker(shard.name, stage)
                if stands(marker) and read_marker(marker) is None:
                    yield self.find("state_unreadable", marker, "it is damaged")

    def _verify_failures(self, plan: Plan | None) -> Iterator[Difference]:
        """`failures.jsonl` must be a file, and agree with the ledger."""
        path = self.folder.failures
        if (absent := find_absent(path, self.find)) is not None:
            yield absent
            return
        text, fault = read_text(path)
        written = self._written_failures(plan) if plan is not None else None
        if fault is None and written not in (None, text):
            fault = "it is not what the ledger says"
        if fault is not None:
            yield self.find("file_differs", path, fault)

    def _written_failures(self, plan: Plan) -> str | None:
        """The failed rows in the ledger; None if the ledger is incomplete."""
        state = self.places.state(plan.dataset, plan.id)
        if any(read_marker(state.marker(shard.name, "metadata")) is None for shard in plan.shards):
            return None
        return render_failures(state, [(shard, shard.row_range) for shard in plan.shards])

    def _verify_rows(
        self,
        plan: Plan | None,
        missing: Sequence[Path],
        known: KnownFiles,
        on_rows: Callable[[Sequence[Outcome]], None],
    ) -> Generator[Difference, None, bool]:
        """Check every row of every index, then rows that no record has, then the counts.

        Returns whether every index could be read.
        """
        failed = read_failed_rows(self.folder.failures)
        if failed.damaged_lines:
            message = f"{failed.damaged_lines} of its lines cannot be read, or come twice"
            yield self.find("failures_unreadable", self.folder.failures, message)
        tally = Tally(self.find, self.manifest.rows.numbers, failed.rows)
        sums = Sums()
        is_whole, are_files_well = True, not missing
        for index_name, digest in self._made_indexes(known):
            index = made_index_file(self.folder, Path(index_name).stem)
            problem = self._verify_index(index, index_name, digest)
            if problem is not None:
                yield problem
            if problem is not None and problem.code != "index_changed":
                is_whole = False
                continue
            try:
                for looked in self.check.run(self._expect(plan, index, missing, known)):
                    yield from tally.tick(index, looked.rows)
                    yield from _believable(looked.differences, problem)
                    sums.add(looked)
                    are_files_well &= not looked.differences
                    if self.check.sound is not None and not looked.differences:
                        self.check.sound.add(looked.rows)
                    on_rows(looked.rows)
            except StateUnreadable as error:
                is_whole = False
                yield self.find("index_unreadable", index, error.why)
        # If one index is missing, statements about the rows of all indexes would be noise.
        if is_whole:
            for row in tally.unseen():
                path = _index_of(plan, self.folder, row)
                message = "it is neither in the index nor in failures.jsonl"
                yield self.find("row_missing", path, message, row=row)
            yield from self._compare_sums(sums, len(failed.rows), with_bytes=are_files_well)
        return is_whole

    def _made_indexes(self, known: KnownFiles) -> list[tuple[str, str]]:
        """Name and sha256 of each index that has every made row."""
        flows, published = self.manifest.flows, self.manifest.index
        for name in published:
            known.index.add(Path(name).name)
        return sorted((published if flows is None else flows.made_index).items())

    def _verify_flows(self) -> Iterator[Difference]:
        """The files of the row steps must be as the manifest says."""
        if self.manifest.flows is None:
            return
        for index_name, digest in sorted(self.manifest.index.items()):
            problem = self._verify_index(self.folder.root / index_name, index_name, digest)
            if problem is not None:
                yield problem
        for step in self.manifest.flows.steps:
            if step.flow == KEEP:
                continue
            path = step_folder(self.folder, step.name)
            found = 0
            for file in path.iterdir() if is_folder(path) else ():
                if file.suffix == ".json":
                    found += 1
                    if self.check.deep:
                        yield from self._verify_flow_row(file)
            if found != step.rows + step.dropped:
                message = f"it holds {found:,} rows, and {step.rows + step.dropped:,} are recorded"
                yield self.find("flow_rows_missing", path, message)

    def _verify_flow_row(self, file: Path) -> Iterator[Difference]:
        """What a step gave for a row must be a mapping."""
        try:
            read_flow_row(file)
        except StateUnreadable as error:
            row = int(file.stem) if file.stem.isdecimal() else None
            yield self.find("flow_row_unreadable", file, error.why, row=row)

    def _verify_index(self, index: Path, index_name: str, digest: str) -> Difference | None:
        if index_name != f"index/{index.name}":
            message = f"it names the index {index_name!r}"
            return self.find("manifest_differs", self.folder.manifest, message)
        if not stands(index):
            return self.find("index_missing", index, "it is missing")
        if not is_file(index):
            return self.find("not_a_file", index, "it is no file")
        try:
            found = file_sha256(index)
        except OSError as error:
            return self.find("index_unreadable", index, error.strerror or str(error))
        if found != digest:
            message = f"its sha256 is {found}, where the manifest says {digest}"
            return self.find("index_changed", index, message)
        return None

    def _expect(
        self, plan: Plan | None, index: Path, missing: Sequence[Path], known: KnownFiles
    ) -> Iterator[list[Expected]]:
        """The rows of an index, with sizes from the ledger; adds their files to the known ones."""
        journal: dict[int, Outcome] = {}
        if plan is not None:
            state = self.places.state(plan.dataset, plan.id)
            journal = read_journal(state.journal(index.stem))
        told: Iterator[Values] = read_values(index) if self.check.deep else iter(())
        has_mp3 = self.has_audio and not any(path in missing for path in self.mp3_folders)
        has_json = self.folder.json not in missing
        for piece in read_indexed(index, all_audio=self.manifest.all_audio):
            for made in piece:
                known.json.add(f"{made.row}.json")
                for names in known.mp3s.values():
                    names.add(f"{made.stem}.mp3")
            yield [
                Expected(
                    _with_sizes(made, journal.get(made.row)), has_mp3, has_json, next(told, None)
                )
                for made in piece
            ]

    def _compare_sums(
        self, sums: Sums, failed_rows: int, *, with_bytes: bool
    ) -> Iterator[Difference]:
        files = sums.rows * len(self.manifest.all_audio)
        found: dict[tuple[str, str], int | float] = {
            ("rows", "made"): sums.rows,
            ("rows", "failed"): failed_rows,
            ("audio", "files"): files,
            ("audio", "copied"): sums.copied,
            ("audio", "encoded"): files - sums.copied,
            ("json", "files"): sums.rows,
        }
        if with_bytes:
            found["audio", "bytes"] = sums.mp3_bytes
            found["json", "bytes"] = sums.json_bytes
        # Written as "not within", so that NaN is a difference too.
        if not abs(self.manifest.audio.seconds - sums.seconds) <= _SECONDS_APART:
            found["audio", "seconds"] = round(sums.seconds, 3)
        for (part, field), number in found.items():
            written = getattr(getattr(self.manifest, part), field)
            if written != number:
                message = f"{part}.{field} is {written:,}, and {number:,} are there"
                yield self.find("manifest_differs", self.folder.manifest, message)


def _believable(found: Sequence[Difference], problem: Difference | None) -> Iterator[Difference]:
    """The differences of rows without those that a damaged index may have made."""
    return (each for each in found if problem is None or each.code != "json_differs")


def _with_sizes(indexed: RowMade, known: Outcome | None) -> RowMade:
    """A row of the index, with the sizes of its files from the ledger."""
    if not isinstance(known, RowMade) or known.stem != indexed.stem:
        return indexed
    return replace(
        indexed,
        mp3_bytes=known.mp3_bytes,
        json_bytes=known.json_bytes,
        other_clips=tuple(
            replace(clip, mp3_bytes=other.mp3_bytes)
            for clip, other in zip(indexed.other_clips, known.other_clips, strict=False)
        )
        if len(indexed.other_clips) == len(known.other_clips)
        else indexed.other_clips,
    )


def _index_of(plan: Plan | None, folder: DatasetFolder, row: int) -> Path:
    """The index that should have a row; the folder of indexes if there is no plan to tell."""
    shards = plan.shards if plan is not None else ()
    return next((folder.index_file(s.name) for s in shards if row in s.row_range), folder.index)
