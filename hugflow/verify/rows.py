"""Comparing rows with their files: names and sizes, and on request every byte."""

import json
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from hugflow.audio.bad import AudioBad
from hugflow.audio.mp3 import AudioInfo
from hugflow.audio.sound import FindFaults
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import Clip, RowMade
from hugflow.names import mp3_paths
from hugflow.rows.audio_info import audio_infos
from hugflow.store.atomic import read_file
from hugflow.store.layout import DatasetFolder
from hugflow.verify.differences import Code, Difference, Finder
from hugflow.verify.sound import Sound
from hugflow.verify.values import TreeForm, Values

# Fields of a row's JSON that its index line does not have, or has in another form.
UNCOMPARED_FIELDS = frozenset({"quality", "repaired", "level"})
PIECES_AHEAD_PER_WORKER = 2
MOST_FAULTS = 3
# Decoding one file takes as long as checking the sizes of a thousand.
DEEP_PIECE_ROWS = 16


@dataclass(frozen=True, slots=True)
class Expected:
    """A row and which of its files must exist; unknown sizes are None in `made`.

    values: the row in the index, if known.
    """

    made: RowMade
    has_mp3: bool
    has_json: bool
    values: Values | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """The result of checking some rows; the bytes are the sizes of existing files."""

    rows: Sequence[RowMade]
    differences: Sequence[Difference]
    mp3_bytes: int
    json_bytes: int


