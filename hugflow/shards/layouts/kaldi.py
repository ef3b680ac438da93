"""Kaldi folders: `wav.scp`, and beside it `text`, `utt2spk` and `segments`.

    wav.scp     meeting1 audio/meeting1.wav          a recording, and its file
    segments    utt1 meeting1 0.50 2.25              an utterance, its recording, from and to (s)
    text        utt1 hello there                     without `segments` the ids are those of wav.scp
    utt2spk     utt1 speaker7

A row is a line of `segments`, or of `wav.scp`: columns `audio`, `id`, `text` and `speaker`. A line
of wav.scp that is a command, and not a path, is refused: no command is ever run. A path means a
file of the repository, as in a table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NoReturn

import pyarrow as pa

from hugflow.amounts import count
from hugflow.audio.cut import NO_RANGE, Cut, to_seconds
from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid, ShardUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.shards.arrow import FILE_TYPE
from hugflow.shards.layouts import loose, table
from hugflow.shards.layouts.clips import Clips
from hugflow.shards.layouts.cut_rows import warn_of_empty
from hugflow.shards.layouts.layout import RepositoryAt, Split, no_names, no_sample
from hugflow.shards.layouts.tables import folder_of
from hugflow.shards.plan_request import PlanRequest, segments_of

native_reader: Final = None
read_names = no_names
read_sample = no_sample
read_rows = loose.read_rows
count_rows = table.count_rows
_SCP: Final = "wav.scp"
_WHOLE: Final = Cut("0", "0")


@dataclass(frozen=True, slots=True)
class _Row:
    """An utterance.

    clip: None if its file does not exist.
    cut: None for all of it.
    text, speaker: None if the files of its folder have none.
    """

    id: str
    clip: PublishedFile | None
    cut: Cut | None
    text: str | None = None
    speaker: str | None = None


def takes(path: str) -> bool:
    """Whether the path is that of a list of recordings."""
    return path.rpartition("/")[2] == _SCP


def describe(at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest) -> Split:
    """The slices of the utterances; raises RequestInvalid and ShardUnreadable."""
    published = {file.path: file for file in at.list_files()}
    clips = Clips.of(published)
    rows: list[_Row] = []
    spec = segments_of(request)
    channel = spec.channel if spec is not None else None
    has_text = has_speaker = False
    without_row = 0
    for file in sorted((file for file in files if takes(file.path)), key=lambda file: file.path):
        beside = _Beside(at, published, folder_of(file.path))
        texts, speakers = beside.read("text"), beside.read("utt2spk")
        own = _read_rows(at, file, beside, clips, published, channel)
        # An id means an utterance of its own folder: folders may have the same ids.
        rows += [replace(row, text=texts.get(row.id), speaker=speakers.get(row.id)) for row in own]
        has_text, has_speaker = has_text or bool(texts), has_speaker or bool(speakers)
        without_row += len(texts.keys() - {row.id for row in own})
    if any(row.cut is not None for row in rows):
        # Of a recording that is decoded once, the pieces come in its order.
        rows.sort(key=lambda row: (row.clip.path if row.clip else "", (row.cut or _WHOLE).order))
    values: dict[str, list[str | None]] = {"id": [row.id for row in rows]}
    warnings = [f"the rows are {count(len(rows), 'line')} of Kaldi's {_SCP} or segments"]
    if has_text:
        values["text"] = [row.text for row in rows]
        empty = sum(not row.text for row in rows)
        if empty:
            warnings.append(f"{empty:,} utterances have no text, or an empty one")
    if without_row:
        warnings.append(f"left out: {count(without_row, 'line')} of text of no utterance")
    if has_speaker:
        values["speaker"] = [row.speaker for row in rows]
    warnings += warn_of_empty(at, [row.cut for row in rows])
    missing = sum(row.clip is None for row in rows)
    if missing:
        warnings.append(
            f"no audio file of the repository for {count(missing, 'row')}: they will fail"
        )
    audio = request.audio_column if "audio_column" in request.asked else loose.AUDIO
    columns = [audio, *values]
    schema = pa.schema([(audio, FILE_TYPE), *((name, pa.string()) for name in values)])
    found = loose.Rows(
        len(rows), clips=[row.clip for row in rows], values=values, cuts=[row.cut for row in rows]
    )
    shards = list(loose.cut(found, columns, {}, schema, audio))
    return Split(shards, tuple(warnings), audio)


@dataclass(frozen=True, slots=True)
class _Beside:
    """The files of one Kaldi folder."""

    at: RepositoryAt
    published: Mapping[str, PublishedFile]
    folder: str

    def read(self, name: str) -> dict[str, str]:
        """Lines of a key and the rest, by key; empty if there is no such file."""
        file = self.published.get(f"{self.folder}{name}")
        return read_keyed(self.at, file) if file is not None else {}


def read_keyed(at: RepositoryAt, file: PublishedFile) -> dict[str, str]:
    """The lines of a published file, as key and rest; raises ShardUnreadable."""
    lines = loose.fetch_lines(at, file)
    return dict(zip(lines.column(0).to_pylist(), lines.column(1).to_pylist(), strict=True))


def _read_rows(
    at: RepositoryAt,
    file: PublishedFile,
    beside: _Beside,
    clips: Clips,
    published: Mapping[str, PublishedFile],
    channel: int | None,
) -> list[_Row]:
    recordings = read_keyed(at, file)
    found: dict[str, PublishedFile | None] = {}
    for recording, word in recordings.items():
        if "|" in word or word.startswith(("-", "<", ">")):
            _refuse_command(at, file, recording)
        path = clips.find(word, file.path)
        found[recording] = published[path] if path is not None else None
    segments = beside.read("segments")
    if not segments:
        whole = None if channel is None else Cut("0", None, channel)
        return [_Row(recording, clip, whole) for recording, clip in found.items()]
    rows = []
    for utterance, words in segments.items():
        parts = words.split()
        if len(parts) not in (3, 4) or parts[0] not in found:
            _refuse_segment(at, beside.folder, utterance)
        try:
            cut = Cut(to_seconds(parts[1]), to_seconds(parts[2]), channel)
        except ValueError:
            cut = NO_RANGE
        rows.append(_Row(utterance, found[parts[0]], cut))
    return rows


def _refuse_command(at: RepositoryAt, file: PublishedFile, recording: str) -> NoReturn:
    raise RequestInvalid(
        f"{at.repo}@{at.commit[:7]}: {file.path!r} has a command for {in_a_line(recording)!r}",
        why="Kaldi runs such a line to get the sound, and nothing of a dataset is ever run here",
        mend="ask the dataset's owner for a wav.scp of paths, or write a table of the clips",
    )


def _refuse_segment(at: RepositoryAt, folder: str, utterance: str) -> NoReturn:
    raise ShardUnreadable(
        f"{at.repo}@{at.commit[:7]}:{folder}segments cannot be read",
        why=f"the line of {in_a_line(utterance)!r} is not a recording of {_SCP} and its two times",
        mend="report it to the dataset's owner, or request a revision with sound segments",
    )
