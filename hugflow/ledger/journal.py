"""The journal of one shard: the result of each row.

`STATE_DIR/ledger/<name>/<plan id>/<shard>.jsonl`, one line per row, appended, never rewritten:

    {"journal": 1}
    04a747dc [12,"clip_12",40812,371,[16000,40000,"flac",16000,1,160,false,"clips/12.flac"]]
    e1883094 [13,"13",null,214,null]
    a3533a65 [14,"audio_undecodable","no decoder knows these bytes"]

Each line begins with the CRC-32 of the rest.

A made row: number, stem, bytes of its MP3 (null: no MP3), bytes of its JSON (null: not written
yet), and facts about its audio. A row with several audio columns has one more value: a list of
bytes and facts for each MP3 beside the main one, in the order of the request. Some clips have one more value, an object: `repaired`, a list of
codes; `level`, a code; and `quality`, the figures of a measured clip. A failed row: number, code, message. The last line of a row counts.

The disk decides: a row is done only if its files exist with these sizes. A line that cannot be read
is skipped, and its row is looked for on disk.
"""

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from hugflow.audio.mp3 import AudioInfo
from hugflow.audio.quality import read_quality
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import disk_errors, make_folder, read_file, sync_folder

VERSION = 1
# In the order of a line.
AUDIO_FIELDS = (
    "sampling_rate",
    "num_samples",
    "source_format",
    "source_sampling_rate",
    "source_channels",
    "bitrate_kbps",
    "copied",
    "source_path",
)
# What not all clips have.
NOTE_FIELDS = ("repaired", "level", "quality")
# Their types; `source_path` is text or absent.
_AUDIO_TYPES = frozenset((int, int, str, int, int, int, bool, path) for path in (str, type(None)))
_HEADER = json.dumps({"journal": VERSION}).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Clip:
    """One MP3 of a row. mp3_bytes: None if unknown."""

    mp3_bytes: int | None
    audio: AudioInfo


@dataclass(frozen=True, slots=True)
class RowMade:
    """A row that is on disk, completely or in part.

    mp3_bytes, audio: of the main audio column; None in a text-only dataset.
    json_bytes: None if only the stage `audio` is done.
    other_clips: of the other audio columns, in the order of the request.
    """

    row: int
    stem: str
    mp3_bytes: int | None
    json_bytes: int | None
    audio: AudioInfo | None
    other_clips: tuple[Clip, ...] = ()

    @property
    def clips(self) -> tuple[Clip, ...]:
        """All its MP3s, of the main audio column first; empty in a text-only dataset."""
        if self.audio is None:
            return ()
        return (Clip(self.mp3_bytes, self.audio), *self.other_clips)


@dataclass(frozen=True, slots=True)
class RowFailed:
    """A row that could not be made: a stable `code`, and a one-line `message`."""

    row: int
    code: str
    message: str


Outcome = RowMade | RowFailed


class Journal:
    """The open journal of a shard, for its one writer, who holds the shard's lock."""

    def __init__(self, path: Path) -> None:
        """Open or create the journal; a line torn by a kill is ended, so the next line is whole."""
        make_folder(path.parent)
        is_new = not path.exists()
        with disk_errors(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            size = os.fstat(self._fd).st_size
            if size == 0:
                os.write(self._fd, _HEADER)
            elif os.pread(self._fd, 1, size - 1) != b"\n":
                os.write(self._fd, b"\n")
            os.fsync(self._fd)
        if is_new:
            sync_folder(path.parent)
        self._path = path

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        os.close(self._fd)

    def append(self, outcomes: Iterable[Outcome]) -> None:
        """Add lines in one write, and sync them to the disk."""
        data = b"".join(_to_line(outcome) for outcome in outcomes)
        with disk_errors(self._path):
            while data:
                data = data[os.write(self._fd, data) :]
            os.fdatasync(self._fd)


def read_journal(path: Path) -> dict[int, Outcome]:
    """The result of each row in the journal; empty if there is no journal.

    100,000 rows take about half a second, however often they were made again.
    """
    try:
        lines = read_file(path).splitlines()
    except FileNotFoundError:
        return {}
    sound = [line[9:] for line in lines if line[:9] == _crc(line[9:])]
    try:
        values = json.loads(b"[" + b",".join(sound) + b"]")
    except (ValueError, RecursionError):
        values = [value for line in sound if (value := _parse(line)) is not None]
    outcomes: dict[int, Outcome] = {}
    for value in values:
        try:
            outcome = _to_outcome(value)
        except (TypeError, ValueError, KeyError, IndexError):
            continue
        outcomes[outcome.row] = outcome
    return outcomes


def _to_line(outcome: Outcome) -> bytes:
    value: list[Any]
    if isinstance(outcome, RowFailed):
        value = [outcome.row, outcome.code, outcome.message]
    else:
        audio = outcome.audio and _audio_values(outcome.audio)
        value = [outcome.row, outcome.stem, outcome.mp3_bytes, outcome.json_bytes, audio]
        if outcome.other_clips:
            others = [[each.mp3_bytes, _audio_values(each.audio)] for each in outcome.other_clips]
            value.append(others)
    line = json.dumps(value, separators=(",", ":")).encode()
    return _crc(line) + line + b"\n"


def _crc(line: bytes) -> bytes:
    return b"%08x " % zlib.crc32(line)


def _to_outcome(value: Any) -> Outcome:
    """The result in a line; raises TypeError, ValueError, KeyError or IndexError if it has none."""
    if len(value) == 3:
        row, code, message = value
        return RowFailed(_whole(row), str(code), str(message))
    row, stem, mp3_bytes, json_bytes, audio, *others = value
    return RowMade(
        row=_whole(row),
        stem=_text(stem),
        mp3_bytes=_size(mp3_bytes),
        json_bytes=_size(json_bytes),
        audio=None if audio is None else to_audio_info(audio),
        other_clips=_to_clips(*others) if others else (),
    )


def _to_clips(values: Iterable[Sequence[Any]]) -> tuple[Clip, ...]:
    return tuple(Clip(_size(size), to_audio_info(audio)) for size, audio in values)


def _size(value: Any) -> int | None:
    return None if value is None else _whole(value)


def to_audio_info(values: Sequence[Any]) -> AudioInfo:
    """Facts about a row's audio, from values in the order of AUDIO_FIELDS and perhaps its notes.

    Raises TypeError if the values are not those of a journal.
    """
    values, notes = values[: len(AUDIO_FIELDS)], values[len(AUDIO_FIELDS) :]
    if tuple(map(type, values)) not in _AUDIO_TYPES or values[0] <= 0 or values[1] < 0:
        raise TypeError(values)
    known = dict(zip(AUDIO_FIELDS, values, strict=True))
    return AudioInfo(**known, **(_read_notes(*notes) if notes else {}))


def _audio_values(audio: AudioInfo) -> list[Any]:
    values = [getattr(audio, name) for name in AUDIO_FIELDS]
    notes = audio.notes
    return [*values, notes] if notes else values


def _read_notes(notes: Any) -> dict[str, Any]:
    repaired, level = notes.get("repaired", []), notes.get("level")
    if not isinstance(repaired, list) or not all(isinstance(code, str) for code in repaired):
        raise TypeError(notes)
    if not isinstance(level, str | None):
        raise TypeError(notes)
    quality = read_quality(notes.get("quality"))
    return {"repaired": tuple(repaired), "level": level, "quality": quality}


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or "/" in value:
        raise TypeError(value)
    return value


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
