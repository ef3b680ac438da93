"""Lhotse's manifests: recordings, supervisions and cuts, each as gzipped JSON Lines.

Its readers (lhotse 1.33.0) refuse unknown keys, so the dataset's columns lie under `custom`, where
they take a struct with a field `width` for an image, one with `array` for an array, and one with
`id`, `sources` and `sampling_rate` for a recording: `width`, `array` and `sources` become
`<name>_source` there; they join relative paths to nothing, so those are valid from the dataset's
folder; and they accept half a second of missing audio, so lengths are the decoded ones.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from hugflow.exports.export import Export, ExportFile, ExportSource, Foreseen, Size
from hugflow.exports.ranges import TimeRange, beside, has_ranges, ranges_of
from hugflow.exports.wording import find_speaker, json_line

if TYPE_CHECKING:
    from hugflow.exports.rows import ExportRow

# Bytes of the three lines of a row, compressed, beside the values of its columns.
_OWN_ROW_BYTES = 90
# By one of these the reader knows an image, an array or a recording.
_TAKEN: Final = frozenset({"width", "array", "sources"})
_Fields = dict[str, Any]


def recording(source: ExportSource, row: "ExportRow") -> _Fields:
    """A row's recording, as lhotse's `Recording.to_dict` has it."""
    clip = row.clip
    path = source.clip_path(clip.stem)
    return {
        "id": clip.stem,
        "sources": [{"type": "file", "channels": [0], "source": path}],
        "sampling_rate": clip.sampling_rate,
        "num_samples": clip.num_samples,
        "duration": clip.duration,
        "channel_ids": [0],
    }


def supervisions(source: ExportSource, row: "ExportRow") -> list[_Fields]:
    """A row's supervision over its whole clip, or those of its time ranges."""
    if has_ranges(source.plan):
        parts = ranges_of(source.plan, row)
    else:
        clip = row.clip
        parts = [TimeRange(clip.stem, 0.0, clip.duration, row.text, row.columns)]
    return [_supervision(row.clip.stem, part) for part in parts]


def _supervision(recording_id: str, part: TimeRange) -> _Fields:
    fields: _Fields = {
        "id": part.stem,
        "recording_id": recording_id,
        "start": part.start,
        "duration": part.duration,
        "channel": 0,
    }
    if part.text is not None:
        fields["text"] = part.text
    if (speaker := find_speaker(part.columns)) is not None:
        fields["speaker"] = speaker
    if part.columns:
        fields["custom"] = {
            name: beside(value, _TAKEN) if isinstance(value, dict) else value
            for name, value in part.columns.items()
        }
    return fields


def cut(source: ExportSource, row: "ExportRow", of_recording: _Fields) -> _Fields:
    """A row's cut: its whole recording with its supervisions."""
    return {
        "id": row.clip.stem,
        "start": 0,
        "duration": row.clip.duration,
        "channel": 0,
        "supervisions": supervisions(source, row),
        "recording": of_recording,
        "type": "MonoCut",
    }


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces as one gzip file without a name or time, so that the same bytes give the same."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _render(source: ExportSource) -> Iterator[ExportFile]:
    if source.plan.audio_column is None:
        return
    makers: dict[str, Callable[[ExportRow], list[_Fields]]] = {
        "recordings": lambda row: [recording(source, row)],
        "supervisions": partial(supervisions, source),
        "cuts": lambda row: [cut(source, row, recording(source, row))],
    }
    for name, make in makers.items():
        lines = (json_line(fields) for row in source.rows() for fields in make(row))
        yield ExportFile(f"{name}.jsonl.gz", gzipped(lines))


def _foresee(foreseen: Foreseen) -> Size:
    if foreseen.plan.audio_column is None:
        return Size(files=0)
    # The columns stand twice, compressed to a third.
    row_bytes = foreseen.row_bytes * 2 / 3 + _OWN_ROW_BYTES
    return Size(files=3, bytes=round(row_bytes * foreseen.rows))


LHOTSE = Export(
    name="lhotse",
    names=re.compile(r"(recordings|supervisions|cuts)\.jsonl\.gz"),
    foresee=_foresee,
    render=_render,
    is_chosen=True,
    version=3,
)
