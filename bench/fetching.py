"""Fetching with a limit of bytes a second per connection: wall time against what the limit allows.

    python bench/fetching.py [--files 20] [--size-mb 8] [--large-mb 300] [--rate-mb 1] [--slots 5]

Publishes files of random bytes on a loopback Hub that sends each answer at --rate-mb MB/s, and
fetches them as a run does: the small files with as many threads as slots, then the large one alone,
which idle slots divide. Prints, for both, MB/s, and the wall time as a multiple of the time that all
slots need at full use.
"""

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from hugflow.store.slots import Slots
from hugflow.testing.faults import Match, Throttle
from hugflow.testing.hub import LoopbackHub

HF_ID = "bench/fetching"
MB = 1_000_000


def fetch_all(hf_id: str, folder: Path, paths: Sequence[str], slots: int) -> tuple[int, float]:
    """Fetch files with as many threads as slots. Bytes, and wall seconds."""
    from hugflow.clients.hub import Hub
    from hugflow.clients.repository import RepoId

    client, repo = Hub(), RepoId.dataset(hf_id)
    commit = client.fetch_repository(repo, "main").commit
    files = client.fetch_files(repo, commit, paths)
    places = Slots(folder / "slots", slots)
    began = time.monotonic()
    with ThreadPoolExecutor(slots) as pool:
        calls = [
            pool.submit(client.fetch_file, repo, commit, file, folder / file.path, slots=places)
            for file in files
        ]
        for call in calls:
            call.result()
    return sum(file.size_bytes for file in files), time.monotonic() - began


def throttled(hub: LoopbackHub, bytes_per_s: float) -> AbstractContextManager[object]:
    """While it is entered, every connection gets no more than so many bytes a second."""
    return hub.faults(Throttle(bytes_per_s), when=Match(port="storage"), times=None)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--size-mb", type=float, default=8)
    parser.add_argument("--large-mb", type=float, default=300)
    parser.add_argument("--rate-mb", type=float, default=1)
    parser.add_argument("--slots", type=int, default=5)
    asked = parser.parse_args()
    block = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(1 << 15))

    def content(size_mb: float, seed: int) -> bytes:
        size = int(size_mb * MB)
        return (b"%16d" % seed + block * (size // len(block) + 1))[:size]

    small = {f"{n:03}.bin": content(asked.size_mb, n) for n in range(asked.files)}
    large = {"large.bin": content(asked.large_mb, asked.files)}
    with tempfile.TemporaryDirectory() as name, LoopbackHub() as hub:
        os.environ["HF_ENDPOINT"] = hub.endpoint
        hub.publish(HF_ID, {**small, **large})
        rate = asked.rate_mb * MB
        print("| files | wall s | MB/s | x all slots at full use |")
        print("| --- | --- | --- | --- |")
        for files in (small, large):
            with throttled(hub, rate):
                size, wall_s = fetch_all(HF_ID, Path(name), list(files), asked.slots)
            ideal_s = size / (asked.slots * rate)
            count = f"{len(files)} x {size / len(files) / MB:.0f} MB"
            mb_s = size / wall_s / MB
            print(f"| {count} | {wall_s:.1f} | {mb_s:.2f} | {wall_s / ideal_s:.2f} |", flush=True)


if __name__ == "__main__":
    main()
