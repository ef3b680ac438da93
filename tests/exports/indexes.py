"""Index files made by hand, for what reads them."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.audio.mp3 import AudioInfo
from hugflow.ledger.journal import RowMade
from hugflow.rows.audio_info import audio_infos
from hugflow.shards.features import AUDIO_INFO_TYPE


def info_of(seconds: float, *, rate: int = 16_000, copied: bool = False) -> AudioInfo:
    """A clip of that length: a copied one was an MP3, another a FLAC."""
    source_format = "mp3" if copied else "flac"
    samples = round(seconds * rate)
    return AudioInfo(rate, samples, source_format, rate, 1, 160, copied, None)


def write_index_of(path: Path, texts: Sequence[str | None], infos: Sequence[AudioInfo]) -> Path:
    """An index of these rows; without audio when there are no `infos`."""
    columns = {"row": pa.array(range(len(texts))), "text": pa.array(texts, pa.string())}
    if infos:
        made = [RowMade(row, str(row), 1, 1, info) for row, info in enumerate(infos)]
        columns["audio_info"] = pa.array(
            [audio_infos(row, ("audio",))["audio_info"] for row in made], AUDIO_INFO_TYPE
        )
    pq.write_table(pa.table(columns), path)
    return path
