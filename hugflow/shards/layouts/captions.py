"""Time ranges beside recordings: srt, vtt and rttm files.

    talk.wav  talk.srt     1
                           00:00:01,250 --> 00:00:02,500
                           Hello there.
    talk.wav  talk.rttm    SPEAKER talk 1 1.25 1.25 <NA> <NA> ann <NA> <NA>

Each cue is a row: `audio`, `id` (of the recording, with the cue's number), `text` or `speaker`.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

import pyarrow as pa

from hugflow.amounts import count
from hugflow.audio.cut import Cut, to_seconds
from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid, ShardUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.shards.arrow import FILE_TYPE
from hugflow.shards.layouts import loose
from hugflow.shards.layouts.cut_rows import CUT_WARNING, in_order, warn_of_empty
from hugflow.shards.layouts.layout import RepositoryAt, Split

_TIME: Final = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_CUE: Final = re.compile(rf"\s*{_TIME}\s+-->\s+{_TIME}(?:\s.*)?")
# No time range, as `NO_RANGE` is none.
_NO_TIMES: Final = ("0", "0")
_POSITION: Final = r"\{\\an\d\}"
_TAG: Final = re.compile(rf"</?(?:[ibuvc]|ruby|rt|lang|font)(?:[ .][^>]*)?>|{_POSITION}")


@dataclass(frozen=True, slots=True)
class Cue:
    """One time range, with what is said in it, or by whom."""

    start: str
    end: str
    text: str | None = None
    speaker: str | None = None


def read_captions(text: str, kind: str) -> list[Cue]:
    """The cues of a file; raises ValueError with the line that cannot be read."""
    if kind == "rttm":
        return _read_rttm(text)
    cues = _read_cues(text)
    if kind != "vtt":
        return cues
    # Only in WebVTT is `&` written as a reference.
    return [replace(cue, text=cue.text and html.unescape(cue.text)) for cue in cues]


def describe_captions(
    at: RepositoryAt,
    own: Sequence[PublishedFile],
    published: Mapping[str, PublishedFile],
    kind: str,
    channel: int | None,
    asked: str | None,
) -> Split:
    """The slices of the cues beside the recordings of a split.

    Raises RequestInvalid if no recording has such a file, ShardUnreadable for one that is broken.
    """
    clips: list[PublishedFile] = []
    cuts: list[Cut] = []
    cues: list[Cue] = []
    ids: list[str] = []
    bare: list[str] = []
    for clip in own:
        stem = clip.path.rpartition(".")[0]
        beside = published.get(f"{stem}.{kind}") or published.get(f"{clip.path}.{kind}")
        if beside is None:
            bare.append(clip.path)
            continue
        for number, cue in enumerate(_fetch(at, beside, kind)):
            clips.append(clip)
            cues.append(cue)
            cuts.append(Cut(cue.start, cue.end, channel))
            ids.append(f"{stem.rpartition('/')[2]}-{number:04d}")
    if not cues:
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: no {kind} file beside the recordings has a time range",
            why=f"the request asks for segments of them; there are {len(own):,} recordings",
            mend="delete the line with segments, or name another kind of file",
        )
    order = in_order(clips, cuts)
    name = "speaker" if kind == "rttm" else "text"
    values = {
        "id": [ids[place] for place in order],
        name: [getattr(cues[place], name) for place in order],
    }
    audio = asked or loose.AUDIO
    schema = pa.schema([(audio, FILE_TYPE), *((each, pa.string()) for each in values)])
    rows = loose.Rows(
        len(order),
        clips=[clips[place] for place in order],
        values=values,
        cuts=[cuts[place] for place in order],
    )
    warnings = [
        f"{CUT_WARNING} of {count(len(own) - len(bare), 'recording')}, as {kind} files name "
        "them, in their order"
    ]
    warnings += warn_of_empty(at, cuts)
    if bare:
        warnings.append(
            f"left out: {count(len(bare), 'recording')} without {kind}, such as {bare[0]!r}"
        )
    return Split(list(loose.cut(rows, [audio, *values], {}, schema, audio)), tuple(warnings), audio)


def _fetch(at: RepositoryAt, file: PublishedFile, kind: str) -> list[Cue]:
    try:
        return read_captions(loose.fetch_text(at, file), kind)
    except ValueError as error:
        raise ShardUnreadable(
            f"{at.repo}@{at.commit[:7]}:{file.path} cannot be read as {kind}",
            why=in_a_line(str(error)),
            mend="report it to the dataset's owner, or request a revision with a sound file",
        ) from error


def _read_cues(text: str) -> list[Cue]:
    cues: list[Cue] = []
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip("\n").split("\n")
        at = next((n for n, line in enumerate(lines[:2]) if "-->" in line), None)
        if at is None:
            # The head of a vtt, a note or a style.
            continue
        found = _CUE.fullmatch(lines[at])
        start, end = _NO_TIMES
        if found is not None:
            start, end = _clock(found.groups()[:4]), _clock(found.groups()[4:])
        words = " ".join(_without_tags(line).strip() for line in lines[at + 1 :])
        cues.append(Cue(start, end, words.strip()))
    return cues


def _without_tags(line: str) -> str:
    # Without a `>` behind it, each beginning of a tag would be looked through to the line's end.
    head, end, rest = line.rpartition(">")
    return _TAG.sub("", head + end) + re.sub(_POSITION, "", rest)


def _clock(parts: Sequence[str | None]) -> str:
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return f"{whole}.{(fraction or '0').ljust(3, '0')}"


def _read_rttm(text: str) -> list[Cue]:
    cues: list[Cue] = []
    for number, line in enumerate(text.split("\n"), 1):
        parts = line.split()
        if not parts or parts[0] != "SPEAKER":
            continue
        if len(parts) < 8:
            raise ValueError(f"line {number} has {len(parts)} fields, where 8 are the least")
        try:
            start, duration = to_seconds(parts[3]), to_seconds(parts[4])
        except ValueError:
            cues.append(Cue(*_NO_TIMES, speaker=parts[7]))
            continue
        end = str(Decimal(start) + Decimal(duration))
        cues.append(Cue(start, end, speaker=parts[7]))
    return cues
