"""NeMo's manifest: `nemo.jsonl`, one object a row.

Its reader (nemo_toolkit 3.0.0, `collections/common/parts/preprocessing/manifest.py`) opens the file
in the locale's encoding, so it is ASCII; resolves a relative path against the manifest's folder;
and takes other keys before ours, such as `audio_filename`: columns of those names become
`<name>_source`.
"""

import re
from collections.abc import Iterator
from typing import Final

from hugflow.exports.export import Export, ExportFile, ExportSource, Foreseen, Size
from hugflow.exports.wording import ascii_json_line

_PATH = "nemo.jsonl"
_OURS: Final = frozenset({"audio_filepath", "duration", "text", "sampling_rate", "offset"})
# The reader takes these for files, or for the audio of the row.
_TAKEN: Final = frozenset(
    {
        *("audio_filename", "video_filename", "video_filepath", "text_filepath"),
        *("rttm_file", "rttm_filename", "rttm_filepath"),
        *("feature_file", "feature_filename", "feature_filepath"),
    }
)
# The reader resolves only shorter paths; a path in the tree is always shorter.
_LONGEST_RELATIVE = 255
# Bytes of a line beside the values of the columns.
_OWN_ROW_BYTES = 130


def _clip_path(source: ExportSource, stem: str) -> str:
    path = source.clip_path(stem)
    if len(path) < _LONGEST_RELATIVE or path.startswith("/"):
        return path
    return (source.home.audio / f"{stem}.mp3").as_posix()


def _lines(source: ExportSource) -> Iterator[bytes]:
    for row in source.rows():
        if row.clip is None:
            return
        yield ascii_json_line(
            {
                "audio_filepath": _clip_path(source, row.clip.stem),
                "duration": row.clip.duration,
                "text": row.text,
                "sampling_rate": row.clip.sampling_rate,
                **row.beside(_OURS | _TAKEN),
            }
        )


def _render(source: ExportSource) -> Iterator[ExportFile]:
    if source.plan.audio_column is not None:
        yield ExportFile(_PATH, _lines(source))


def _foresee(foreseen: Foreseen) -> Size:
    if foreseen.plan.audio_column is None:
        return Size(files=0)
    return Size(files=1, bytes=round((foreseen.row_bytes + _OWN_ROW_BYTES) * foreseen.rows))


NEMO = Export(
    name="nemo",
    names=re.compile(re.escape(_PATH)),
    foresee=_foresee,
    render=_render,
    is_chosen=True,
)
