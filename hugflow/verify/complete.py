"""A tree with a manifest, held against all that is said of it."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hugflow.errors import StateUnreadable
from hugflow.exports.index import file_sha256
from hugflow.ledger.journal import Outcome, RowMade, read_journal
from hugflow.shards.plan import Plan
from hugflow.shards.plans import read_plan
from hugflow.stages.failures import read_failed_rows
from hugflow.stages.indexed import read_indexed
from hugflow.store.layout import DatasetFolder, Places
from hugflow.store.trash import is_folder, stands
from hugflow.verify.differences import Code, Difference, Finder
from hugflow.verify.leftovers import KnownFiles, find_leftovers
from hugflow.verify.rows import Expected, RowCheck
from hugflow.verify.tally import Sums, Tally

# The manifest's sum is rounded once a shard and once in all.
_SECONDS_APART = 0.01


@dataclass(frozen=True, slots=True)
class CompleteTree:
    """A tree and its manifest, which has no misfit."""

    places: Places
    check: RowCheck
    manifest: dict[str, Any]

    @property
    def folder(self) -> DatasetFolder:
        """The tree."""
        return self.check.folder

    @property
    def find(self) -> Finder:
        """Makes its differences."""
        return self.check.find

    @property
    def has_audio(self) -> bool:
        """Whether its rows have MP3s."""
        return self.manifest["audio_column"] is not None

    def verify(self, on_rows: Callable[[Sequence[Outcome]], None]) -> Iterator[Difference]:
        """Every difference; on_rows: called with the rows that were looked at."""
        plan = None
        try:
            plan = read_plan(self.places, self.find.dataset, self.manifest["plan"])
        except StateUnreadable as error:
            path = self.places.plans(self.find.dataset) / f"{self.manifest['plan']}.json"
            yield self.find("plan_unreadable", path, error.why)
        if plan is not None:
            yield from self._compare_plan(plan)
        missing = self._missing_folders()
        for folder in missing:
            code: Code = "not_a_folder" if stands(folder) else "folder_missing"
            yield self.find(code, folder, "there is no folder")
        known = KnownFiles()
        are_rows_known = yield from self._verify_rows(plan, missing, known, on_rows)
        for file in (self.folder.card, self.folder.failures):
            if not file.is_file():
                yield self.find("file_missing", file, "it is missing")
        yield from find_leftovers(
            self.places, self.folder, self.find, known, are_rows_known=are_rows_known
        )

    def _missing_folders(self) -> list[Path]:
        folders = [self.folder.json, *([self.folder.audio] if self.has_audio else [])]
        return [folder for folder in folders if not is_folder(folder)]

    def _compare_plan(self, plan: Plan) -> Iterator[Difference]:
        told = {
            "commit": (plan.commit, self.manifest["commit"]),
            "audio_column": (plan.audio_column, self.manifest["audio_column"]),
            "rows.planned": (plan.rows, self.manifest["rows"]["planned"]),
        }
        for field, (planned, written) in told.items():
            if planned != written:
                message = f"{field} is {written!r}, where the plan says {planned!r}"
                yield self.find("manifest_differs", self.folder.manifest, message)

    def _verify_rows(
        self,
        plan: Plan | None,
        missing: Sequence[Path],
        known: KnownFiles,
        on_rows: Callable[[Sequence[Outcome]], None],
    ) -> Generator[Difference, None, bool]:
        """Every row of every index, then the rows that nothing tells of, then the counts.

        Returns whether every index could be read.
        """
        failed = read_failed_rows(self.folder.failures)
        if failed.damaged_lines:
            message = f"{failed.damaged_lines} of its lines cannot be read"
            yield self.find("failures_unreadable", self.folder.failures, message)
        tally = Tally(self.find, self.manifest["rows"]["planned"], failed.rows)
        sums = Sums()
        is_whole, are_files_well = True, not missing
        for index_name, digest in sorted(self.manifest["index"].items()):
            index = self.folder.index / Path(index_name).name
            known.index.add(index.name)
            problem = self._verify_index(index, index_name, digest)
            if problem is not None:
                yield problem
            if problem is not None and problem.code != "index_changed":
                is_whole = False
                continue
            try:
                for looked in self.check.run(self._expect(plan, index, missing, known)):
                    yield from tally.tick(index, looked.rows)
                    yield from looked.differences
                    sums.add(looked)
                    are_files_well &= not looked.differences
                    if self.check.sound is not None and not looked.differences:
                        self.check.sound.add(looked.rows)
                    on_rows(looked.rows)
            except StateUnreadable as error:
                is_whole = False
                yield self.find("index_unreadable", index, error.why)
        # Without one index, whatever is said of the rows of all of them would be noise.
        if is_whole:
            for row in tally.unseen():
                path = _index_of(plan, self.folder, row)
                message = "it is neither in the index nor in failures.jsonl"
                yield self.find("row_missing", path, message, row=row)
            yield from self._compare_sums(sums, len(failed.rows), with_bytes=are_files_well)
        return is_whole

    def _verify_index(self, index: Path, index_name: str, digest: str) -> Difference | None:
        if index_name != f"index/{index.name}":
            message = f"it names the index {index_name!r}"
            return self.find("manifest_differs", self.folder.manifest, message)
        if not stands(index):
            return self.find("index_missing", index, "it is missing")
        if index.is_symlink() or not index.is_file():
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
        """The rows of an index, with the sizes that the ledger knows; their files become known."""
        journal: dict[int, Outcome] = {}
        if plan is not None:
            state = self.places.state(plan.dataset, plan.id)
            journal = read_journal(state.journal(index.stem))
        has_mp3 = self.has_audio and self.folder.audio not in missing
        has_json = self.folder.json not in missing
        for piece in read_indexed(index, has_audio=self.has_audio):
            for made in piece:
                known.json.add(f"{made.row}.json")
                if self.has_audio:
                    known.audio.add(f"{made.stem}.mp3")
            yield [
                Expected(_with_sizes(made, journal.get(made.row)), has_mp3, has_json)
                for made in piece
            ]

    def _compare_sums(
        self, sums: Sums, failed_rows: int, *, with_bytes: bool
    ) -> Iterator[Difference]:
        files = sums.rows if self.has_audio else 0
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
        if abs(self.manifest["audio"]["seconds"] - sums.seconds) > _SECONDS_APART:
            found["audio", "seconds"] = round(sums.seconds, 3)
        for (part, field), number in found.items():
            written = self.manifest[part][field]
            if written != number:
                message = f"{part}.{field} is {written:,}, and {number:,} are there"
                yield self.find("manifest_differs", self.folder.manifest, message)


def _with_sizes(indexed: RowMade, known: Outcome | None) -> RowMade:
    """A row of the index with the sizes that the ledger has of the same files."""
    if not isinstance(known, RowMade) or known.stem != indexed.stem:
        return indexed
    return replace(indexed, mp3_bytes=known.mp3_bytes, json_bytes=known.json_bytes)


def _index_of(plan: Plan | None, folder: DatasetFolder, row: int) -> Path:
    """The index that should have a row; their folder where no plan tells."""
    shards = plan.shards if plan is not None else ()
    return next((folder.index_file(s.name) for s in shards if row in s.row_range), folder.index)
