"""Conversion and checks in child processes: a codec crash kills a child process, not the run.

What a child process is asked, and what it answers:

    {"module": "hugflow.audio.isolated",
     "make": {"path": "a.flac", "rules": {...}, "copy": false, "spill": null}}
                                                                     and the clip's bytes
    {..., "make": {"path": null, ..., "rate": 16000}}                and its samples, a .npy
    {..., "make": {"path": "a.wav", ..., "file": "/state/raw/1f.."}}
    {"info": {"sampling_rate": 16000, ...}}                          and the MP3
    {..., "make_together": {"clips": [[3400, "a.flac"], ...], "rules": {...}}}
                                                                     and the clips' bytes
    {"made": [[{"sampling_rate": 16000, ...}, 12800], [null, 0], ...]}      and the MP3s
    {..., "find_faults": {"path": "audio/a.mp3", "sampling_rate": 16000, "num_samples": 32000}}
    {"faults": ["its num_samples is 31999, where 32000 is recorded"]}
    {"bad": ["audio_empty", "the audio has no samples"]}
    {"refused": [28, "No space left on device", null]}               an OSError

Short clips are asked for several at once, and one by one if they are not made then. A clip is blamed
for a crash only if a new child process dies of it too, asked for it alone while no other works.
"""

import io
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import asdict, field, fields
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Any, Final, TypeAlias

import numpy as np

from hugflow.audio.bad import CRASHED, AudioBad
from hugflow.audio.clip import DEFAULT_RULES, ClipRules
from hugflow.audio.convert import Converter, copy_if_sound, copy_out, make_mp3
from hugflow.audio.encoding import Encoding
from hugflow.audio.mapped_file import open_mapped
from hugflow.audio.mp3 import AudioInfo, Mp3
from hugflow.audio.quality import read_quality
from hugflow.audio.sound import find_faults
from hugflow.audio.spool import Spool
from hugflow.audio.together import make_together
from hugflow.audio.value import (
    AudioValue,
    EncodedAudio,
    NamedAudio,
    SampledAudio,
    read_audio_value,
)
from hugflow.late_dataclass import dataclass
from hugflow.workers.by_module import ask_again_alone, open_workers
from hugflow.workers.channel import HALF_BYTES, Bytes, Header, Take
from hugflow.workers.child import Answer
from hugflow.workers.pool import WorkerDied, WorkerFailed, WorkerPool

log = logging.getLogger(__name__)

# Lends the file that a dataset's path means, and refuses every other with AudioBad
# (`path_refused`, `path_not_found`).
LendFile: TypeAlias = Callable[[str], AbstractContextManager[Path]]

_MODULE: Final = __name__
# The most bytes, as published, of a clip that is made together with others.
SHORT_BYTES: Final = 128 << 10
# The most bytes of all of them; more would not fit into the memory that a worker shares with us.
TOGETHER_BYTES: Final = HALF_BYTES
_INFO_FIELDS: Final = tuple(each.name for each in fields(AudioInfo))


