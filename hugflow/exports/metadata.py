"""`metadata.jsonl`, as `datasets` reads it beside audio files (audiofolder).

A column called `audio` beside `file_name` would win there, and the clips would be lost
(datasets 5.2.0), so it becomes `audio_source`.
"""

import re
from typing import TYPE_CHECKING, Final

from hugflow.exports.clip_lines import clip_lines
from hugflow.exports.export import ExportSource
from hugflow.exports.wording import json_line

if TYPE_CHECKING:
    from hugflow.exports.rows import ExportRow

_OURS: Final = frozenset({"file_name", "audio", "text", "duration", "sampling_rate"})
# The reader takes any of these for the name of a file.
_TAKEN = re.compile(r"file_names?|\w+_file_names?")


def _to_line(source: ExportSource, row: "ExportRow") -> bytes:
    taken = {name for name in row.columns if _TAKEN.fullmatch(name)}
    return json_line(
        {
            "file_name": source.clip_path(row.clip.stem),
            "text": row.text,
            "duration": row.clip.duration,
            "sampling_rate": row.clip.sampling_rate,
            **row.beside(_OURS | taken),
        }
    )


METADATA = clip_lines("metadata", "metadata.jsonl", _to_line, own_row_bytes=110)
