"""`metadata.jsonl`, as `datasets` reads it beside audio files (audiofolder).

A column called `audio` beside `file_name` would win there, and the clips would be lost
(datasets 5.2.0), so it becomes `audio_source`.
"""

import re
from collections.abc import Iterator
from typing import Final

from hugflow.exports.export import Export, ExportFile, ExportSource, Foreseen, Size
from hugflow.exports.wording import json_line

_PATH = "metadata.jsonl"
_OURS: Final = frozenset({"file_name", "audio", "text", "duration", "sampling_rate"})
# The reader takes any of these for the name of a file.
_TAKEN = re.compile(r"file_names?|\w+_file_names?")
_OWN_ROW_BYTES = 110


def _lines(source: ExportSource) -> Iterator[bytes]:
    for row in source.rows():
        if row.clip is None:
            return
        taken = {name for name in row.columns if _TAKEN.fullmatch(name)}
        yield json_line(
            {
                "file_name": source.clip_path(row.clip.stem),
                "text": row.text,
                "duration": row.clip.duration,
                "sampling_rate": row.clip.sampling_rate,
                **row.beside(_OURS | taken),
            }
        )


def _render(source: ExportSource) -> Iterator[ExportFile]:
    if source.plan.audio_column is not None:
        yield ExportFile(_PATH, _lines(source))


def _foresee(foreseen: Foreseen) -> Size:
    if foreseen.plan.audio_column is None:
        return Size(files=0)
    return Size(files=1, bytes=round((foreseen.row_bytes + _OWN_ROW_BYTES) * foreseen.rows))


METADATA = Export(
    name="metadata",
    names=re.compile(re.escape(_PATH)),
    foresee=_foresee,
    render=_render,
    is_chosen=True,
)
