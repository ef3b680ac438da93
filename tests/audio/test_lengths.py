"""AIFF, AU, CAF and W64 whose header does not say how long the sound is."""

import struct

import numpy as np
import pytest

from hugflow.audio.lengths import find_size
from tests.audio.clips import tone, write
from tests.audio.making import NO_REPAIRS, code_of, make

FORMATS = ("AIFF", "AU", "CAF", "W64")
FILES = {name: write(tone(16_000), format=name, subtype="PCM_16") for name in FORMATS}


def with_size(name, size):
    """The file with another size of its sound; of all ones where it is None."""
    field = find_size(FILES[name], name.lower())
    width = struct.calcsize(field.form)
    told = b"\xff" * width if size is None else struct.pack(field.form, size)
    return FILES[name][: field.at] + told + FILES[name][field.at + width :]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("AIFF", 0),
        ("AIFF", None),
        ("AIFF", 0x7F00_0008),
        ("AU", 0),
        ("AU", None),
        ("CAF", None),
        ("W64", 0),
        ("W64", None),
        ("W64", 2**63 - 1),
    ],
)
def test_a_file_written_into_a_pipe_is_as_long_as_all_that_follows(name, size):
    info, sound = make(with_size(name, size), NO_REPAIRS)
    assert (info.num_samples, info.source_format, info.repaired) == (16_000, name.lower(), ())
    assert np.array_equal(sound, make(FILES[name])[1])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [2_000, 16_000, 29_000])
def test_samples_that_the_header_does_not_count_make_a_clip_bad(name, size):
    assert code_of(with_size(name, size)) == "audio_undecodable"


@pytest.mark.parametrize(
    ("name", "chunk"),
    [
        ("AIFF", b"APPL" + struct.pack(">I", 5_120)),
        ("CAF", b"info" + struct.pack(">q", 5_120)),
        ("W64", b"list" + bytes(12) + struct.pack("<q", 24 + 5_120)),
    ],
)
def test_a_chunk_behind_the_samples_does_no_harm(name, chunk):
    behind = chunk + bytes(range(256)) * 20
    assert make(FILES[name] + behind)[0].num_samples == 16_000
