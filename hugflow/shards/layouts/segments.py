"""Rows that are time ranges of longer clips: their pieces, while a fetched shard is read."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from hugflow.audio.bad import AudioBad
from hugflow.audio.cut import Cut
from hugflow.audio.cutting import count_begun, cut_file, piece_file, promise_of_nothing
from hugflow.redact import in_a_line
from hugflow.shards.failed_clips import FailedClip
from hugflow.shards.plan import Shard
from hugflow.store.atomic import disk_errors
from hugflow.workers.by_module import open_workers
from hugflow.workers.pool import WorkerPool

log = logging.getLogger(__name__)


def missing_recording(path: str) -> FailedClip:
    """The clip of a row whose recording is not there to be cut."""
    return FailedClip("path_not_found", f"there is no recording {path!r} to cut")


class Pieces:
    """The pieces of the clips of a shard, one clip after the other.

    A clip is decoded once, or once for each `MOST_BYTES` of pieces: so much is on the disk at once.

    paths: of the shard's files. places: of each row, its clip's place in the files; None for none.
    cuts: of each row. wanted: the rows, from 0, whose pieces are read, in ascending order.
    workers: to cut in, which the caller closes; None: those of this object.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        shard: Shard,
        places: Sequence[int | None],
        cuts: Sequence[Any],
        wanted: Sequence[int],
        workers: WorkerPool | None = None,
    ) -> None:
        """Start nothing yet."""
        self._paths, self._shard, self._places, self._cuts = paths, shard, places, cuts
        self._wanted, self._prefix = wanted, f"{shard.name}.pieces-"
        self._workers, self._is_own = workers or open_workers(), workers is None
        self._folder: TemporaryDirectory[str] | None = None
        self._pieces: dict[int, Path] = {}

    def __enter__(self) -> Self:
        """The pieces; no clip is decoded yet. What a killed run left is deleted."""
        if self._cuts:
            for left in self._paths[0].parent.glob(f"{self._prefix}*"):
                shutil.rmtree(left, ignore_errors=True)
        return self

    def __exit__(self, *exception: object) -> None:
        """End the child process, and delete what is left."""
        if self._is_own:
            self._workers.close()
        self._drop()

    def read(self, row: int) -> bytes | FailedClip:
        """The piece of a wanted row as WAV; why the row fails if it cannot be cut."""
        place = self._places[row]
        if place is None:
            raise ValueError("a row without a clip has no piece")
        if self._is_empty(row):
            return FailedClip("range_invalid", "the row has no valid time range")
        if row not in self._pieces:
            self._drop()
            self._folder = TemporaryDirectory(dir=self._paths[0].parent, prefix=self._prefix)
            self._cut(row, place, Path(self._folder.name))
        file = self._pieces.pop(row)
        if not file.is_file():
            return promise_of_nothing()
        with disk_errors(file, "read"):
            data = file.read_bytes()
            file.unlink()
        return data

    def _cut(self, first: int, place: int, folder: Path) -> None:
        """Cut the pieces of a clip from a row on, as many as there is room for."""
        later = (row for row in self._wanted if row >= first and self._places[row] == place)
        rows = [row for row in later if not self._is_empty(row)]
        cuts = [Cut.from_json(self._cuts[row]) for row in rows]
        try:
            with disk_errors(folder):
                cut_file(self._workers, self._paths[place], cuts, folder)
        except AudioBad as bad:
            log.warning(
                "%s cannot be decoded to its end, so its segments fail: %s",
                in_a_line(self._shard.files[place].path),
                bad.message,
            )
        begun = count_begun(folder, len(rows)) or len(rows)
        self._pieces = {row: piece_file(folder, n) for n, row in enumerate(rows[:begun])}

    def _is_empty(self, row: int) -> bool:
        return Cut.from_json(self._cuts[row]).is_empty

    def _drop(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        self._pieces = {}


class Recordings:
    """Recordings that are no files: each is on the disk while its pieces are cut.

    folder: where. shard: of which they are.
    """

    def __init__(self, folder: Path, shard: Shard) -> None:
        """Start nothing yet."""
        self._folder, self._shard = folder, shard
        self._prefix = f"{shard.name}.recording-"
        self._workers = open_workers()

    def __enter__(self) -> Self:
        """The recordings. What a killed run left is deleted."""
        for left in self._folder.glob(f"{self._prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
        return self

    def __exit__(self, *exception: object) -> None:
        """End the child process."""
        self._workers.close()

    @contextmanager
    def cut(self, data: bytes, cuts: Sequence[Cut], wanted: Sequence[int]) -> Iterator[Pieces]:
        """The pieces of a recording. wanted: the places of the cuts that are read, ascending."""
        with TemporaryDirectory(dir=self._folder, prefix=self._prefix) as folder:
            file = Path(folder) / "recording"
            with disk_errors(file):
                file.write_bytes(data)
            each = [cut.to_json() for cut in cuts]
            places = [0] * len(cuts)
            with Pieces([file], self._shard, places, each, wanted, self._workers) as pieces:
                yield pieces
