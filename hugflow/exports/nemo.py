"""NeMo's manifest: `nemo.jsonl`, one object a row; of a whole recording, one a time range.

Its reader (nemo_toolkit 3.0.0, `collections/common/parts/preprocessing/manifest.py`) opens the file
in the locale's encoding, so it is ASCII; resolves a relative path against the manifest's folder;
and takes other keys before ours, such as `audio_filename`: columns of those names become
`<name>_source`.
"""

from typing import TYPE_CHECKING, Final

from hugflow.exports.clip_lines import clip_lines
from hugflow.exports.export import ExportSource
from hugflow.exports.ranges import beside, has_ranges, ranges_of
from hugflow.exports.wording import ascii_json_line

if TYPE_CHECKING:
    from hugflow.exports.rows import ExportRow

_OURS: Final = frozenset({"audio_filepath", "duration", "text", "sampling_rate", "offset"})
# The reader takes these for files, or for the audio of the row.
_TAKEN: Final = frozenset(
    {
        *("audio_filename", "text_filepath"),
        *("video_file", "video_filename", "video_filepath"),
        *("rttm_file", "rttm_filename", "rttm_filepath"),
        *("feature_file", "feature_filename", "feature_filepath"),
    }
)
# The reader resolves only shorter paths; a path in the tree is always shorter.
_LONGEST_RELATIVE = 255


def _clip_path(source: ExportSource, stem: str) -> str:
    path = source.clip_path(stem)
    if len(path) < _LONGEST_RELATIVE or path.startswith("/"):
        return path
    return (source.home.audio / f"{stem}.mp3").as_posix()


def nemo_line(source: ExportSource, row: "ExportRow") -> bytes:
    """A row's line of the manifest, or its lines."""
    path, rate = _clip_path(source, row.clip.stem), row.clip.sampling_rate
    if has_ranges(source.plan):
        return b"".join(
            ascii_json_line(
                {
                    "audio_filepath": path,
                    "offset": each.start,
                    "duration": each.duration,
                    "text": each.text,
                    "sampling_rate": rate,
                    **beside(each.columns, _OURS | _TAKEN),
                }
            )
            for each in ranges_of(source.plan, row)
        )
    return ascii_json_line(
        {
            "audio_filepath": path,
            "duration": row.clip.duration,
            "text": row.text,
            "sampling_rate": rate,
            **row.beside(_OURS | _TAKEN),
        }
    )


NEMO = clip_lines("nemo", "nemo.jsonl", nemo_line, own_row_bytes=130, version=3)
