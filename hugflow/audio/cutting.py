"""Pieces of a long clip as WAV files, cut to the sample; the clip is decoded once, in a child process.

    {"module": "hugflow.audio.cutting",
     "cut": {"file": "/state/raw/.../00001", "pieces": [["0.5", "2.25", null]], "folder": "/..."}}
    {"bad": null}                         the pieces are `<folder>/0.wav` and so on
    {"bad": ["audio_undecodable", "..."]}

Times are decimal text, in seconds, the end may be null; the third is a channel from 0, null for
all. A piece is called `0.part` until it is complete, so one of a damaged clip is never taken for
sound. A piece that reaches beyond the clip's end is a WAV that promises more samples than it has,
and so fails by itself; so does one of a channel that the clip lacks. One that is longer than a WAV
can be stays `0.part`.

Only the first pieces are cut, up to `MOST_BYTES` together and at least one; of those that go to
the clip's end, one more beside them. The others have no file.

A piece says in its chunk `SOURCE_CHUNK` which format the clip has.
"""

import struct
from collections.abc import Sequence
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import numpy as np

from hugflow.audio.bad import CRASHED, AudioBad
from hugflow.audio.clip import Clip, ClipRules
from hugflow.audio.cut import Cut
from hugflow.audio.decoders.registry import choose_decoder
from hugflow.audio.mapped_file import open_mapped
from hugflow.audio.mono import Samples
from hugflow.audio.riff import SOURCE_CHUNK, UNKNOWN_SIZE
from hugflow.late_dataclass import dataclass
from hugflow.workers.by_module import ask_again_alone
from hugflow.workers.channel import Bytes, Header
from hugflow.workers.child import Answer
from hugflow.workers.pool import WorkerDied, WorkerPool

# Pieces that are cut in one pass, as samples of 32 bits.
MOST_BYTES: Final = 2 << 30
# Pieces that overlap at one moment.
_MOST_OPEN: Final = 200
_SAMPLE_BYTES: Final = 4
_MOST_WAV_BYTES: Final = (1 << 32) - 1
_ANY_LENGTH: Final = ClipRules(max_hours=0)
_PCM, _FLOAT = 1, 3

# Type of the samples, channels, rate in Hz, and the clip's format.
_Form: TypeAlias = tuple[np.dtype[Any], int, int, str]


def cut_file(workers: WorkerPool, file: Path, cuts: Sequence[Cut], folder: Path) -> None:
    """Write the first pieces of a file to `<folder>/<number>.wav`, in a child process.

    workers: a pool of `open_workers`. Those that fit in `MOST_BYTES` are cut, and at least one.
    Raises AudioBad if the clip cannot be decoded, or kills the process that decodes it. Pieces that
    are complete are there nevertheless; `count_begun` counts those that were to be cut.
    """
    pieces = [each.to_json() for each in cuts]
    question = {"cut": {"file": str(file), "pieces": pieces, "folder": str(folder)}}

    def ask(alone: bool) -> Header:
        header = {"module": __name__, **question}
        return workers.ask(header, doing="cut a recording", alone=alone)

    try:
        found = ask_again_alone(ask)
    except WorkerDied as died:
        if not died.is_crash:
            raise
        raise AudioBad(CRASHED, f"the process that decoded it {died.how}") from died
    if found["bad"] is not None:
        raise AudioBad(*found["bad"])


def answer(header: Header, data: Bytes) -> Answer:
    """In a child process: answer a question of this module."""
    asked = header["cut"]
    cuts = [Cut.from_json(each) for each in asked["pieces"]]
    try:
        with open_mapped(Path(asked["file"])) as mapped:
            write_pieces(mapped, cuts, Path(asked["folder"]))
    except AudioBad as bad:
        return Answer({"bad": [bad.code, bad.message]})
    return Answer({"bad": None})


def piece_file(folder: Path, number: int) -> Path:
    """Where a piece is once it is complete."""
    return folder / f"{number}.wav"


def count_begun(folder: Path, count: int) -> int:
    """How many of `count` pieces `cut_file` has cut, or tried to cut; 0: the clip was not opened."""
    for number in range(count):
        file = piece_file(folder, number)
        if not file.exists() and not _unfinished(file).exists():
            return number
    return count


def write_pieces(data: bytes | memoryview, cuts: Sequence[Cut], folder: Path) -> None:
    """Decode a clip once, and write its first pieces; raises AudioBad."""
    decoder, container = choose_decoder(data)
    with decoder.open_bytes(data, container, _ANY_LENGTH) as clip, ExitStack() as files:
        waiting = []
        for number in range(_count_fitting(cuts, clip)):
            file = piece_file(folder, number)
            _unfinished(file).touch()
            cut = cuts[number]
            waiting.append(_Piece(file, *cut.frames(clip.sampling_rate), cut.channel))
        waiting.sort(key=attrgetter("first"), reverse=True)
        running: list[_Piece] = []
        at = 0
        for block in clip.blocks:
            end = at + len(block)
            for piece in running:
                piece.write(block, at)
            while waiting and waiting[-1].first < end:
                piece = waiting.pop()
                running = _finish_ended(running, piece.first)
                if len(running) >= _MOST_OPEN:
                    message = f"more than {_MOST_OPEN} segments are of one moment"
                    raise AudioBad("audio_unsupported", message)
                piece.begin(files, block, clip)
                piece.write(block, at)
                running.append(piece)
            running = _finish_ended(running, end)
            at = end
            if not waiting and not running:
                return
        for piece in running:
            piece.finish(at)
        # They lie behind the end of the clip.
        silence = np.zeros((0, clip.channels), np.int16)
        for piece in waiting:
            piece.begin(files, silence, clip)
            piece.finish(at)


