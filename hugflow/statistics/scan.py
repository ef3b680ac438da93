"""Index files as a lazy frame: nothing is read before it is collected."""

import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl


def scan_index(files: Sequence[Path]) -> pl.LazyFrame:
    """The rows of index files of one dataset, in the order of the files.

    Names are taken literally: `[` and `*` in a folder's name are no pattern, and `a=b` is no
    column.
    """
    # A zone like `+05:30` makes polars panic, whichever column is read.
    os.environ.setdefault("POLARS_IGNORE_TIMEZONE_PARSE_ERROR", "1")
    return pl.scan_parquet(list(files), glob=False, hive_partitioning=False)
