"""Kaldi's data folder, and ESPnet's, which has the same files.

Files are sorted by bytes, as in the C locale. An utterance's id is `<speaker>-<stem>` (a stem has
no white space), and no speaker's id has `-` or a sign before it, so that sorting by utterance is
sorting by speaker. Texts have no end of line, no white space but blanks, and none of the words that
Kaldi keeps for itself. Rows without text are left out: Kaldi refuses a folder whose files name
different utterances.

Ids and texts are sorted in memory: about 300 bytes a row.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter

from hugflow.exports.export import Export, ExportFile, ExportSource, Foreseen, Size
from hugflow.exports.wording import Changes, find_speaker, in_one_line, safe_id

# Kaldi's symbols for the ends of a sentence and for disambiguation.
_KEPT_WORDS = re.compile(r"(?<!\S)(<s>|</s>|#[0-9]+|<eps>)(?!\S)")
# Of ASCII only signs after `-`, for the reason that the module gives.
_SPEAKER_SIGNS = r"A-Za-z0-9._\x80-\U0010ffff"
_FILES = ("wav.scp", "text", "utt2spk", "spk2utt", "utt2dur", "reco2dur")


@dataclass(frozen=True, slots=True)
class _Utterance:
    id: str
    speaker: str
    stem: str
    text: str
    duration: float


def _read(source: ExportSource, export: str) -> list[_Utterance]:
    changes = Changes(source.plan.dataset, export)
    found: list[_Utterance] = []
    for row in source.rows():
        before = (row.text or "").strip()
        text = changes.changed(before, in_one_line(_KEPT_WORDS.sub(" ", in_one_line(before))))
        if not text:
            changes.leave_out()
            continue
        stem = row.clip.stem
        # Without a speaker, each utterance is one's own.
        speaker = safe_id(in_one_line(find_speaker(row.columns) or stem), _SPEAKER_SIGNS)
        utterance = stem if speaker == stem else f"{speaker}-{stem}"
        found.append(_Utterance(utterance, speaker, stem, text, row.clip.duration))
    changes.tell()
    found.sort(key=lambda utterance: utterance.id.encode())
    return found


def _lines(utterances: list[_Utterance], value: Callable[[_Utterance], object]) -> Iterator[bytes]:
    return (f"{utterance.id} {value(utterance)}\n".encode() for utterance in utterances)


def _speakers(utterances: list[_Utterance]) -> Iterator[bytes]:
    for speaker, spoken in groupby(utterances, attrgetter("speaker")):
        yield f"{speaker} {' '.join(utterance.id for utterance in spoken)}\n".encode()


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
    values: dict[str, Callable[[_Utterance], object]] = {
        "wav.scp": partial(_command, source),
        "text": attrgetter("text"),
        "utt2spk": attrgetter("speaker"),
        "utt2dur": attrgetter("duration"),
        "reco2dur": attrgetter("duration"),
    }
    for file in _FILES:
        lines = _speakers(utterances) if file == "spk2utt" else _lines(utterances, values[file])
        yield ExportFile(f"{name}/{file}", lines)


def _foresee(foreseen: Foreseen) -> Size:
    if foreseen.plan.audio_column is None:
        return Size(files=0)
    return Size(files=len(_FILES) + 1, bytes=round((foreseen.row_bytes + 250) * foreseen.rows))


def _data_folder(name: str) -> Export:
    return Export(
        name=name,
        folder=name,
        names=re.compile("|".join(map(re.escape, _FILES))),
        foresee=_foresee,
        render=partial(_render, name),
        is_chosen=True,
    )


KALDI = _data_folder("kaldi")
# ESPnet reads MP3 itself: its `wav.scp` is of type `sound`.
ESPNET = _data_folder("espnet")
