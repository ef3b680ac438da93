"""Clips in processes of their own: a codec that crashes on one takes down nothing else.

It costs the start of a process, and to make an MP3 two copies of each clip, so an MP3 is made so only
where a codec has crashed. What a process is asked, and what it answers:

    {"make": {"path": "a.flac", "copy_mp3": true}}                   and the clip's bytes
    {"make": {"path": null, "copy_mp3": true, "rate": 16000}}        and its samples, a .npy
    {"info": {"sampling_rate": 16000, ...}, "cancels": false}        and the MP3
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

from hugflow.audio.convert import OpenPath, make_mp3
from hugflow.audio.mp3 import AudioInfo, Mp3
from hugflow.audio.processes import Answer, Bytes, Header, Processes, answer_questions
from hugflow.audio.sound import find_faults
from hugflow.audio.value import (
    Audio,
    AudioValue,
    EncodedAudio,
    NamedAudio,
    SampledAudio,
    read_audio_value,
    view_bytes,
)

_MODULE = "hugflow.audio.apart"


@dataclass(slots=True)
class Apart:
    """Makes MP3s as `make_mp3` does, each in a process apart; the fields are `make_mp3`'s.

    As many processes run as there are calls at once; each makes one clip after the other.
    Raises AudioBad (`codec_crashed`) where one dies of a clip.
    """

    copy_mp3: bool
    open_path: OpenPath | None = None
    spill_folder: Path | None = None
    stop: Event | None = None
    _processes: Processes = field(init=False)

    def __post_init__(self) -> None:
        """Start nothing yet."""
        self._processes = Processes(_MODULE, self.spill_folder, self.stop)

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
        )

    def close(self) -> None:
        """End the processes; none is at work any more."""
        self._processes.close()

    def _try(self, audio: Audio) -> Mp3 | None:
        """One MP3; None of what cannot be sent, and where a process ended by itself."""
        frame = _to_frame(audio, copy_mp3=self.copy_mp3)
        answer = None if frame is None else self._processes.ask(*frame)
        if answer is None:
            return None
        header, body = answer
        return Mp3(AudioInfo(**header["info"]), b"", body, header["cancels"])


class FaultsApart:
    """Looks for faults as `find_faults` does, each MP3 in a process apart."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._processes = Processes(_MODULE)

    def __call__(self, mp3: Path, *, sampling_rate: int, num_samples: int) -> list[str]:
        """The faults of an MP3 file, in words.

        Raises AudioBad (`codec_crashed`) where a process dies of it, else what `find_faults` does.
        """
        recorded = {"sampling_rate": sampling_rate, "num_samples": num_samples}
        # What hinders from reading it is told here.
        os.close(os.open(mp3, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        answer = self._processes.ask({"find_faults": {"path": str(mp3), **recorded}})
        if answer is None:
            return find_faults(mp3, **recorded)
        header, body = answer
        body.close()
        return [str(fault) for fault in header["faults"]]

    def close(self) -> None:
        """End the processes; none is at work any more."""
        self._processes.close()


def _answer(header: Header, data: bytes) -> Answer:
    """In the process: what it is asked for."""
    if "find_faults" in header:
        asked = header["find_faults"]
        return Answer({"faults": find_faults(Path(asked.pop("path")), **asked)})
    asked = header["make"]
    mp3 = make_mp3(_from_frame(asked, data), copy_mp3=asked["copy_mp3"])
    header = {"info": asdict(mp3.info), "cancels": mp3.cancels}
    return Answer(header, _pieces(mp3), mp3.size_bytes)


def _pieces(mp3: Mp3) -> Iterator[Bytes]:
    with closing(mp3):
        yield from mp3.pieces()


def _to_frame(audio: Audio, *, copy_mp3: bool) -> tuple[Header, Bytes] | None:
    """A clip as a process is given it; None for what is neither bytes nor an array."""
    match audio:
        case EncodedAudio(data, path):
            return {"make": {"path": path, "copy_mp3": copy_mp3}}, data
        case SampledAudio(np.ndarray() as array, int() | float() as rate, path):
            if array.dtype.hasobject:
                return None
            npy = io.BytesIO()
            np.save(npy, array, allow_pickle=False)
            return {"make": {"path": path, "copy_mp3": copy_mp3, "rate": rate}}, npy.getbuffer()
        case _:
            return None


def _from_frame(asked: dict[str, Any], data: bytes) -> Audio:
    if "rate" not in asked:
        return EncodedAudio(data, asked["path"])
    array = np.load(io.BytesIO(data), allow_pickle=False)
    return SampledAudio(array, asked["rate"], asked["path"])


if __name__ == "__main__":
    answer_questions(_answer)