@dataclass(slots=True)
class IsolatedConverter:
    """Makes the MP3s of one shard as `make_mp3` does, each in a child process.

    workers: a pool of `open_workers`, which the caller closes. lend_file: for audio that is a path
    alone. The other fields are `make_mp3`'s.

    As many child processes run as there are calls at once; each makes one clip after the other.
    What needs no decoding is done here: an MP3 that is copied needs no child process.
    Raises AudioBad (`codec_crashed`) for a clip that kills them.
    """

    workers: WorkerPool
    copy_mp3: bool
    lend_file: LendFile | None = None
    spill_folder: Path | None = None
    stop: Event | None = None
    rules: ClipRules = DEFAULT_RULES
    _here: Converter = field(init=False)
    _asked: Header = field(init=False)

    def __post_init__(self) -> None:
        """Start nothing yet."""
        self._here = Converter(self.copy_mp3, None, self.spill_folder, self.stop, self.rules)
        # The same for each clip.
        self._asked = {
            "rules": asdict(self.rules),
            "copy": self.copy_mp3 and not self._copies_here,
            "spill": None if self.spill_folder is None else str(self.spill_folder),
        }

    def __call__(self, value: AudioValue) -> Mp3:
        """Make one row's MP3."""
        match read_audio_value(value):
            case EncodedAudio() as audio:
                copied = copy_if_sound(audio, self.rules) if self._copies_here else None
                return copied or self._make({"path": audio.path}, audio.data)
            case NamedAudio(path) if self.lend_file is not None:
                with self.lend_file(path) as file:
                    copied = self._copy_file(file, path) if self._copies_here else None
                    return copied or self._make({"path": path, "file": str(file)})
            case SampledAudio(np.ndarray() as array, int() | float() as rate, path) if (
                not array.dtype.hasobject
            ):
                npy = io.BytesIO()
                np.save(npy, array, allow_pickle=False)
                return self._make({"path": path, "rate": rate}, npy.getbuffer())
            case audio:
                # No dataset has it: a decoder object, or samples that are refused.
                return self._here(audio)

    def make_together(self, values: Sequence[AudioValue]) -> list[Mp3 | None]:
        """Make the MP3s of a few rows, in less time than one by one.

        None for a row that is still to be asked for alone: whose clip is not short, or fails; and
        for all of them if the child process dies, so that none is blamed for another.
        """
        made: list[Mp3 | None] = [None] * len(values)
        short: dict[int, EncodedAudio] = {}
        for at, value in enumerate(values):
            # What is bad is told when it is asked for alone.
            with suppress(AudioBad):
                audio = read_audio_value(value)
                if not isinstance(audio, EncodedAudio) or len(audio.data) > SHORT_BYTES:
                    continue
                made[at] = copy_if_sound(audio, self.rules) if self._copies_here else None
                if made[at] is None:
                    short[at] = audio
        if len(short) > 1 and not self._asked["copy"]:
            for at, mp3 in zip(short, self._make_short([*short.values()]), strict=True):
                made[at] = mp3
        return made

    def _make_short(self, clips: Sequence[EncodedAudio]) -> list[Mp3 | None]:
        asked = {
            "clips": [[len(audio.data), audio.path] for audio in clips],
            "rules": self._asked["rules"],
        }
        bodies = bytearray()
        try:
            answer = self.workers.ask(
                {"module": _MODULE, "make_together": asked},
                b"".join(audio.data for audio in clips),
                doing="make some MP3s",
                into=bodies.extend,
                stop=self.stop,
            )
        except (WorkerDied, WorkerFailed) as error:
            log.info("%s; they are tried again, one by one", error.what)
            answer = {}
        made: list[Mp3 | None] = []
        left = memoryview(bodies)
        # After an error of the child process there is no list.
        for info, size in answer.get("made", [[None, 0]] * len(clips)):
            body, left = bytes(left[:size]), left[size:]
            made.append(None if info is None else Mp3(_read_info(info), b"", body))
        return made

    @property
    def _copies_here(self) -> bool:
        """Whether a copied MP3 is neither decoded nor encoded, so that it can be copied here."""
        return self.copy_mp3 and self.rules.measure != "all"

    def _copy_file(self, file: Path, path: str) -> Mp3 | None:
        with open_mapped(file) as data:
            copied = copy_if_sound(EncodedAudio(data, path), self.rules)
            return None if copied is None else copy_out(copied, self._new_spool)

    def _make(self, clip: Header, data: Bytes = b"") -> Mp3:
        question = {"make": {**clip, **self._asked}}
        body = self._new_spool()

        def restart() -> Take:
            nonlocal body
            body.close()
            body = self._new_spool()
            return body.append

        try:
            answer = _ask(self.workers, question, data, "make an MP3", restart, self.stop)
        except BaseException:
            body.close()
            raise
        return Mp3(_read_info(answer["info"]), b"", body)

    def _new_spool(self) -> Spool:
        return Spool(self.spill_folder, self.stop)


