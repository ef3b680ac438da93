"""Markers: one stage of one shard is done.

`STATE_DIR/ledger/<name>/<plan id>/<shard>.<stage>.json`, written whole when the stage is done:

    {"version": 1, "rows": 498, "failed_rows": [14, 77], "bytes": 20318212, "seconds": 12.4, ...,
     "crc32": 3735928559}

`raw`: the file arrived with the promised size and hash.
`audio`: every row of the shard has its MP3, or a journal line with the reason why not.
`metadata`: the same for JSON and index.
"""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import Field

from hugflow.late_dataclass import dataclass
from hugflow.store.records import RecordForm

_Counts: TypeAlias = Annotated[Mapping[str, int], Field(exclude_if=lambda counts: not counts)]


@dataclass(frozen=True, slots=True)
class Marker:
    """What one stage made of one shard.

    rows: number of rows that exist.
    failed_rows: numbers of the failed rows, in order.
    bytes: bytes fetched or written.
    seconds: duration of the run that finished the stage.
    audio_seconds: length of all audio.
    copied: number of MP3s that were copied unchanged.
    repaired: number of clips by the code of a repair of their framing; absent if none.
    levels: number of clips by the code of what became of their sound; absent if none.
    lost: number of values that have no place in the columns, by field; absent if none.
    taken: the lines of tables that have a clip in the archive; see `hugflow.shards.taken_lines`.
    index_sha256, index_bytes: of the index file; None and 0 if the shard has no rows.
    """

    rows: int
    failed_rows: tuple[int, ...] = ()
    bytes: int = 0
    seconds: float = 0.0
    audio_seconds: float = 0.0
    copied: int = 0
    index_sha256: str | None = None
    index_bytes: int = 0
    repaired: _Counts = field(default_factory=dict)
    levels: _Counts = field(default_factory=dict)
    lost: _Counts = field(default_factory=dict)
    taken: Annotated[str, Field(exclude_if=lambda lines: not lines)] = ""


MARKER = RecordForm(
    Marker,
    "the marker",
    version=1,
    mend="delete the file: the stage is done again, and rows that exist are kept",
    is_summed=True,
)


def write_marker(path: Path, marker: Marker) -> None:
    """Write the marker whole."""
    MARKER.write(path, marker)


def read_marker(path: Path) -> Marker | None:
    """The marker; None if the stage is not done or its marker cannot be read."""
    return MARKER.read(path)
