"""The rows of a shard, read from its index."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.audio.mp3 import AudioInfo
from hugflow.errors import StateUnreadable
from hugflow.lean_start import Late
from hugflow.ledger.journal import AUDIO_FIELDS, Clip, RowMade, to_audio_info
from hugflow.names import info_names, mp3_paths
from hugflow.redact import in_a_line

if TYPE_CHECKING:
    import pyarrow.compute as pc
else:
    pc = Late("pyarrow.compute")

PIECE_ROWS = 256
SEARCHED_ROWS = 10_000


def read_indexed(
    index: Path, *, all_audio: tuple[str, ...], row: int | None = None, stem: str | None = None
) -> Iterator[list[RowMade]]:
    """The made rows of an index, in order, in pieces; without the sizes of files.

    all_audio: the audio columns that have MP3s, the main one first.
    row, stem: give only the row with this number, or with this stem.

    Raises StateUnreadable when the file is damaged, or is no index.
    """
    is_searched = row is not None or stem is not None
    columns = ["row", *info_names(all_audio)]
    try:
        # Open the file here: pyarrow would read a path to a folder as a folder of tables.
        with index.open("rb") as file, pq.ParquetFile(file) as table:
            for batch in table.iter_batches(
                SEARCHED_ROWS if is_searched else PIECE_ROWS, columns=columns
            ):
                found = _only(batch, row, stem) if is_searched else batch
                yield [_to_made(line, all_audio) for line in found.to_pylist()]
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise StateUnreadable(
            f"the index {index} cannot be read",
            why=in_a_line(str(error), 200) or type(error).__name__,
            mend="delete the file and sync the request again: it is made again",
        ) from error


def _only(batch: pa.RecordBatch, row: int | None, stem: str | None) -> pa.RecordBatch:
    """The wanted rows of a batch, found by Arrow and not one by one."""
    if row is not None:
        batch = batch.filter(pc.equal(batch.column("row"), row))
    if stem is not None:
        path = pc.struct_field(batch.column("audio_info"), "path")
        batch = batch.filter(pc.equal(path, f"audio/{stem}.mp3"))
    return batch


def _to_audio(info: dict[str, Any]) -> AudioInfo:
    notes = {"quality": info["quality"]} if info.get("quality") is not None else {}
    return to_audio_info([*(info[field] for field in AUDIO_FIELDS), *([notes] if notes else [])])


def _to_made(line: dict[str, Any], all_audio: tuple[str, ...]) -> RowMade:
    row = line["row"]
    if type(row) is not int or row < 0:
        raise ValueError(f"{row!r} is no number of a row")
    if not all_audio:
        return RowMade(row, str(row), None, None, None)
    infos = [line[name] for name in info_names(all_audio)]
    stem = infos[0]["path"].removeprefix("audio/").removesuffix(".mp3")
    for path, info in zip(mp3_paths(stem, all_audio), infos, strict=True):
        if info["path"] != path or not stem or "/" in stem:
            raise ValueError(f"row {row} names the MP3 {info['path']!r}")
    main, *others = map(_to_audio, infos)
    return RowMade(row, stem, None, None, main, tuple(Clip(None, other) for other in others))