@dataclass(frozen=True, slots=True)
class RowCheck:
    """How the rows of one tree are checked.

    find_faults: checks an MP3.
    sound: rows that need no deep check.
    form: the form of the rows' JSONs, if known.
    all_audio: the audio columns that have MP3s, the main one first.
    """

    folder: DatasetFolder
    find: Finder
    deep: bool
    workers: int
    find_faults: FindFaults
    sound: Sound | None = None
    form: TreeForm | None = None
    all_audio: tuple[str, ...] = ()

    def run(self, pieces: Iterable[Sequence[Expected]]) -> Iterator[Looked]:
        """Check rows in order, several pieces at a time; only a few pieces are in memory."""
        with ThreadPoolExecutor(self.workers, "verify") as pool:
            ahead: deque[Future[Looked]] = deque()
            try:
                for piece in self._cut(pieces):
                    ahead.append(pool.submit(self._look, piece))
                    if len(ahead) > self.workers * PIECES_AHEAD_PER_WORKER:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()

    def _cut(self, pieces: Iterable[Sequence[Expected]]) -> Iterator[Sequence[Expected]]:
        for piece in pieces:
            step = DEEP_PIECE_ROWS if self.deep else max(1, len(piece))
            yield from (piece[start : start + step] for start in range(0, len(piece), step))

    def _look(self, rows: Sequence[Expected]) -> Looked:
        differences: list[Difference] = []
        mp3_bytes = json_bytes = 0
        if rows and not self.deep:
            # Of a tree under another STORAGE_ROOT all rows name the old one: some are enough.
            differences += self._find_stale_path(rows[0])
        for row in rows:
            for path, clip in self._mp3s(row) if row.has_mp3 else ():
                file = self._stat(row.made.row, "mp3", path, clip.mp3_bytes, differences)
                mp3_bytes += file.st_size if file is not None else 0
                if self._is_read(row.made.row, file):
                    differences += self._decode(row.made.row, Path(path), clip.audio)
            if row.has_json:
                path = f"{self.folder.json}/{row.made.row}.json"
                file = self._stat(row.made.row, "json", path, row.made.json_bytes, differences)
                json_bytes += file.st_size if file is not None else 0
                if self._is_read(row.made.row, file):
                    differences += self._parse(row, Path(path))
        return Looked([row.made for row in rows], differences, mp3_bytes, json_bytes)

    def _mp3s(self, row: Expected) -> Iterator[tuple[str, Clip]]:
        """The path of each MP3 of a row, and what is recorded of it."""
        paths = mp3_paths(row.made.stem, self.all_audio)
        for path, clip in zip(paths, row.made.clips, strict=False):
            yield f"{self.folder.root}/{path}", clip

    @property
    def _tree(self) -> str:
        """The tree as JSON files name it: `datasets/<name>`."""
        return f"{self.folder.root.parent.name}/{self.folder.root.name}"

    def _find_stale_path(self, row: Expected) -> Iterator[Difference]:
        """A JSON that names its MP3 below another STORAGE_ROOT."""
        field = next(iter(self.form.mp3s.values()), None) if self.form is not None else None
        path = self.folder.json / f"{row.made.row}.json"
        if field is None or not row.has_json:
            return
        try:
            told = str(json.loads(read_file(path))[field])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return
        wanted = f"{self._tree}/audio/{row.made.stem}.mp3"
        # Whatever else is wrong with a JSON is for a deep look.
        if told != wanted and told.partition("/")[2] == wanted.partition("/")[2]:
            message = f"its {field} is {told!r}, where {wanted!r} is meant: sync the request again"
            yield self.find("json_differs", path, message, row=row.made.row)

    def _stat(
        self,
        row: int,
        kind: Literal["mp3", "json"],
        path: str,
        size: int | None,
        differences: list[Difference],
    ) -> os.stat_result | None:
        """The stat of an existing file; None, with a difference, if it is missing or not a file."""
        try:
            # This runs hundreds of thousands of times: a Path each would double the time.
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            code: Code = "mp3_missing" if kind == "mp3" else "json_missing"
            differences.append(self.find(code, Path(path), "it is missing", row=row))
            return None
        if not stat.S_ISREG(status.st_mode):
            differences.append(self.find("not_a_file", Path(path), "it is no file", row=row))
            return None
        if status.st_size == 0 or size not in (None, status.st_size):
            message = f"it has {status.st_size:,} bytes, where "
            message += "no file is empty" if size is None else f"{size:,} were written"
            code = "mp3_size" if kind == "mp3" else "json_size"
            differences.append(self.find(code, Path(path), message, row=row))
        return status

    def _is_read(self, row: int, file: os.stat_result | None) -> bool:
        """Whether a file has to be read to its end."""
        if not self.deep or file is None:
            return False
        return self.sound is None or not self.sound.has(row, file)

    def _decode(self, row: int, path: Path, audio: AudioInfo) -> Iterator[Difference]:
        """Decode an MP3 to its end: it must be one, mono, with its rate and exact length."""
        try:
            faults = self.find_faults(
                path,
                sampling_rate=audio.sampling_rate,
                num_samples=audio.num_samples,
            )
        except (AudioBad, OSError) as error:
            message = error.message if isinstance(error, AudioBad) else error.strerror or str(error)
            yield self.find("mp3_undecodable", path, message, row=row)
            return
        for fault in faults:
            yield self.find("mp3_differs", path, fault, row=row)

    def _parse(self, row: Expected, path: Path) -> Iterator[Difference]:
        """Parse a row's JSON, and compare it with the known values."""
        made = row.made
        try:
            value = json.loads(read_file(path), parse_constant=_refuse_constant)
            if not isinstance(value, dict):
                raise ValueError("it is no object")
        except (OSError, ValueError, RecursionError) as error:
            yield self.find("json_unreadable", path, f"it is no JSON: {error}", row=made.row)
            return
        faults = list(self._compare_json(row, value))
        if faults:
            more = f"; and {len(faults) - MOST_FAULTS} more" if faults[MOST_FAULTS:] else ""
            message = "; ".join(faults[:MOST_FAULTS]) + more
            yield self.find("json_differs", path, message, row=made.row)

    def _compare_json(self, row: Expected, value: Mapping[str, Any]) -> Iterator[str]:
        """Where a JSON and the index disagree, in words."""
        if self.form is not None and row.values is not None:
            yield from self.form.find_faults(value, row.values, self._tree, row.made.stem)
        if len(row.made.clips) != len(self.all_audio):
            return
        for place, (name, known) in enumerate(audio_infos(row.made, self.all_audio).items()):
            told = value.get(name)
            if not isinstance(told, dict):
                yield f"it has no {name}"
                continue
            of = f" in {name}" if place else ""
            for field in dict.fromkeys([*known, *told]):
                if field not in UNCOMPARED_FIELDS and told.get(field) != known.get(field):
                    yield (
                        f"its {field}{of} is {told.get(field)!r}, where {known.get(field)!r} is "
                        "recorded"
                    )
            if known.get("quality", told.get("quality")) != told.get("quality"):
                yield f"its quality{of} is not what is recorded"


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")
