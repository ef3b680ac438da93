"""The index: the made rows of one shard as a parquet table, without the audio bytes.

`hugflow.exports.index_table` writes it and documents its form. This module answers what
small commands ask about it, so that they need not load the parquet writer.
"""

import re

from hugflow.exports.export import Export, Foreseen, Size

# Bytes of the parts that only the index has: numbers, names and lengths of the clips.
_OWN_ROW_BYTES = 60


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
