"""Conversion and checks in child processes: a codec crash kills a child process, not the run.

What a child process is asked, and what it answers:

    {"make": {"path": "a.flac", "copy_mp3": true, "rules": {...}}}     and the clip's bytes
    {"make": {"path": null, ..., "rate": 16000}}                      and its samples, a .npy
    {"info": {"sampling_rate": 16000, ...}}                          and the MP3
    {"find_faults": {"path": "audio/a.mp3", "sampling_rate": 16000, "num_samples": 32000}}
    {"faults": ["its num_samples is 31999, where 32000 is recorded"]}
    {"bad": ["audio_empty", "the audio has no samples"]}
"""

import io
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from hugflow.audio.bad import CRASHED, AudioBad
from hugflow.audio.clip import DEFAULT_RULES, ClipRules
from hugflow.audio.convert import OpenPath, make_mp3
from hugflow.audio.mp3 import AudioInfo, Mp3
from hugflow.audio.sound import find_faults
from hugflow.audio.spool import Spool
from hugflow.audio.value import (
    Audio,
    AudioValue,
    EncodedAudio,
    NamedAudio,
    SampledAudio,
    read_audio_value,
    view_bytes,
)
from hugflow.workers.channel import Bytes, Header, Take
from hugflow.workers.child import Answer, AnswerQuestion
from hugflow.workers.pool import WorkerDied, WorkerFailed, WorkerPool


@dataclass(slots=True)
class IsolatedConverter:
    """Makes MP3s as `make_mp3` does, each in a child process; the fields are `make_mp3`'s.

    As many child processes run as there are calls at once; each makes one clip after the other.
    Raises AudioBad (`codec_crashed`) where a clip kills one.
    """

    copy_mp3: bool
    open_path: OpenPath | None = None
    spill_folder: Path | None = None
    stop: Event | None = None
    rules: ClipRules = DEFAULT_RULES
    _workers: WorkerPool = field(init=False)

    def __post_init__(self) -> None:
        """Start nothing yet."""
        self._workers = WorkerPool(prepare, self.stop)

    def __call__(self, value: AudioValue) -> Mp3:
        """Make one row's MP3."""
        audio = read_audio_value(value)
        if isinstance(audio, NamedAudio) and self.open_path is not None:
            with self.open_path(audio.path) as data:
                mp3 = self._try(EncodedAudio(view_bytes(data), audio.path))
        else:
            mp3 = self._try(audio)
        if mp3 is not None:
            return mp3
        return make_mp3(
            audio,
            copy_mp3=self.copy_mp3,
            open_path=self.open_path,
            spill_folder=self.spill_folder,
            stop=self.stop,
            rules=self.rules,
        )

    def close(self) -> None:
        """End the child processes; none is at work any more."""
        self._workers.close()

    def _try(self, audio: Audio) -> Mp3 | None:
        """One MP3; None where the audio cannot be sent, and where a child process gave no answer."""
        asked = {"copy_mp3": self.copy_mp3, "rules": asdict(self.rules)}
        question = _to_question(audio, asked)
        if question is None:
            return None
        body = Spool(self.spill_folder, self.stop)
        try:
            answer = _ask(self._workers, *question, doing="make an MP3", into=body.append)
        except BaseException:
            body.close()
            raise
        if answer is None:
            body.close()
            return None
        info = answer["info"]
        info = AudioInfo(**info | {"repaired": tuple(info["repaired"])})
        return Mp3(info, b"", body)


class IsolatedFindFaults:
    """Looks for faults as `find_faults` does, each MP3 in a child process."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._workers = WorkerPool(prepare)

    def __call__(self, mp3: Path, *, sampling_rate: int, num_samples: int) -> list[str]:
        """The faults of an MP3 file, in words.

        Raises AudioBad (`codec_crashed`) where it kills a child process, else what `find_faults` does.
        """
        recorded = {"sampling_rate": sampling_rate, "num_samples": num_samples}
        # Here, so that an MP3 that cannot be opened is an OSError.
        os.close(os.open(mp3, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        question = {"find_faults": {"path": str(mp3), **recorded}}
        answer = _ask(self._workers, question, doing="decode an MP3")
        if answer is None:
            return find_faults(mp3, **recorded)
        return [str(fault) for fault in answer["faults"]]

    def close(self) -> None:
        """End the child processes; none is at work any more."""
        self._workers.close()


def prepare() -> AnswerQuestion:
    """In the child process: what answers the questions of this module."""
    return _answer


def _ask(
    workers: WorkerPool,
    question: Header,
    data: Bytes = b"",
    *,
    doing: str,
    into: Take = lambda piece: None,
) -> Header | None:
    """An answer; None where none came and the clip is not to blame. Raises AudioBad."""
    try:
        answer = workers.ask(question, data, doing=doing, into=into)
    except WorkerDied as died:
        if not died.is_crash:
            return None
        message = f"the process that decoded or encoded it {died.how}"
        raise AudioBad(CRASHED, message) from died
    except WorkerFailed:
        # The same error, where its traceback is seen.
        return None
    if "bad" in answer:
        raise AudioBad(*answer["bad"])
    return answer


def _answer(header: Header, data: Bytes) -> Answer:
    try:
        if "find_faults" in header:
            asked = header["find_faults"]
            return Answer({"faults": find_faults(Path(asked.pop("path")), **asked)})
        asked = header["make"]
        rules = ClipRules(**asked["rules"])
        mp3 = make_mp3(_from_question(asked, data), copy_mp3=asked["copy_mp3"], rules=rules)
    except AudioBad as bad:
        return Answer({"bad": [bad.code, bad.message]})
    return Answer({"info": asdict(mp3.info)}, _pieces(mp3), mp3.size_bytes)


def _pieces(mp3: Mp3) -> Iterator[Bytes]:
    with closing(mp3):
        yield from mp3.pieces()


def _to_question(audio: Audio, asked: Header) -> tuple[Header, Bytes] | None:
    """A clip as a child process is sent it; None for what is neither bytes nor an array."""
    match audio:
        case EncodedAudio(data, path):
            return {"make": {**asked, "path": path}}, data
        case SampledAudio(np.ndarray() as array, int() | float() as rate, path):
            if array.dtype.hasobject:
                return None
            npy = io.BytesIO()
            np.save(npy, array, allow_pickle=False)
            return {"make": {**asked, "path": path, "rate": rate}}, npy.getbuffer()
        case _:
            return None


def _from_question(asked: dict[str, Any], data: Bytes) -> Audio:
    if "rate" not in asked:
        return EncodedAudio(memoryview(data), asked["path"])
    array = np.load(io.BytesIO(data), allow_pickle=False)
    return SampledAudio(array, asked["rate"], asked["path"])
