"""Kaldi's data folder, and ESPnet's, which has the same files.

Files are sorted by bytes, as in the C locale. An utterance's id is `<speaker>-<stem>` (a stem has
no white space), and no speaker's id has `-` or a sign before it, so that sorting by utterance is
sorting by speaker. Texts have no end of line, no white space but blanks, and none of the words that
Kaldi keeps for itself. Rows without text are left out: Kaldi refuses a folder whose files name
different utterances.

Of a whole recording each time range is an utterance, `segments` says where it is, and `wav.scp` and
`reco2dur` have a line for each recording.

Ids and texts are sorted in memory: about 300 bytes a row.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from hugflow.exports.export import Export, ExportFile, ExportSource, Foreseen, Size
from hugflow.exports.ranges import TimeRange, has_ranges, ranges_of
from hugflow.exports.wording import Changes, find_speaker, in_one_line, safe_id
from hugflow.late_dataclass import dataclass

if TYPE_CHECKING:
    from hugflow.exports.rows import ExportRow

# Kaldi's symbols for the ends of a sentence and for disambiguation.
_KEPT_WORDS = re.compile(r"(?<!\S)(<s>|</s>|#[0-9]+|<eps>)(?!\S)")
# Of ASCII only signs after `-`, for the reason that the module gives.
_SPEAKER_SIGNS = r"A-Za-z0-9._\x80-\U0010ffff"
_SPEAKERS = "spk2utt"
_SEGMENTS = "segments"
_FILES = ("wav.scp", "text", "utt2spk", _SPEAKERS, "utt2dur", "reco2dur")


@dataclass(frozen=True, slots=True)
class _Utterance:
    """start: None if it is its whole recording. length: of the recording."""

    id: str
    speaker: str
    stem: str
    text: str
    duration: float
    start: float | None
    length: float


def _read(source: ExportSource, export: str) -> list[_Utterance]:
    changes = Changes(source.plan.dataset, export)
    found: list[_Utterance] = []
    for row in source.rows():
        for part, start in _parts(source, row):
            before = (part.text or "").strip()
            text = changes.changed(before, in_one_line(_KEPT_WORDS.sub(" ", in_one_line(before))))
            if not text:
                changes.leave_out()
                continue
            # Without a speaker, each utterance is one's own.
            speaker = safe_id(in_one_line(find_speaker(part.columns) or part.stem), _SPEAKER_SIGNS)
            id_ = part.stem if speaker == part.stem else f"{speaker}-{part.stem}"
            clip = row.clip
            found.append(
                _Utterance(id_, speaker, clip.stem, text, part.duration, start, clip.duration)
            )
    changes.tell()
    found.sort(key=lambda utterance: utterance.id.encode())
    return found


def _parts(source: ExportSource, row: "ExportRow") -> Iterator[tuple[TimeRange, float | None]]:
    """The utterances of a row, and where each begins."""
    if has_ranges(source.plan):
        for part in ranges_of(source.plan, row):
            yield part, part.start
        return
    clip = row.clip
    yield TimeRange(clip.stem, 0.0, clip.duration, row.text, row.columns), None


def _lines(utterances: list[_Utterance], value: Callable[[_Utterance], object]) -> Iterator[bytes]:
    return (f"{utterance.id} {value(utterance)}\n".encode() for utterance in utterances)


def _speakers(utterances: list[_Utterance]) -> Iterator[bytes]:
    for speaker, spoken in groupby(utterances, attrgetter("speaker")):
        yield f"{speaker} {' '.join(utterance.id for utterance in spoken)}\n".encode()


def _recordings(utterances: list[_Utterance]) -> list[_Utterance]:
    """The recordings, each as an utterance, if the utterances are parts of them."""
    if all(utterance.start is None for utterance in utterances):
        return utterances
    by_stem = {utterance.stem: utterance for utterance in utterances}
    whole = (replace(each, id=stem, duration=each.length) for stem, each in by_stem.items())
    return sorted(whole, key=lambda recording: recording.id.encode())


def _segment(utterance: _Utterance) -> str:
    start = utterance.start or 0.0
    return f"{utterance.stem} {start} {round(start + utterance.duration, 6)}"


def _command(source: ExportSource, utterance: _Utterance) -> str:
    path = source.clip_path(utterance.stem)
    if not source.is_piped:
        return path
    quoted = "'" + path.replace("'", "'\\''") + "'"
    return f"ffmpeg -nostdin -v error -i {quoted} -f wav -acodec pcm_s16le - |"


def _render(name: str, source: ExportSource) -> Iterator[ExportFile]:
    if source.plan.audio_column is None:
        return
    utterances = _read(source, name)
    recordings = _recordings(utterances)
    duration = attrgetter("duration")
    lines: dict[str, Iterator[bytes]] = {
        "wav.scp": _lines(recordings, partial(_command, source)),
        "text": _lines(utterances, attrgetter("text")),
        "utt2spk": _lines(utterances, attrgetter("speaker")),
        _SPEAKERS: _speakers(utterances),
        "utt2dur": _lines(utterances, duration),
        "reco2dur": _lines(recordings, duration),
    }
    if has_ranges(source.plan):
        lines[_SEGMENTS] = _lines(utterances, _segment)
    for file, content in lines.items():
        yield ExportFile(f"{name}/{file}", content)


def _foresee(foreseen: Foreseen) -> Size:
    if foreseen.plan.audio_column is None:
        return Size(files=0)
    more = 2 if has_ranges(foreseen.plan) else 1
    return Size(files=len(_FILES) + more, bytes=round((foreseen.row_bytes + 250) * foreseen.rows))


def _data_folder(name: str) -> Export:
    return Export(
        name=name,
        folder=name,
        names=re.compile("|".join(map(re.escape, (*_FILES, _SEGMENTS)))),
        foresee=_foresee,
        render=partial(_render, name),
        is_chosen=True,
        version=2,
    )


KALDI = _data_folder("kaldi")
# ESPnet reads MP3 itself: its `wav.scp` is of type `sound`.
ESPNET = _data_folder("espnet")
