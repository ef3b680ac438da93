"""The parts that the sound of a file consists of: each a stream that libsndfile reads to its end."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from hugflow.audio.clip import Clip, ClipRules
from hugflow.audio.decoders.sound_file import open_clip
from hugflow.audio.mono import Samples
from hugflow.audio.resample import resample
from hugflow.late_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One stream: the bytes of a file that libsndfile reads, in order, and none of them copied.

    frames: how many samples there are, None for what libsndfile says of it. silent: samples that
    it gives in front of them, and which are left out.
    """

    pieces: tuple[bytes | memoryview, ...]
    frames: int | None = None
    silent: int = 0


@contextmanager
def open_parts(parts: tuple[Part, ...], rules: ClipRules) -> Iterator[Clip]:
    """Open the parts as one clip of the first one's rate; they may differ in all but that.

    Raises AudioBad as `open_clip` does; so does taking a block, where that is so of a later part.
    """
    with _open_part(parts[0], rules) as first:
        if len(parts) == 1:
            yield first
        else:
            yield replace(first, frames=None, blocks=_read_parts(first, parts[1:], rules))


@contextmanager
def _open_part(part: Part, rules: ClipRules) -> Iterator[Clip]:
    promised = None if part.frames is None else part.frames + part.silent
    with open_clip(*part.pieces, promised=promised, rules=rules) as clip:
        yield replace(clip, blocks=_drop(clip.blocks, part.silent)) if part.silent else clip


def _read_parts(first: Clip, others: tuple[Part, ...], rules: ClipRules) -> Iterator[Samples]:
    done = 0
    for block in _join(first, others, rules):
        done += len(block)
        rules.check_length(done, first.sampling_rate)
        yield block


def _join(first: Clip, others: tuple[Part, ...], rules: ClipRules) -> Iterator[Samples]:
    yield from first.blocks
    for part in others:
        with _open_part(part, rules) as clip:
            if clip.sampling_rate == first.sampling_rate:
                yield from clip.blocks
            else:
                yield from resample(clip.blocks, clip.sampling_rate, first.sampling_rate)


def _drop(blocks: Iterable[Samples], count: int) -> Iterator[Samples]:
    """Leave out the first `count` samples."""
    for block in blocks:
        if count < len(block):
            yield block[count:]
        count = max(0, count - len(block))
