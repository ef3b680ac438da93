"""An MP3 of ours is looked at: a sound one has no faults, and what differs is told."""

import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugflow.audio import sound
from hugflow.audio.bad import AudioBad
from hugflow.audio.convert import make_mp3
from hugflow.audio.isolated import IsolatedFindFaults
from hugflow.audio.sound import find_faults
from tests.audio.clips import RATES_HZ, tone, write, write_bare_mp3
from tests.crash.codec import crashing_codec, marked_mp3

KBPS = (8, 24, 32, 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sound")


@pytest.fixture
def apart() -> Iterator[IsolatedFindFaults]:
    with closing(IsolatedFindFaults()) as apart:
        yield apart


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    rate_hz=st.sampled_from(RATES_HZ),
    kbps=st.sampled_from(KBPS),
    is_vbr=st.booleans(),
    num_samples=st.integers(1, 9000),
    copy_mp3=st.booleans(),
)
def test_what_was_made_of_any_mp3_without_a_tag_is_sound(
    folder, rate_hz, kbps, is_vbr, num_samples, copy_mp3
):
    bare = write_bare_mp3(tone(num_samples, rate_hz), rate_hz, kbps=kbps, is_vbr=is_vbr)
    made = make_mp3(bare, copy_mp3=copy_mp3)
    path = folder / "a.mp3"
    path.write_bytes(made.data)
    recorded = {
        "sampling_rate": made.info.sampling_rate,
        "num_samples": made.info.num_samples,
    }
    assert find_faults(path, **recorded) == []


@pytest.mark.parametrize("is_apart", [False, True])
def test_what_differs_is_told_in_words(tmp_path: Path, apart: IsolatedFindFaults, is_apart: bool):
    find = apart if is_apart else find_faults
    path = tmp_path / "ä b.mp3"
    path.write_bytes(make_mp3(write(tone(9000)), copy_mp3=False).data)
    assert find(path, sampling_rate=16_000, num_samples=9000) == []
    assert find(path, sampling_rate=8_000, num_samples=8_999) == [
        "its sampling_rate is 16000, where 8000 is recorded",
        "its num_samples is 9000, where 8999 is recorded",
    ]
    path.write_bytes(write(tone(9000, channels=2)))
    assert find(path, sampling_rate=16_000, num_samples=9000) == [
        "its format is wav, where mp3 is recorded",
        "its channels is 2, where 1 is recorded",
    ]
    path.write_bytes(b"no sound")
    with pytest.raises(AudioBad, match="libsndfile"):
        find(path, sampling_rate=16_000, num_samples=9000)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        find(path, sampling_rate=16_000, num_samples=9000)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_one_that_lacks_its_end_is_not_sound(tmp_path: Path, rate_hz: int):
    made = make_mp3(write_bare_mp3(tone(9000, rate_hz), rate_hz), copy_mp3=True)
    path = tmp_path / "a.mp3"
    path.write_bytes(made.data[: len(made.data) // 2])
    try:
        faults = find_faults(path, sampling_rate=rate_hz, num_samples=made.info.num_samples)
    except AudioBad:
        return
    assert any("num_samples" in fault for fault in faults)


def test_one_that_crashes_its_decoder_crashes_nothing_else(
    tmp_path: Path, apart: IsolatedFindFaults, monkeypatch: pytest.MonkeyPatch
):
    for name, value in crashing_codec(tmp_path).items():
        monkeypatch.setenv(name, value)
    crashing, sound = tmp_path / "a.mp3", tmp_path / "b.mp3"
    crashing.write_bytes(marked_mp3())
    sound.write_bytes(make_mp3(write(tone(9000)), copy_mp3=False).data)
    for _ in range(2):
        with pytest.raises(AudioBad, match="SIGSEGV") as crashed:
            apart(crashing, sampling_rate=11_025, num_samples=5512)
        assert crashed.value.code == "codec_crashed"
        assert apart(sound, sampling_rate=16_000, num_samples=9000) == []


@pytest.mark.slow
def test_a_long_mp3_is_looked_at_without_having_it_in_memory(tmp_path: Path):
    # Without a tag frames can be repeated; one and a half hours of them.
    bare = write_bare_mp3(tone(16_000 * 60), kbps=32)
    path = tmp_path / "night.mp3"
    path.write_bytes(bare * 90)
    tracemalloc.start()
    try:
        faults = find_faults(path, sampling_rate=16_000, num_samples=7)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 20 << 20
    assert peak < 4 << 20
    [fault] = faults
    assert fault.startswith("its num_samples is 86")


def test_from_disk_and_from_memory_the_same_faults_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "a.mp3"
    whole = make_mp3(write(tone(9000)), copy_mp3=False).data
    recorded = {"sampling_rate": 16_000, "num_samples": 9000}
    for data in (whole, whole[:-300], whole + b"x" * 50, b"\0" * 999):
        path.write_bytes(data)
        found = []
        for limit in (1 << 30, 0):
            monkeypatch.setattr(sound, "_MOST_BYTES_IN_MEMORY", limit)
            try:
                found.append(find_faults(path, **recorded))
            except AudioBad as bad:
                found.append([bad.code, bad.message])
        assert found[0] == found[1]
    path.unlink()
    with pytest.raises(OSError, match="No such file"):
        find_faults(path, **recorded)
