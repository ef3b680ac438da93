"""Markers: one stage of one shard is done.

`STATE_DIR/ledger/<name>/<plan id>/<shard>.<stage>.json`, written whole when the stage is done:

    {"version": 1, "rows": 498, "failed_rows": [14, 77], "bytes": 20318212, "seconds": 12.4, ...}

`raw` tells that the file arrived with the promised size and hash; `audio` that every row of the
shard has its MP3 or a line in the journal that says why not; `metadata` the same of JSON and
index.
"""

import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

from hugflow.store.atomic import read_file, write_json

VERSION = 1


@dataclass(frozen=True, slots=True)
class Marker:
    """What one stage made of one shard.

    rows: rows that stand. failed_rows: their numbers, in order. bytes: fetched, or written.
    seconds: of work, in the run that ended it. audio_seconds: length of all its audio.
    copied: MP3s passed through byte for byte. index_sha256, index_bytes: of the index file; None and
    0 where the shard has no rows.
    """

    rows: int
    failed_rows: tuple[int, ...] = ()
    bytes: int = 0
    seconds: float = 0.0
    audio_seconds: float = 0.0
    copied: int = 0
    index_sha256: str | None = None
    index_bytes: int = 0


def write_marker(path: Path, marker: Marker) -> None:
    """Write the marker whole."""
    write_json(path, {"version": VERSION, **asdict(marker), "crc32": _crc(marker)})


def read_marker(path: Path) -> Marker | None:
    """The marker, or None when the stage is not done or its marker cannot be read."""
    try:
        value = json.loads(read_file(path))
        if value.pop("version") != VERSION:
            return None
        crc = value.pop("crc32")
        marker = Marker(**{**value, "failed_rows": tuple(value["failed_rows"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return marker if crc == _crc(marker) else None


def _crc(marker: Marker) -> int:
    """The CRC-32 of all it says: a damaged marker is no marker."""
    return zlib.crc32(json.dumps(asdict(marker), sort_keys=True).encode())
