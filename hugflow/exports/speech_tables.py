"""Tables of clips and texts: LJSpeech's, Coqui's, F5-TTS's and SpeechBrain's.

Readers split lines of the first three at each `|`, some with quotes and some without, so texts have
neither `|` nor quotes where they matter (coqui-tts 0.28.0, piper 1.8). SpeechBrain (1.1.2) takes
`$word` in any field for a variable, so a blank follows each such `$`.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hugflow.exports.export import Export, ExportFile, ExportSource, Foreseen, Size
from hugflow.exports.wording import Changes, find_speaker, in_one_line
from hugflow.late_dataclass import dataclass

if TYPE_CHECKING:
    from hugflow.exports.rows import ExportRow

_VARIABLE = re.compile(r"\$(?=[\w.])")


@dataclass(frozen=True, slots=True)
class _Table:
    """One table.

    cells: of a row with a clip, and its text after `to_text`; None if the table cannot hold it.
    """

    export: str
    path: str
    header: Sequence[str] | None
    to_text: Callable[[str], str]
    cells: "Callable[[ExportSource, ExportRow, str], Sequence[str] | None]"
    write: Callable[[Sequence[str]], str]

    def render(self, source: ExportSource) -> Iterator[ExportFile]:
        """The table's file; none of a text-only dataset."""
        if source.plan.audio_column is not None:
            yield ExportFile(self.path, self._lines(source))

    def _lines(self, source: ExportSource) -> Iterator[bytes]:
        changes = Changes(source.plan.dataset, self.export)
        if self.header is not None:
            yield self.write(self.header).encode()
        for row in source.rows():
            before = (row.text or "").strip()
            text = changes.changed(before, self.to_text(before))
            cells = self.cells(source, row, text) if text else None
            if cells is None:
                changes.leave_out()
            else:
                yield self.write(cells).encode()
        changes.tell()


def _without_pipes(text: str) -> str:
    """A text for a table split at `|`: readers with quoting would join lines at a quote."""
    return in_one_line(text.replace("|", " ").replace('"', "'"))


def _without_variables(text: str) -> str:
    return _VARIABLE.sub("$ ", in_one_line(text))


def _piped(cells: Iterable[str]) -> str:
    return "|".join(cells) + "\n"


def _comma_separated(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _ljspeech(source: ExportSource, row: "ExportRow", text: str) -> Sequence[str]:
    return (row.clip.stem, text, text)


def _coqui(source: ExportSource, row: "ExportRow", text: str) -> Sequence[str]:
    speaker = _without_pipes(find_speaker(row.columns) or "") or "coqui"
    return (source.clip_path(row.clip.stem), text, speaker, "neutral")


def _f5(source: ExportSource, row: "ExportRow", text: str) -> Sequence[str]:
    return ((source.home.audio / f"{row.clip.stem}.mp3").as_posix(), text)


def _speechbrain(source: ExportSource, row: "ExportRow", text: str) -> Sequence[str] | None:
    path = source.clip_path(row.clip.stem)
    if _VARIABLE.search(path):
        return None
    speaker = _without_variables(find_speaker(row.columns) or "")
    return (row.clip.stem, str(row.clip.duration), path, speaker, text)


def _first_clip(text: str) -> str | None:
    """The path in the first row of a table with a header."""
    rows = text.split("\n", 2)[1:2]
    return rows[0].partition("|")[0] or None if rows else None


def _to_export(
    table: _Table, *, folder: str = "", read_clip: Callable[[str], str | None] | None = None
) -> Export:
    return Export(
        name=table.export,
        folder=folder,
        names=re.compile(re.escape(table.path.rpartition("/")[2])),
        foresee=partial(_foresee, folders=1 if folder else 0),
        render=table.render,
        is_chosen=True,
        version=2,
        read_clip=read_clip,
    )


def _foresee(foreseen: Foreseen, *, folders: int) -> Size:
    if foreseen.plan.audio_column is None:
        return Size(files=0)
    return Size(files=1 + folders, bytes=round((foreseen.row_bytes + 80) * foreseen.rows))


# In a folder of its own: `datasets` takes a `metadata.csv` beside clips for its own.
LJSPEECH = _to_export(
    _Table("ljspeech", "ljspeech/metadata.csv", None, _without_pipes, _ljspeech, _piped),
    folder="ljspeech",
)
COQUI = _to_export(
    _Table(
        "coqui",
        "coqui.csv",
        ("audio_file", "text", "speaker_name", "emotion_name"),
        _without_pipes,
        _coqui,
        _piped,
    )
)
F5_TTS = _to_export(
    _Table("f5_tts", "f5_tts.csv", ("audio_file", "text"), _without_pipes, _f5, _piped),
    read_clip=_first_clip,
)
SPEECHBRAIN = _to_export(
    _Table(
        "speechbrain",
        "speechbrain.csv",
        ("ID", "duration", "wav", "spk_id", "wrd"),
        _without_variables,
        _speechbrain,
        _comma_separated,
    )
)
