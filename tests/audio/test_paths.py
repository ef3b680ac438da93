"""Audio that is a path alone, lent by whoever knows which file it means."""

import mmap
from contextlib import contextmanager

import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.convert import Converter, make_mp3
from tests.audio.clips import tone, write, write_bare_mp3


class Lender:
    """Lends the files of a folder, and takes them back: what is left of them is scribbled over."""

    def __init__(self, files):
        self._files = {path: bytearray(data) for path, data in files.items()}
        self.lent = []

    @contextmanager
    def __call__(self, path):
        if path.startswith("/"):
            raise AudioBad("path_refused", f"the path {path!r} leads out of the repository")
        if path not in self._files:
            raise AudioBad("path_not_found", f"the repository has no file {path!r}")
        self.lent.append(path)
        data = self._files[path]
        try:
            yield memoryview(data)
        finally:
            data[:] = bytes(len(data))


WAV = write(tone(9000, channels=2))
FLAC = write(tone(9000, 96_000), 96_000, format="FLAC")
MONO_MP3 = write_bare_mp3(tone(9000))
STEREO_MP3 = write_bare_mp3(tone(9000, channels=2))


@pytest.mark.parametrize("source", [WAV, FLAC, MONO_MP3, STEREO_MP3])
def test_a_lent_file_becomes_the_mp3_of_its_bytes(source):
    lender = Lender({"clips/a": source})
    mp3 = make_mp3({"bytes": None, "path": "clips/a"}, copy_mp3=True, open_path=lender)
    expected = make_mp3({"bytes": source, "path": "clips/a"}, copy_mp3=True)
    assert (mp3.data, mp3.info) == (expected.data, expected.info)
    assert lender.lent == ["clips/a"]


def test_an_mp3_that_passes_as_it_is_outlives_what_was_lent():
    with Converter(copy_mp3=True, open_path=Lender({"a.mp3": MONO_MP3}))({"path": "a.mp3"}) as mp3:
        assert mp3.info.copied
        assert (mp3.data, mp3.size_bytes) == (MONO_MP3, len(MONO_MP3))


def test_a_long_mp3_that_is_lent_is_copied_through_the_spill_folder(tmp_path):
    long = write_bare_mp3(tone(2_000_000, 48_000), 48_000, kbps=320) * 6
    lender = Lender({"a.mp3": long})
    with make_mp3({"path": "a.mp3"}, copy_mp3=True, open_path=lender, spill_folder=tmp_path) as mp3:
        assert mp3.info.copied
        assert mp3.data == long
    with pytest.raises(FileNotFoundError):
        make_mp3(
            {"path": "a.mp3"},
            copy_mp3=True,
            open_path=Lender({"a.mp3": long}),
            spill_folder=tmp_path / "missing",
        )


@pytest.mark.parametrize("copy_mp3", [True, False])
def test_a_mapped_file_may_be_lent(tmp_path, copy_mp3):
    (tmp_path / "a.mp3").write_bytes(MONO_MP3)

    @contextmanager
    def lend(path):
        with (tmp_path / path).open("rb") as file:
            yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    mp3 = make_mp3({"path": "a.mp3"}, copy_mp3=copy_mp3, open_path=lend)
    assert mp3.data == make_mp3(MONO_MP3, copy_mp3=copy_mp3).data


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/etc/passwd", "path_refused"),
        ("missing.wav", "path_not_found"),
        ("empty.wav", "audio_empty"),
        ("junk.wav", "audio_unsupported"),
        ("half.wav", "audio_truncated"),
    ],
)
def test_a_file_that_gives_no_audio_has_a_code_for_it(path, code):
    lender = Lender({"empty.wav": b"", "junk.wav": b"junk" * 9, "half.wav": WAV[: len(WAV) // 2]})
    with pytest.raises(AudioBad) as caught:
        make_mp3({"path": path}, copy_mp3=True, open_path=lender)
    assert caught.value.code == code


def test_what_else_a_lender_raises_passes_through():
    @contextmanager
    def lend(path):
        raise ConnectionError(path)
        yield

    with pytest.raises(ConnectionError):
        make_mp3({"path": "a.wav"}, copy_mp3=True, open_path=lend)


@pytest.mark.parametrize("value", [{"bytes": WAV, "path": "a.wav"}, {"array": [0.5],
                         "sampling_rate": 8000, "path": "a.wav"}])  # fmt: skip
def test_a_path_beside_something_better_is_never_opened(value):
    lender = Lender({"a.wav": WAV})
    assert make_mp3(value, copy_mp3=True, open_path=lender).info.source_path == "a.wav"
    assert lender.lent == []


def test_a_path_that_nobody_opens_is_unsupported_and_shown_on_one_line():
    with pytest.raises(AudioBad) as caught:
        make_mp3({"path": "\x1b[2J\n\u202e" + "x" * 5000}, copy_mp3=True)
    assert caught.value.code == "audio_unsupported"
    assert caught.value.message.isprintable()
    assert len(caught.value.message) <= 300
    assert r"\x1b[2J\n\u202e" in caught.value.message
