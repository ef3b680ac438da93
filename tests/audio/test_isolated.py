"""MP3s made in child processes: the same ones, and a crash of theirs is a row's failure."""

import errno
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Timer

import numpy as np
import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import ClipRules
from hugflow.audio.convert import make_mp3
from hugflow.audio.isolated import IsolatedConverter
from hugflow.audio.spool import Stopped
from hugflow.errors import HugflowError
from hugflow.workers.by_module import open_workers
from hugflow.workers.pool import WorkerDied, WorkerFailed
from tests.audio.clips import tone, write, write_bare_mp3
from tests.crash.codec import crashing_codec, marked_clip

WAV = write(tone(9000, channels=2))
MP3 = write_bare_mp3(tone(9000))
STEREO_MP3 = write_bare_mp3(tone(9000, channels=2))
FULL_DISK = """
import errno, os
from hugflow.audio.spool import Spool

def refuse(spool, data):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

Spool.append = refuse
"""


@pytest.fixture
def converter() -> Iterator[IsolatedConverter]:
    with open_workers() as workers:
        yield IsolatedConverter(workers, copy_mp3=True)


def children() -> set[int]:
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return {int(pid) for pid in listed.read_text().split()}


@pytest.mark.parametrize(
    "value",
    [
        WAV,
        {"bytes": MP3, "path": "clips/ä.mp3"},
        {"bytes": write(tone(300_000), format="FLAC"), "path": None},
        {"array": tone(9000, channels=2).T, "sampling_rate": 44_100},
        {"array": np.zeros(900, np.int16), "sampling_rate": 8000.0, "path": "a"},
        {"array": [0.5, -0.5] * 900, "sampling_rate": 16_000},
    ],
)
def test_it_is_the_mp3_that_would_be_made_here(converter: IsolatedConverter, value: object):
    expected = make_mp3(value, copy_mp3=True)
    for _ in range(2):
        with converter(value) as mp3:
            assert (mp3.info, mp3.data) == (expected.info, expected.data)


@pytest.mark.parametrize("source", [WAV, MP3, STEREO_MP3])
@pytest.mark.parametrize("copy_mp3", [True, False])
def test_a_lent_file_becomes_the_mp3_of_its_bytes(tmp_path: Path, source: bytes, copy_mp3: bool):
    lent = []

    @contextmanager
    def lend(path: str) -> Iterator[Path]:
        lent.append(path)
        file = tmp_path / "lent"
        file.write_bytes(source)
        yield file
        file.write_bytes(b"taken back")

    expected = make_mp3({"bytes": source, "path": "clips/a"}, copy_mp3=copy_mp3)
    with open_workers() as workers:
        converter = IsolatedConverter(workers, copy_mp3=copy_mp3, lend_file=lend)
        with converter({"path": "clips/a"}) as mp3:
            assert (mp3.info, mp3.data) == (expected.info, expected.data)
    assert lent == ["clips/a"]


def test_an_mp3_that_is_copied_needs_no_process(converter: IsolatedConverter):
    before = children()
    with converter(MP3) as mp3:
        assert mp3.info.copied
    assert children() == before
    converter(WAV).close()
    assert children() != before


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"RIFF\x00\x00\x00\x00WAVE", "audio_undecodable"),
        (b"no sound", "audio_unsupported"),
        (None, "audio_missing"),
        ({"array": np.array([object()]), "sampling_rate": 8000}, "audio_unsupported"),
        ({"path": "a.mp3"}, "audio_unsupported"),
    ],
)
def test_what_is_bad_is_as_bad_there(converter: IsolatedConverter, value: object, code: str):
    with pytest.raises(AudioBad) as here:
        make_mp3(value, copy_mp3=True)
    with pytest.raises(AudioBad) as there:
        converter(value)
    assert (there.value.code, there.value.message) == (here.value.code, here.value.message)
    assert there.value.code == code


@pytest.mark.parametrize(("crash", "how"), [("native", "SIGSEGV"), ("exit", "left with status 1")])
def test_a_codec_that_ends_its_process_fails_its_clip_and_no_other(
    converter: IsolatedConverter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    crash: str,
    how: str,
):
    for name, value in crashing_codec(tmp_path, crash).items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        with pytest.raises(AudioBad, match=how) as crashed:
            converter(marked_clip())
        assert crashed.value.code == "codec_crashed"
        converter(WAV).close()


