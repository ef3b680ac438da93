"""Which of the archives that a person names are parts of one, by their names.

cv-corpus.tar.gz.aa  cv-corpus.tar.gz.ab      parts of cv-corpus.tar.gz, in any order
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hugflow.errors import RequestInvalid, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.shards.layouts.split_archives import find_split_archives, is_part, split_error

# A single file of another name, as `a.tar.gz.1`, may be a second download of a whole one.
_FIRST_OF_MORE: Final = re.compile(r"(?:[._-]|part)aa?a?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GivenArchive:
    """An archive as a person has it. whole: its path as one file; parts: the files, in order."""

    whole: Path
    parts: tuple[Path, ...]


def group_parts(archives: Sequence[Path]) -> list[GivenArchive]:
    """The archives, in the order of their first files; raises UsageWrong if a part is missing."""
    by_path = {str(path): path for path in archives}
    whole_by_path: dict[str, GivenArchive] = {}
    for split in find_split_archives(by_path):
        if split.missing or not split.is_read:
            raise _refused(split_error("the archives to import", split))
        parts = tuple(by_path[path] for path in split.parts)
        whole_by_path |= dict.fromkeys(split.parts, GivenArchive(Path(split.whole), parts))
    for path in by_path:
        if path not in whole_by_path and is_part(path) and _FIRST_OF_MORE.search(path):
            raise UsageWrong(
                f"{path} is one part of an archive",
                why="its name says that more parts follow, and no other is named",
                mend=f"name all parts: hugflow import {path[:-1]}? ...",
            )
    found = [
        whole_by_path.get(path, GivenArchive(by_path[path], (by_path[path],))) for path in by_path
    ]
    return [*dict.fromkeys(found)]


def _refused(error: RequestInvalid) -> UsageWrong:
    mend = "download all parts, and name all of them"
    return UsageWrong(
        error.what, why=error.why, mend=mend if "missing" in error.what else error.mend
    )
