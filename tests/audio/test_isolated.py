"""MP3s made in child processes: the same ones, and a crash of theirs is a row's failure."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Timer

import numpy as np
import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.convert import make_mp3
from hugflow.audio.isolated import IsolatedConverter
from hugflow.audio.spool import Stopped
from hugflow.errors import HugflowError
from tests.audio.clips import tone, write, write_bare_mp3
from tests.audio.test_paths import Lender
from tests.crash.codec import crashing_codec, marked_clip

WAV = write(tone(9000, channels=2))
MP3 = write_bare_mp3(tone(9000))


@pytest.fixture
def converter() -> Iterator[IsolatedConverter]:
    with closing(IsolatedConverter(copy_mp3=True)) as converter:
        yield converter


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


def test_a_lent_file_is_read_while_it_is_lent():
    lender = Lender({"a.mp3": MP3})
    with (
        closing(IsolatedConverter(copy_mp3=True, open_path=lender)) as converter,
        converter({"path": "a.mp3"}) as mp3,
    ):
        assert mp3.data == MP3


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


def test_a_codec_that_crashes_fails_its_clip_and_no_other(
    converter: IsolatedConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in crashing_codec(tmp_path).items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        with pytest.raises(AudioBad, match="SIGSEGV") as crashed:
            converter(marked_clip())
        assert crashed.value.code == "codec_crashed"
        converter(WAV).close()


def test_a_process_that_leaves_by_itself_is_no_crash(
    converter: IsolatedConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in crashing_codec(tmp_path, "exit").items():
        monkeypatch.setenv(name, value)
    with converter(marked_clip()) as mp3:
        assert mp3.info.source_sampling_rate == 7_777


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
    with closing(IsolatedConverter(copy_mp3=True, stop=stop)) as converter, pytest.raises(Stopped):
        converter(WAV)
    assert children() == before


def test_they_end_with_their_owner(converter: IsolatedConverter):
    before = children()
    converter(WAV).close()
    assert len(children() - before) == 1
    converter.close()
    assert children() == before


def test_a_process_that_somebody_ends_is_no_crash(
    converter: IsolatedConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ended = tmp_path / "python"
    ended.write_text("#!/bin/sh\nkill -TERM $$\n")
    ended.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(ended))
    with converter(WAV) as mp3:
        assert mp3.info.num_samples == 9000


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
