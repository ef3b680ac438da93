"""MP3s made in processes of their own: a codec that crashes on a clip takes down no other row.

It costs a process' start and two copies of each clip, so it is done only where one has crashed.
What goes to a process and what comes back are frames: two lengths, a JSON, and bytes.

    {"path": "a.flac", "copy_mp3": true}                             the clip's bytes
    {"path": null, "copy_mp3": true, "rate": 16000}                  its samples, a .npy
    {"info": {"sampling_rate": 16000, "num_samples": 32000, ...}}    the MP3
    {"bad": ["audio_empty", "the audio has no samples"]}
"""

import io
import json
import os
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import IO, Any, TypeAlias

import numpy as np

from hugflow.audio.bad import AudioBad
from hugflow.audio.convert import OpenPath, make_mp3
from hugflow.audio.mp3 import AudioInfo, Mp3
from hugflow.audio.spool import Spool, Stopped
from hugflow.audio.value import (
    Audio,
    AudioValue,
    EncodedAudio,
    NamedAudio,
    SampledAudio,
    read_audio_value,
    view_bytes,
)
from hugflow.redact import without_secrets

CRASHED = "codec_crashed"
_LENGTHS = struct.Struct("<IQ")
_PIECE_BYTES = 1 << 20
_LOOK_EVERY_S = 0.2

Bytes: TypeAlias = bytes | bytearray | memoryview
Process: TypeAlias = "subprocess.Popen[bytes]"


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
    _idle: list[Process] = field(default_factory=list, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

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
        for process in self._idle:
            _end(process)
        self._idle.clear()

    def _try(self, audio: Audio) -> Mp3 | None:
        """One MP3; None of what cannot be sent, and where a process ended by itself."""
        frame = _to_frame(audio, copy_mp3=self.copy_mp3)
        if frame is None:
            return None
        process = self._take()
        try:
            answer = self._exchange(process, *frame)
        except BaseException:
            _end(process)
            raise
        if answer is None:
            _refuse_crash(_end(process))
            return None
        with self._lock:
            self._idle.append(process)
        if isinstance(answer, AudioBad):
            raise answer
        return answer

    def _exchange(
        self, process: Process, header: dict[str, Any], data: Bytes
    ) -> Mp3 | AudioBad | None:
        """Send a clip, and read what becomes of it; None where nothing comes back."""
        with suppress(BrokenPipeError):
            _write_frame(_pipe(process.stdin), header, [data], len(data))
        answers = _pipe(process.stdout)
        lengths = b"".join(self._read(answers, _LENGTHS.size))
        if len(lengths) < _LENGTHS.size:
            return None
        header_bytes, size = _LENGTHS.unpack(lengths)
        text = b"".join(self._read(answers, header_bytes))
        if len(text) < header_bytes:
            return None
        answer = json.loads(text)
        if "bad" in answer:
            return AudioBad(*answer["bad"])
        body = Spool(self.spill_folder, self.stop)
        try:
            for piece in self._read(answers, size):
                body.append(piece)
        except BaseException:
            body.close()
            raise
        if len(body) == size:
            return Mp3(AudioInfo(**answer["info"]), b"", body)
        body.close()
        return None

    def _read(self, pipe: IO[bytes], size: int) -> Iterator[bytes]:
        """So many bytes, fewer where the process ends; raises Stopped."""
        # Not `select`, which takes no descriptor above 1023.
        ready = select.poll()
        ready.register(pipe, select.POLLIN)
        while size:
            while not ready.poll(_LOOK_EVERY_S * 1000):
                if self.stop is not None and self.stop.is_set():
                    raise Stopped
            piece = os.read(pipe.fileno(), min(size, _PIECE_BYTES))
            if not piece:
                return
            size -= len(piece)
            yield piece

    def _take(self) -> Process:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        # `-P`: a folder named `hugflow` in the working directory is not ours. A session of its own:
        # who interrupts us from a terminal does not interrupt it.
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "hugflow.audio.apart"],
            env=without_secrets(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )


def main() -> None:
    """Answer frames on stdin with frames on stdout until there are no more."""
    # Whoever stops a whole group of processes stops the one that we work for.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Whatever a library may print goes nowhere, and not between the frames.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with suppress(BrokenPipeError):
        while lengths := sys.stdin.buffer.read(_LENGTHS.size):
            header_bytes, size = _LENGTHS.unpack(lengths)
            header = json.loads(sys.stdin.buffer.read(header_bytes))
            try:
                audio = _from_frame(header, sys.stdin.buffer.read(size))
                with make_mp3(audio, copy_mp3=header["copy_mp3"]) as mp3:
                    answer = {"info": asdict(mp3.info)}
                    _write_frame(answers, answer, mp3.pieces(), mp3.size_bytes)
            except AudioBad as bad:
                _write_frame(answers, {"bad": [bad.code, bad.message]}, (), 0)


def _to_frame(audio: Audio, *, copy_mp3: bool) -> tuple[dict[str, Any], Bytes] | None:
    """A clip as a process is given it; None for what is neither bytes nor an array."""
    match audio:
        case EncodedAudio(data, path):
            return {"path": path, "copy_mp3": copy_mp3}, data
        case SampledAudio(np.ndarray() as array, int() | float() as rate, path):
            if array.dtype.hasobject:
                return None
            npy = io.BytesIO()
            np.save(npy, array, allow_pickle=False)
            return {"path": path, "copy_mp3": copy_mp3, "rate": rate}, npy.getbuffer()
        case _:
            return None


def _from_frame(header: dict[str, Any], data: bytes) -> Audio:
    if "rate" not in header:
        return EncodedAudio(data, header["path"])
    array = np.load(io.BytesIO(data), allow_pickle=False)
    return SampledAudio(array, header["rate"], header["path"])


def _write_frame(
    pipe: IO[bytes], header: dict[str, Any], pieces: Iterable[Bytes], size: int
) -> None:
    text = json.dumps(header).encode()
    for piece in (_LENGTHS.pack(len(text), size) + text, *pieces):
        view = memoryview(piece).cast("B")
        while view:
            view = view[os.write(pipe.fileno(), view[:_PIECE_BYTES]) :]


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("it was started with pipes")
    return pipe


def _end(process: Process) -> int:
    """End a process, if it has not ended by itself; gives how it ended."""
    with suppress(BrokenPipeError):
        _pipe(process.stdin).close()
    _pipe(process.stdout).close()
    try:
        return process.wait(1.0)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _refuse_crash(status: int) -> None:
    """Raise AudioBad for a process that a signal ended."""
    if status < 0:
        name = signal.Signals(-status).name
        raise AudioBad(CRASHED, f"the process that decoded and encoded it was ended by {name}")


if __name__ == "__main__":
    main()