def promise_of_nothing() -> bytes:
    """A WAV that lacks all of its samples: what a piece is that could not be cut."""
    return _wav_header(np.dtype(np.int16), 1, 8_000, "", 8_000)


@dataclass(slots=True)
class _Piece:
    """A piece while it is written. channel: from 0, None for all of them."""

    path: Path
    first: int
    stop: int | None
    channel: int | None
    _file: IO[bytes] | None = None
    _form: _Form = (np.dtype(np.int16), 1, 1, "")
    _left: int = 0

    def begin(self, files: ExitStack, block: Samples, clip: Clip) -> None:
        """Open the file, and leave room for the header; files: closes it after an error."""
        channels = clip.channels if self.channel is None else 1
        self._form = block.dtype, channels, clip.sampling_rate, clip.source_format
        self._left = _MOST_WAV_BYTES - len(_wav_header(*self._form, 0))
        if self.stop is not None and self._bytes(self.stop) > self._left:
            return
        self._file = files.enter_context(_unfinished(self.path).open("wb"))
        self._file.write(bytes(len(_wav_header(*self._form, 0))))

    def write(self, block: Samples, at: int) -> None:
        """Write the part of a block that is the piece's; at: the number of its first sample."""
        if self._file is None:
            return
        end = None if self.stop is None else max(self.stop - at, 0)
        part = block[max(self.first - at, 0) : end]
        if self.channel is not None:
            # None of a channel that is not there.
            part = part[:, self.channel : self.channel + 1]
        if part.dtype != self._form[0] or part.shape[1] not in (0, self._form[1]):
            raise AudioBad("audio_unsupported", "its channels or samples change on the way")
        self._left -= part.nbytes
        if self._left < 0:
            self._file.close()
            self._file = None
        else:
            self._file.write(part.tobytes())

    @property
    def is_too_long(self) -> bool:
        """Whether a WAV cannot hold it, so that no more of it is written."""
        return self._file is None

    def finish(self, end: int) -> None:
        """Write the header, and let the piece be found; end: of what was decoded."""
        if self._file is None:
            return
        stop = end if self.stop is None else self.stop
        header, size = _wav_header(*self._form, max(stop - self.first, 0)), self._bytes(stop)
        is_complete = self._file.tell() == len(header) + size
        self._file.seek(0)
        self._file.write(header)
        self._file.close()
        # Of such a size, what lacks samples is read as a WAV of unknown length.
        if is_complete or size < UNKNOWN_SIZE:
            _unfinished(self.path).rename(self.path)

    def _bytes(self, stop: int) -> int:
        return max(stop - self.first, 0) * self._form[0].itemsize * self._form[1]


def _unfinished(file: Path) -> Path:
    return file.with_suffix(".part")


def _finish_ended(pieces: Sequence[_Piece], end: int) -> list[_Piece]:
    """The pieces that go beyond a sample; the others are finished."""
    running = []
    for piece in pieces:
        if piece.stop is not None and piece.stop <= end:
            piece.finish(end)
        elif not piece.is_too_long:
            running.append(piece)
    return running


def _count_fitting(cuts: Sequence[Cut], clip: Clip) -> int:
    """How many of the first cuts fit in `MOST_BYTES`, and one to the clip's end; at least one.

    The number of samples that a clip says it has is not used: of some files it is a guess.
    """
    size, is_first = 0, True
    for number, cut in enumerate(cuts):
        first, stop = cut.frames(clip.sampling_rate)
        if stop is None:
            if not is_first:
                return number
            is_first = False
            continue
        samples = clip.channels if cut.channel is None else 1
        most = (stop - first) * samples * _SAMPLE_BYTES
        # Of more than a WAV can hold, nothing is written.
        size += max(most, 0) if most <= _MOST_WAV_BYTES * 2 else 0
        if number and size > MOST_BYTES:
            return number
    return len(cuts)


def _wav_header(
    dtype: np.dtype[Any], channels: int, rate_hz: int, source_format: str, frames: int
) -> bytes:
    kind = _PCM if dtype == np.int16 else _FLOAT
    width = dtype.itemsize * channels
    size = frames * width
    form = struct.pack(
        "<HHIIHH", kind, channels, rate_hz, rate_hz * width, width, dtype.itemsize * 8
    )
    fact = b"" if kind == _PCM else b"fact" + struct.pack("<II", 4, frames)
    name = source_format.encode("ascii", "replace")
    source = SOURCE_CHUNK + struct.pack("<I", len(name)) + name + bytes(len(name) % 2)
    riff = 4 + 8 + len(form) + len(fact) + len(source) + 8 + size
    return b"RIFF%sWAVEfmt %s%s%s%sdata%s" % (
        struct.pack("<I", riff),
        struct.pack("<I", len(form)),
        form,
        fact,
        source,
        struct.pack("<I", size),
    )
