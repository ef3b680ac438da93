"""Tars that an earlier export into a folder wrote, and a new one no longer names.

`tars/index.json` of `hugflow.exports.tars` lists them, with their sizes and their md5.
"""

import hashlib
import json
import logging
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import disk_errors, is_file

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EarlierTar:
    """A tar as the index describes it."""

    path: Path
    size_bytes: int
    md5: str


def read_earlier_tars(out: Path, dataset: str) -> list[EarlierTar]:
    """The tars of a dataset that the index in `out` lists; none without an index."""
    folder = out / "tars"
    own = re.compile(rf"{re.escape(dataset)}-[0-9]{{6}}\.tar")
    if folder.is_symlink():
        return []
    try:
        shards = json.loads((folder / "index.json").read_bytes())["shardlist"]
        return [tar for shard in shards if (tar := _read_tar(folder, shard, own)) is not None]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # Whatever it is, it is not ours.
        return []


def _read_tar(folder: Path, shard: Any, own: re.Pattern[str]) -> EarlierTar | None:
    match shard:
        case {"url": str(name), "filesize": int(size), "md5sum": str(md5)} if own.fullmatch(name):
            return EarlierTar(folder / name, size, md5)
        case _:
            return None


def delete_earlier_tars(earlier: Collection[EarlierTar], written: Collection[Path]) -> None:
    """Delete those that were not written again, each with its `.idx`.

    Deletes only tars that are unchanged since; a changed one belongs to the user.
    """
    for tar in earlier:
        if tar.path in written or not _is_unchanged(tar):
            continue
        with disk_errors(tar.path):
            tar.path.unlink(missing_ok=True)
            index = tar.path.with_suffix(".tar.idx")
            if is_file(index) and index not in written:
                index.unlink(missing_ok=True)
        log.info("deleted %s, which this export no longer names", tar.path)


def _is_unchanged(tar: EarlierTar) -> bool:
    with disk_errors(tar.path):
        if not is_file(tar.path) or tar.path.stat().st_size != tar.size_bytes:
            return False
        with tar.path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest() == tar.md5