def test_a_clip_that_does_not_crash_a_new_process_is_made(
    converter: IsolatedConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in crashing_codec(tmp_path, "once").items():
        monkeypatch.setenv(name, value)
    with converter(marked_clip()) as mp3:
        assert mp3.info.source_sampling_rate == 7_777
    assert (tmp_path / "crashed").exists()


def test_clips_at_work_beside_a_crash_are_made(
    converter: IsolatedConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in crashing_codec(tmp_path).items():
        monkeypatch.setenv(name, value)

    def make(clip: bytes) -> str:
        try:
            with converter(clip) as mp3:
                return mp3.info.source_format
        except AudioBad as bad:
            return bad.code

    clips = [WAV, marked_clip(), WAV, marked_clip(), WAV, WAV]
    with ThreadPoolExecutor(3) as threads:
        made = list(threads.map(make, clips))
    assert made == ["wav", "codec_crashed", "wav", "codec_crashed", "wav", "wav"]


def test_short_clips_are_made_together_and_the_others_are_left(converter: IsolatedConverter):
    long = write(np.random.default_rng(1).uniform(-1, 1, 100_000))
    values = [WAV, {"bytes": STEREO_MP3, "path": "b"}, long, MP3, b"no sound", None, {"path": "c"}]
    made = converter.make_together(values)
    assert [mp3 is not None for mp3 in made] == [True, True, False, True, False, False, False]
    for value, mp3 in zip(values, made, strict=True):
        if mp3 is not None:
            expected = make_mp3(value, copy_mp3=True)
            assert (mp3.info, mp3.data) == (expected.info, expected.data)


def test_mp3s_that_are_copied_together_need_no_process(converter: IsolatedConverter):
    before = children()
    assert [mp3 and mp3.info.copied for mp3 in converter.make_together([MP3, MP3])] == [True] * 2
    assert children() == before


def test_clips_that_are_copied_and_measured_are_asked_for_one_by_one():
    with open_workers() as workers:
        converter = IsolatedConverter(workers, copy_mp3=True, rules=ClipRules(measure="all"))
        assert converter.make_together([MP3, WAV]) == [None, None]


def test_a_crash_among_clips_that_are_made_together_is_blamed_on_its_own_alone(
    converter: IsolatedConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in crashing_codec(tmp_path).items():
        monkeypatch.setenv(name, value)
    clips = [WAV, marked_clip(), WAV]
    assert converter.make_together(clips) == [None] * 3
    for clip in (WAV, WAV):
        converter(clip).close()
    with pytest.raises(AudioBad, match="SIGSEGV") as crashed:
        converter(clips[1])
    assert crashed.value.code == "codec_crashed"


def test_an_error_of_the_disk_or_of_the_code_leaves_all_clips_to_be_asked_for_alone(
    converter: IsolatedConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "sitecustomize.py").write_text(FULL_DISK, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert converter.make_together([WAV, WAV]) == [None, None]
    with open_workers() as workers:
        (tmp_path / "sitecustomize.py").write_text(
            FULL_DISK.replace("OSError", "KeyError"), "utf-8"
        )
        other = IsolatedConverter(workers, copy_mp3=True)
        assert other.make_together([WAV, WAV]) == [None, None]
        with pytest.raises(WorkerFailed):
            other(WAV)


def test_a_disk_that_is_full_there_is_full_here(
    converter: IsolatedConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "sitecustomize.py").write_text(FULL_DISK, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(OSError, match="No space left") as full:
        converter(WAV)
    assert full.value.errno == errno.ENOSPC


def test_who_stops_the_whole_group_does_not_fail_the_clip(converter: IsolatedConverter):
    before = children()
    converter(WAV).close()
    [process] = children() - before
    os.kill(process, signal.SIGTERM)
    time.sleep(0.1)
    converter(WAV).close()
    assert children() - before == {process}


def test_no_secret_reaches_the_process(
    converter: IsolatedConverter, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_TOKEN", "hf_made-up")
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://made-up")
    before = children()
    converter(WAV).close()
    [process] = children() - before
    assert b"made-up" not in Path(f"/proc/{process}/environ").read_bytes()


def test_one_that_is_told_to_stop_waits_for_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(silent))
    stop, before = Event(), children()
    Timer(0.3, stop.set).start()
    with open_workers() as workers, pytest.raises(Stopped):
        IsolatedConverter(workers, copy_mp3=True, stop=stop)(WAV)
    assert children() == before


def test_they_end_with_their_pool():
    before = children()
    with open_workers() as workers:
        IsolatedConverter(workers, copy_mp3=True)(WAV).close()
        assert len(children() - before) == 1
    assert children() == before


def test_a_process_that_somebody_ends_twice_is_no_clips_doing(
    converter: IsolatedConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ended = tmp_path / "python"
    ended.write_text("#!/bin/sh\nkill -TERM $$\n")
    ended.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(ended))
    with pytest.raises(WorkerDied, match="ended by SIGTERM as it was started"):
        converter(WAV)


def test_a_process_that_cannot_be_started_is_no_clips_doing(
    converter: IsolatedConverter, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(HugflowError, match="cannot be started") as failed:
        converter(WAV)
    assert not isinstance(failed.value, AudioBad)


def test_what_is_known_of_a_clip_there_is_known_here(converter: IsolatedConverter):
    opposite = np.hstack([tone(9000), -tone(9000)])
    assert converter(write(opposite, format="FLAC")).info.level == "anti_phase"
    assert converter(WAV).info.level is None
