"""Clips that are files of their own, while they are read."""

import mmap
import time
from pathlib import Path

from hugflow.audio.mapped_file import FORGET_EVERY_S, LARGE_BYTES, kept_small

PAGE_BYTES = 4096


def resident_bytes() -> int:
    """What of this process lies in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def test_what_was_read_of_a_large_file_leaves_memory_and_can_be_read_again(tmp_path: Path):
    path = tmp_path / "large"
    size = 3 * LARGE_BYTES
    with path.open("wb") as file:
        for at in range(0, size, 1 << 20):
            file.write((at >> 20).to_bytes(1, "big") * (1 << 20))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    before = resident_bytes()
    with kept_small(mapped):
        for at in range(0, size, PAGE_BYTES):
            assert mapped[at] == at >> 20
        time.sleep(5 * FORGET_EVERY_S)
        assert resident_bytes() - before < LARGE_BYTES
        assert mapped[1 << 20] == 1
