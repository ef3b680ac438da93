"""Pieces of a long clip as WAV files, cut to the sample; the clip is decoded once, in a child process.

    {"module": "hugflow.audio.cutting",
     "cut": {"file": "/state/raw/.../00001", "pieces": [["0.5", "2.25", null]], "folder": "/..."}}
    {"bad": null}                         the pieces are `<folder>/0.wav` and so on
    {"bad": ["audio_undecodable", "..."]}

Times are decimal text, in seconds, the end may be null; the third is a channel from 0, null for
all. Pieces must be sorted
by their begin. A piece that reaches beyond the clip's end is a WAV that promises more samples than
it has, and so fails by itself; so does one of a channel that the clip lacks.
"""

import struct
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Final, Self

import numpy as np

from hugflow.audio.bad import CRASHED, AudioBad
from hugflow.audio.clip import ClipRules
from hugflow.audio.decoders.registry import choose_decoder
from hugflow.audio.mapped_file import open_mapped
from hugflow.audio.mono import Samples
from hugflow.workers.by_module import ask_again_alone
from hugflow.workers.channel import Bytes, Header
from hugflow.workers.child import Answer
from hugflow.workers.pool import WorkerDied, WorkerPool

# Pieces that overlap at one moment.
_MOST_OPEN: Final = 200
_ANY_LENGTH: Final = ClipRules(max_hours=0)
_PCM, _FLOAT = 1, 3


@dataclass(frozen=True, slots=True)
class Cut:
    """A time range in seconds, as decimal text; channel: from 0, None for all of them.

    end: None for the clip's end.
    """

    start: str
    end: str | None
    channel: int | None = None

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> Self:
        """A range of what `to_json` gave."""
        return cls(*value)

    def to_json(self) -> list[Any]:
        """Begin, end and channel."""
        return [self.start, self.end, self.channel]

    @property
    def order(self) -> tuple[Fraction, Fraction, int]:
        """What pieces of one clip are sorted by."""
        return Fraction(self.start), Fraction(self.end or "0"), self.channel or 0

    @property
    def seconds(self) -> float | None:
        """How long it is; None if it goes to the clip's end."""
        if self.end is None:
            return None
        return float(Fraction(self.end) - Fraction(self.start))

    def frames(self, rate_hz: int) -> tuple[int, int | None]:
        """The first sample, and the one behind the last: the nearest ones to the times."""
        end = None if self.end is None else _nearest(Fraction(self.end) * rate_hz)
        return _nearest(Fraction(self.start) * rate_hz), end


def cut_file(workers: WorkerPool, file: Path, cuts: Sequence[Cut], folder: Path) -> None:
    """Write the pieces of a file to `<folder>/<number>.wav`, in a child process.

    workers: a pool of `open_workers`. cuts: sorted by `order`.
    Raises AudioBad if the clip cannot be decoded, or kills the process that decodes it.
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


def write_pieces(data: bytes | memoryview, cuts: Sequence[Cut], folder: Path) -> None:
    """Decode a clip once, and write its pieces; raises AudioBad."""
    decoder, container = choose_decoder(data)
    with decoder.open_bytes(data, container, _ANY_LENGTH) as clip, ExitStack() as files:
        waiting = [
            (*cut.frames(clip.sampling_rate), number, cut) for number, cut in enumerate(cuts)
        ]
        waiting.reverse()
        running: list[_Piece] = []
        at = 0
        for block in clip.blocks:
            end = at + len(block)
            while waiting and waiting[-1][0] < end:
                first, stop, number, cut = waiting.pop()
                opened = files.enter_context((folder / f"{number}.wav").open("wb"))
                running.append(_Piece(opened, first, stop, cut.channel))
                running[-1].begin(block, clip.channels, clip.sampling_rate)
            if len(running) > _MOST_OPEN:
                raise AudioBad("audio_unsupported", "more than 200 segments are of one moment")
            for piece in running:
                piece.write(block, at)
            for piece in [
                piece for piece in running if piece.stop is not None and piece.stop <= end
            ]:
                piece.file.close()
                running.remove(piece)
            at = end
            if not waiting and not running:
                return
        for piece in running:
            piece.finish(at)
        # They lie behind the end of the clip.
        silence = np.zeros((0, clip.channels), np.int16)
        for first, stop, number, cut in waiting:
            with (folder / f"{number}.wav").open("wb") as opened:
                _Piece(opened, first, stop, cut.channel).begin(
                    silence, clip.channels, clip.sampling_rate
                )


def promise_of_nothing() -> bytes:
    """A WAV that lacks all of its samples: what a piece is that could not be cut."""
    return _wav_header(np.dtype(np.int16), 1, 8_000, 8_000)


@dataclass(slots=True)
class _Piece:
    file: IO[bytes]
    first: int
    stop: int | None
    channel: int | None
    _form: tuple[np.dtype[Any], int, int] | None = None

    def begin(self, block: Samples, channels: int, rate_hz: int) -> None:
        """Write the header, with all samples that there have to be."""
        self._form = block.dtype, channels if self.channel is None else 1, rate_hz
        frames = max(self.stop - self.first, 0) if self.stop is not None else 0
        self.file.write(_wav_header(*self._form, frames))

    def finish(self, end: int) -> None:
        """Write the header of a piece that goes to the clip's end, now that it is known."""
        if self.stop is None and self._form is not None:
            self.file.seek(0)
            self.file.write(_wav_header(*self._form, max(end - self.first, 0)))

    def write(self, block: Samples, at: int) -> None:
        """Write the part of a block that is the piece's; at: the number of its first sample."""
        end = None if self.stop is None else max(self.stop - at, 0)
        part = block[max(self.first - at, 0) : end]
        if self.channel is not None:
            # None of a channel that is not there.
            part = part[:, self.channel : self.channel + 1]
        self.file.write(part.tobytes())


def _wav_header(dtype: np.dtype[Any], channels: int, rate_hz: int, frames: int) -> bytes:
    kind = _PCM if dtype == np.int16 else _FLOAT
    width = dtype.itemsize * channels
    size = frames * width
    form = struct.pack(
        "<HHIIHH", kind, channels, rate_hz, rate_hz * width, width, dtype.itemsize * 8
    )
    fact = b"" if kind == _PCM else b"fact" + struct.pack("<II", 4, frames)
    riff = 4 + 8 + len(form) + len(fact) + 8 + size
    if riff >= 1 << 32:
        raise AudioBad("audio_too_long", "a segment is longer than a WAV can be")
    return b"RIFF%sWAVEfmt %s%s%sdata%s" % (
        struct.pack("<I", riff),
        struct.pack("<I", len(form)),
        form,
        fact,
        struct.pack("<I", size),
    )


def _nearest(number: Fraction) -> int:
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)
