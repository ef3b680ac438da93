"""`metadata.jsonl`, as `datasets` reads it beside audio files (audiofolder).

A column called `audio` beside `file_name` would win there, and the clips would be lost
(datasets 5.2.0), so it becomes `audio_source`. At any depth, the reader takes `file_name` and what
ends in `_file_name` for the path of a clip beside the table, and their plurals for a list of such:
they become `<name>_source` too. It refuses a path that leads out of the folder of `metadata.jsonl`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from hugflow.exports.clip_lines import clip_lines
from hugflow.exports.export import ExportSource
from hugflow.exports.ranges import beside
from hugflow.exports.wording import json_line

if TYPE_CHECKING:
    from hugflow.exports.rows import ExportRow

_OURS: Final = frozenset({"file_name", "audio", "text", "duration", "sampling_rate"})
_TAKEN: Final = ("file_name", "file_names")


def _is_taken(name: str) -> bool:
    return name in _TAKEN or name.endswith(tuple(f"_{each}" for each in _TAKEN))


def _renamed(fields: Mapping[str, Any], ours: frozenset[str]) -> dict[str, Any]:
    """Fields, at any depth, under names that neither we nor the reader take."""
    renamed = beside(fields, ours | frozenset(filter(_is_taken, fields)))
    return {name: _renamed_inside(value) for name, value in renamed.items()}


def _renamed_inside(value: Any) -> Any:
    match value:
        case dict():
            return _renamed(value, frozenset())
        case list():
            return [_renamed_inside(each) for each in value]
        case _:
            return value


def _to_line(source: ExportSource, row: "ExportRow") -> bytes:
    return json_line(
        {
            "file_name": source.clip_path(row.clip.stem),
            "text": row.text,
            "duration": row.clip.duration,
            "sampling_rate": row.clip.sampling_rate,
            **_renamed(row.columns, _OURS),
        }
    )


METADATA = clip_lines(
    "metadata",
    "metadata.jsonl",
    _to_line,
    own_row_bytes=110,
    version=2,
    is_beside_clips=True,
)
