"""Long MP3s, which do not wait in memory."""

import errno
import os
import resource
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugflow.audio.convert import make_mp3
from hugflow.audio.mp3_frames import read_mp3
from hugflow.audio.spool import MAX_BYTES_IN_MEMORY, Spool, Stopped
from tests.audio.clips import decode, tone, write

# Of six minutes at 48 kHz, just above what may wait in memory.
LONG_FRAMES = 360 * 48_000


@pytest.fixture(scope="module")
def long_flac() -> bytes:
    """Six minutes of nothing."""
    return write(np.zeros((LONG_FRAMES, 1), np.int16), 48_000, format="FLAC")


@contextmanager
def files_limited_to(size_bytes):
    """Let this process write no file longer than this, as a disk that is full would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def open_files(folder):
    """How many files of this folder this process has open, those without a name too."""
    opened = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        # The descriptor that lists the folder is gone by now, and others may go at any time.
        with suppress(FileNotFoundError):
            opened += descriptor.readlink().is_relative_to(folder)
    return opened


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(0, 7 << 20), max_size=5), seed=st.integers(0, 9))
def test_what_was_appended_comes_back_in_order_and_as_often_as_asked(sizes, seed):
    chunks = [np.random.default_rng(seed).bytes(size) for size in sizes]
    spool = Spool(None)
    for chunk in chunks:
        spool.append(chunk)
    whole = b"".join(chunks)
    assert len(spool) == len(whole)
    assert b"".join(spool.pieces()) == b"".join(spool.pieces()) == whole
    spool.close()
    spool.close()


@pytest.mark.slow
def test_a_long_mp3_is_a_file_of_no_name_in_the_folder_until_it_is_closed(long_flac, tmp_path):
    with make_mp3(long_flac, copy_mp3=False, spill_folder=tmp_path) as mp3:
        assert open_files(tmp_path) == 1
        assert not list(tmp_path.iterdir())
        data = mp3.data
    assert open_files(tmp_path) == 0
    assert mp3.size_bytes == len(data) > MAX_BYTES_IN_MEMORY
    assert len(decode(data)) == mp3.info.num_samples == LONG_FRAMES
    file = read_mp3(data)
    assert file.streams[0].promised == file.streams[0].frames
    assert file.is_tidy


def test_an_mp3_that_fits_into_memory_touches_no_disk(tmp_path):
    mp3 = make_mp3(write(tone(100_000)), copy_mp3=False, spill_folder=tmp_path / "missing")
    assert b"".join(mp3.pieces()) == mp3.data
    assert mp3.size_bytes == len(mp3.data)


def test_a_long_mp3_passes_through_as_it_is_without_a_file(long_flac, tmp_path):
    with make_mp3(long_flac, copy_mp3=False, spill_folder=tmp_path) as mp3:
        data = mp3.data
    copied = make_mp3(data, copy_mp3=True, spill_folder=tmp_path / "missing")
    assert copied.info.copied
    assert [piece is data for piece in copied.pieces()] == [True]


def test_a_disk_that_is_full_is_no_error_of_a_row(long_flac, tmp_path):
    too_large = os.strerror(errno.EFBIG)
    with files_limited_to(1 << 20), pytest.raises(OSError, match=too_large):
        make_mp3(long_flac, copy_mp3=False, spill_folder=tmp_path)
    assert open_files(tmp_path) == 0


def test_a_folder_that_is_gone_is_no_error_of_a_row(long_flac, tmp_path):
    with pytest.raises(FileNotFoundError):
        make_mp3(long_flac, copy_mp3=False, spill_folder=tmp_path / "missing")


TWO_AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from hugflow.audio.convert import make_mp3

def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

def make(target):
    with make_mp3(source, copy_mp3=False, spill_folder=target.parent) as mp3, target.open("wb") as file:
        file.writelines(mp3.pieces())

folder = Path(sys.argv[1])
source = (folder / "long.flac").read_bytes()
before = peak_mb()
with ThreadPoolExecutor(2) as pool:
    list(pool.map(make, [folder / "0.mp3", folder / "1.mp3"]))
print(peak_mb() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("rate_hz", [8_000, 11_000])
def test_two_hours_twice_at_once_need_little_memory(rate_hz, tmp_path):
    frames = 2 * 3600 * rate_hz
    flac = write(np.zeros((frames, 1), np.int16), rate_hz, format="FLAC")
    (tmp_path / "long.flac").write_bytes(flac)
    ran = subprocess.run(
        [sys.executable, "-c", TWO_AT_ONCE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(ran.stdout) < 80
    first, second = (tmp_path / f"{number}.mp3" for number in (0, 1))
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size > 50_000_000


class StopsSoon(Event):
    """Set once it was asked a few times."""

    asked = 0

    def is_set(self) -> bool:
        self.asked += 1
        return self.asked > 3


def test_a_clip_that_is_being_encoded_is_given_up_when_the_work_is_to_end(long_flac: bytes):
    stop = StopsSoon()
    with pytest.raises(Stopped):
        make_mp3(long_flac, copy_mp3=False, stop=stop)
    assert stop.asked == 4
