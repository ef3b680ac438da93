"""The MP3s of a shard's rows: those of short clips several at once, all others one by one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

import pyarrow as pa

from hugflow.audio.bad import AudioBad
from hugflow.audio.isolated import SHORT_BYTES, TOGETHER_BYTES, IsolatedConverter
from hugflow.audio.mp3 import Mp3
from hugflow.audio.value import AudioValue
from hugflow.late_dataclass import dataclass
from hugflow.native_talk import doing
from hugflow.rows.audio import audio_value, may_be_bytes
from hugflow.stages.making.clip_notes import ClipNotes

# More at once would hardly be faster: the first of each step takes longest, and is one of these.
MOST_TOGETHER = 24


@dataclass(frozen=True, slots=True)
class RowConverter:
    """Makes MP3s, and notes what is to be said of them. label: the shard's."""

    isolated: IsolatedConverter
    label: str
    notes: ClipNotes = field(default_factory=ClipNotes)

    def __call__(self, row: int, clip: pa.Scalar, made: Mp3 | None = None) -> Mp3:
        """The MP3 of a row's clip; made: what `make_together` made of it."""
        if made is None:
            with doing(f"row {row} of {self.label}"):
                made = self.isolated(audio_value(clip))
        self.notes.add(row, made.info)
        return made

    def make_together(
        self, rows: Sequence[int], columns: Sequence[Sequence[pa.Scalar]]
    ) -> Mapping[tuple[int, int], Mp3]:
        """The MP3s of some rows, as far as they are made at once, by the row and the column's place.

        columns: of each audio column, the clips of these rows.
        """
        if len(rows) < 2 or not columns:
            return {}
        keys = [(row, place) for place in range(len(columns)) for row in rows]
        with doing(f"rows {rows[0]} to {rows[-1]} of {self.label}"):
            values = [_value_or_none(clip) for column in columns for clip in column]
            mp3s = self.isolated.make_together(values)
        return {key: mp3 for key, mp3 in zip(keys, mp3s, strict=True) if mp3 is not None}


def put_together(
    wanted: Sequence[tuple[int, int]],
    audio_types: Sequence[pa.DataType],
    row_bytes: int,
    threads: int,
) -> Iterator[Sequence[tuple[int, int]]]:
    """The wanted rows, in order, in pieces that one thread makes: of one row, or of some short ones.

    row_bytes: of a row in the mean. Each thread gets a piece, if there are as many rows.
    """
    has_bytes = bool(audio_types) and all(map(may_be_bytes, audio_types))
    is_short = has_bytes and row_bytes <= SHORT_BYTES
    most = min(MOST_TOGETHER, TOGETHER_BYTES // max(row_bytes, 1)) if is_short else 1
    size = max(1, min(most, len(wanted) // threads))
    for start in range(0, len(wanted), size):
        yield wanted[start : start + size]


def _value_or_none(clip: pa.Scalar) -> AudioValue:
    """The value of a clip; None for a bad one, which is told when it is asked for alone."""
    try:
        value: AudioValue = audio_value(clip)
    except AudioBad:
        return None
    return value
