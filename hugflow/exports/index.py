"""The index: the made rows of one shard as a parquet table, without the audio bytes.

`hugflow.exports.index_table` writes it and documents its form. This module answers what
small commands ask about it, so that they need not load the parquet writer.
"""

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from hugflow.exports.export import Export, Foreseen, Size

if TYPE_CHECKING:
    from hugflow.ledger.journal import RowMade

# Bytes of the parts that only the index has: numbers, names and lengths of the clips.
_OWN_ROW_BYTES = 60


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def audio_info(row: "RowMade") -> dict[str, object] | None:
    """The contract's `audio_info` of a row, in its order; None in a text-only dataset.

    Of most clips it has no `repaired` and no `level`; the index has neither of any.
    """
    audio = row.audio
    if audio is None:
        return None
    return {
        "path": f"audio/{row.stem}.mp3",
        "source_path": audio.source_path,
        "sampling_rate": audio.sampling_rate,
        "num_samples": audio.num_samples,
        "duration": audio.duration,
        "source_format": audio.source_format,
        "source_sampling_rate": audio.source_sampling_rate,
        "source_channels": audio.source_channels,
        "bitrate_kbps": audio.bitrate_kbps,
        "copied": audio.copied,
        **audio.notes,
    }


def _foresee(foreseen: Foreseen) -> Size:
    """A file for each shard, in a folder; compressed, its columns take half of their bytes."""
    size = round((foreseen.row_bytes / 2 + _OWN_ROW_BYTES) * foreseen.rows)
    return Size(files=len(foreseen.plan.shards) + 1, bytes=size)


INDEX = Export(
    name="index",
    names=re.compile(r"[0-9]{5,}-of-[0-9]{5,}\.parquet"),
    foresee=_foresee,
    folder="index",
)
