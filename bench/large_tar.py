"""Memory of a large tar: `python bench/large_tar.py [CLIPS ...]`.

Publishes WebDataset tars of so many clips of 250 kB each (1,200 and 20,000: 300 MB and 5 GB) on a
loopback Hub, and makes the datasets by `hugflow local-sync`. The clips are short, of many channels,
so that encoding is a small part. Prints, for each tar, the memory of the largest process, CPU seconds
and wall time. The tars are sparse files, but fetched bytes take their room: twice the size is needed.
"""

import json
import logging
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from hugflow.testing.hub import LoopbackHub

PEAK_MB = 350.0
CLIP_BYTES, CHANNELS, RATE_HZ = 250_000, 8, 48_000
# A small process between us and the command: a child begins with its parent's peak memory.
LAUNCHER = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def main() -> None:
    """Measure, and print the table."""
    # The Hub's server says so when a client has read enough of a file.
    logging.disable(logging.WARNING)
    counts = [int(each) for each in sys.argv[1:]] or [1_200, 20_000]
    print("| tar | clips | largest process MB | CPU s | wall s |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name, LoopbackHub() as hub:
        os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": f"{name}/hf", "WORKERS": "2"}
        for count in counts:
            print(measure(hub, Path(name), count), flush=True)


def measure(hub: LoopbackHub, folder: Path, count: int) -> str:
    """Make a dataset of one tar, and give its line of the table."""
    tar = folder / f"{count}.tar"
    write_tar(tar, count)
    hub.publish(f"bench/tar-{count}", {"data/train-00000.tar": tar})
    project = folder / f"project-{count}"
    (project / "requests" / "add").mkdir(parents=True)
    (project / "workspace.yaml").touch()
    request = project / "requests" / "add" / "tar.yaml"
    request.write_text(f"hf_id: bench/tar-{count}\ndescription: a large tar\n")
    hugflow = str(Path(sys.executable).with_name("hugflow"))
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, hugflow, "local-sync", str(request)],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    wall_s = time.monotonic() - began
    code, cpu_s, peak_mb = json.loads(done.stdout)
    made = sum(1 for path in project.rglob("*.mp3"))
    if code or made != count:
        sys.exit(f"{made} of {count} clips were made:\n{done.stderr}")
    kept = "" if peak_mb < PEAK_MB else f" (limit {PEAK_MB:.0f}: NOT KEPT)"
    size = f"{tar.stat().st_size / 1e9:.1f} GB"
    tar.unlink()
    return f"| {size} | {count:,} | {peak_mb:.0f}{kept} | {cpu_s:.0f} | {wall_s:.0f} |"


def write_tar(path: Path, count: int) -> None:
    """Clips of silence, each with a text; their samples are holes of the file."""
    head = wav_header(CLIP_BYTES)
    with path.open("wb") as file:
        for number in range(count):
            text = f"row {number}".encode()
            for name, data, size in (
                (f"clip_{number:06}.wav", head, CLIP_BYTES),
                (f"clip_{number:06}.txt", text, len(text)),
            ):
                info = tarfile.TarInfo(name)
                info.size = size
                file.write(info.tobuf(format=tarfile.USTAR_FORMAT) + data)
                file.seek(file.tell() - len(data) + -(-size // 512) * 512)
        file.truncate(file.tell() + 1024)


def wav_header(size: int) -> bytes:
    """The head of a WAV of 32-bit floats, which has `size` bytes as a whole."""
    frame = 4 * CHANNELS
    samples = (size - 44) // frame * frame
    form = struct.pack("<HHIIHH", 3, CHANNELS, RATE_HZ, RATE_HZ * frame, frame, 32)
    return (
        struct.pack("<4sI4s4sI", b"RIFF", size - 8, b"WAVE", b"fmt ", len(form))
        + form
        + struct.pack("<4sI", b"data", samples)
    )


if __name__ == "__main__":
    main()