class IsolatedFindFaults:
    """Looks for faults as `find_faults` does, each MP3 in a child process."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._workers = open_workers()

    def __call__(self, mp3: Path, *, sampling_rate: int, num_samples: int) -> list[str]:
        """The faults of an MP3 file, in words.

        Raises AudioBad (`codec_crashed`) where it kills child processes, else what `find_faults` does.
        """
        # Here, so that an MP3 that cannot be opened is an OSError.
        os.close(os.open(mp3, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        recorded = {"sampling_rate": sampling_rate, "num_samples": num_samples}
        question = {"find_faults": {"path": str(mp3), **recorded}}
        answer = _ask(self._workers, question, b"", "decode an MP3", lambda: _take_nothing)
        return [str(fault) for fault in answer["faults"]]

    def close(self) -> None:
        """End the child processes; none is at work any more."""
        self._workers.close()


def answer(header: Header, data: Bytes) -> Answer:
    """In a child process: answer a question of this module."""
    try:
        if "find_faults" in header:
            asked = header["find_faults"]
            return Answer({"faults": find_faults(Path(asked.pop("path")), **asked)})
        if "make_together" in header:
            return _answer_together(header["make_together"], data)
        mp3 = _make_asked(header["make"], data)
    except AudioBad as bad:
        return Answer({"bad": [bad.code, bad.message]})
    except OSError as error:
        return Answer({"refused": [error.errno, error.strerror, error.filename]})
    return Answer({"info": _to_json(mp3.info)}, _pieces(mp3), mp3.size_bytes)


def _answer_together(asked: dict[str, Any], data: Bytes) -> Answer:
    view, clips = memoryview(data), []
    for size, path in asked["clips"]:
        clips.append(EncodedAudio(view[:size], path))
        view = view[size:]
    mp3s = make_together(clips, _read_rules(asked["rules"]))
    listed = [[None, 0] if mp3 is None else [_to_json(mp3.info), mp3.size_bytes] for mp3 in mp3s]
    made = [mp3 for mp3 in mp3s if mp3 is not None]
    pieces = chain.from_iterable(map(_pieces, made))
    return Answer({"made": listed}, pieces, sum(mp3.size_bytes for mp3 in made))


def _ask(
    workers: WorkerPool,
    question: Header,
    data: Bytes,
    doing: str,
    restart: Callable[[], Take],
    stop: Event | None = None,
) -> Header:
    """An answer that is no error. restart: gives what takes the bytes of an answer, from its start.

    Raises AudioBad, OSError, and what is no clip's fault: WorkerDied, WorkerFailed, Stopped.
    """

    def ask(alone: bool) -> Header:
        header = {"module": _MODULE, **question}
        return workers.ask(header, data, doing=doing, into=restart(), stop=stop, alone=alone)

    try:
        found = ask_again_alone(ask)
    except WorkerDied as died:
        if not died.is_crash:
            raise
        message = f"the process that decoded or encoded it {died.how}"
        raise AudioBad(CRASHED, message) from died
    except WorkerFailed as failed:
        log.error("%s", failed.trace)  # noqa: TRY400  # the traceback of another process
        raise
    if "bad" in found:
        raise AudioBad(*found["bad"])
    if "refused" in found:
        raise OSError(*found["refused"])
    return found


def _make_asked(asked: dict[str, Any], data: Bytes) -> Mp3:
    make = partial(
        make_mp3,
        copy_mp3=asked["copy"],
        spill_folder=None if asked["spill"] is None else Path(asked["spill"]),
        rules=_read_rules(asked["rules"]),
    )
    if "file" in asked:
        file = Path(asked["file"])
        return make(NamedAudio(asked["path"]), open_path=lambda path: open_mapped(file))
    if "rate" in asked:
        array = np.load(io.BytesIO(data), allow_pickle=False)
        return make(SampledAudio(array, asked["rate"], asked["path"]))
    return make(EncodedAudio(memoryview(data), asked["path"]))


def _read_rules(asked: dict[str, Any]) -> ClipRules:
    return ClipRules(**{**asked, "encoding": Encoding(**asked["encoding"])})


def _to_json(info: AudioInfo) -> dict[str, Any]:
    """As `asdict`, which copies each value deeply and takes ten times as long."""
    quality = None if info.quality is None else info.quality.to_json()
    return {name: getattr(info, name) for name in _INFO_FIELDS} | {"quality": quality}


def _read_info(info: dict[str, Any]) -> AudioInfo:
    own = {"repaired": tuple(info["repaired"]), "quality": read_quality(info["quality"])}
    return AudioInfo(**info | own)


def _pieces(mp3: Mp3) -> Iterator[Bytes]:
    with closing(mp3):
        yield from mp3.pieces()


def _take_nothing(piece: Bytes) -> None:
    pass
