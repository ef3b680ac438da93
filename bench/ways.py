"""Ways to make MP3s of the clips in a parquet file: `python bench/ways.py WAY FILE FOLDER`.

floor         libsndfile and LAME, no file written
dump          write the clips as files, for `xargs ffmpeg`
pydub         a loop over the rows, as many scripts have it
map           `datasets.map`, decoding with torchcodec, encoding with libsndfile
lhotse        lhotse's recordings, encoding with libsndfile

A way that needs what is not installed ends with code 3; `WAY?` only asks.
"""

import importlib.util
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

NOT_INSTALLED = 3
NEEDS = {"pydub": ("pydub",), "map": ("datasets", "torchcodec"), "lhotse": ("lhotse", "torch")}


def main() -> None:
    """Do one way."""
    way, file, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if any(importlib.util.find_spec(name) is None for name in NEEDS.get(way.rstrip("?"), ())):
        sys.exit(NOT_INSTALLED)
    if not way.endswith("?"):
        WAYS[way](file, folder)


def clips_of(file: Path) -> Iterator[tuple[int, bytes]]:
    """The clips of a parquet file, with their row numbers."""
    import pyarrow.parquet

    number = 0
    for batch in pyarrow.parquet.ParquetFile(file).iter_batches(16, columns=["audio"]):
        for value in batch.column("audio"):
            yield number, value["bytes"].as_py()
            number += 1


def floor(file: Path, folder: Path) -> None:
    """What nobody can do without."""
    from lame import decode_and_encode

    for _, clip in clips_of(file):
        decode_and_encode(clip)


def dump(file: Path, folder: Path) -> None:
    """The clips as files."""
    for number, clip in clips_of(file):
        (folder / f"{number}.bin").write_bytes(clip)


def pydub(file: Path, folder: Path) -> None:
    """Pydub runs ffmpeg once to decode and once to encode."""
    from pydub import AudioSegment

    for number, clip in clips_of(file):
        sound = AudioSegment.from_file(io.BytesIO(clip)).set_channels(1)
        sound.export(folder / f"{number}.mp3", format="mp3", bitrate=f"{kbps(sound.frame_rate)}k")


def datasets_map(file: Path, folder: Path) -> None:
    """Rows of `datasets`, decoded by torchcodec."""
    import soundfile
    from datasets import Audio, Dataset

    def make(row: dict[str, object], number: int) -> None:
        samples = row["audio"].get_all_samples()  # type: ignore[attr-defined]
        mono = samples.data.mean(dim=0).numpy()
        soundfile.write(folder / f"{number}.mp3", mono, samples.sample_rate, format="MP3")

    rows = Dataset.from_parquet(str(file)).cast_column("audio", Audio())
    rows.map(make, with_indices=True, keep_in_memory=True)


def lhotse(file: Path, folder: Path) -> None:
    """Recordings of lhotse."""
    import soundfile
    from lhotse import Recording

    for number, clip in clips_of(file):
        recording = Recording.from_bytes(clip, str(number))
        mono = recording.load_audio().mean(axis=0)
        soundfile.write(folder / f"{number}.mp3", mono, recording.sampling_rate, format="MP3")


def kbps(rate_hz: int) -> int:
    """The bitrate that Hugflow takes at a sample rate."""
    from hugflow.audio.encoding import BITRATE_KBPS_BY_RATE

    return BITRATE_KBPS_BY_RATE[rate_hz]


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "floor": floor, "dump": dump, "pydub": pydub, "map": datasets_map, "lhotse": lhotse,
}  # fmt: skip

if __name__ == "__main__":
    main()
