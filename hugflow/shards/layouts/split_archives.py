"""Archives that are published in parts, which are not read: what they are, and what helps.

audio.z01 audio.z02 audio.zip              a split zip: the last part has the name of the whole
audio.zip.001 audio.zip.002                an archive that was cut
audio.tar.gz.partaa audio.tar.gz.partab
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hugflow.amounts import count
from hugflow.errors import RequestInvalid
from hugflow.redact import in_a_line

_SPLIT_ZIP: Final = re.compile(r"\.z[0-9]{2,3}$", re.IGNORECASE)
_CUT: Final = re.compile(
    r"\.(?:zip|tgz|tar|tar\.(?:gz|bz2|xz|zst)|7z|rar)"
    r"(?P<part>[._-]?part[._-]?[0-9a-z]{1,4}|[._-][0-9]{1,4}|[._-]?a[a-z]{1,2})$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SplitArchive:
    """An archive in parts. whole: its path as one file. joining: the command that joins it."""

    whole: str
    parts: int
    joining: str

    @property
    def what(self) -> str:
        """It in a few words."""
        return f"{in_a_line(self.whole)!r} is an archive in {count(self.parts, 'part')}"


def find_split_archives(paths: Iterable[str]) -> list[SplitArchive]:
    """The archives in parts among the files of a repository, by path."""
    all_paths = {*paths}
    zips: dict[str, int] = {}
    cut: dict[str, int] = {}
    for path in all_paths:
        if found := _SPLIT_ZIP.search(path):
            whole = f"{path[: found.start()]}.zip"
            if whole in all_paths:
                zips[whole] = zips.get(whole, 1) + 1
        elif found := _CUT.search(path):
            whole = path[: found.start("part")]
            cut[whole] = cut.get(whole, 0) + 1
    split = [SplitArchive(path, n, _join_zip(path)) for path, n in zips.items()]
    split += [
        SplitArchive(path, n, _join_cut(path))
        for path, n in cut.items()
        if n > 1 and path not in all_paths
    ]
    return sorted(split, key=lambda each: each.whole)


def split_error(at: str, archive: SplitArchive) -> RequestInvalid:
    """The error for an archive in parts. at: the repository at its commit, as errors name it."""
    return RequestInvalid(
        f"{at}: {archive.what}",
        why="an archive is read as one file: neither its directory nor its members are whole in "
        "one of its parts",
        mend=f"fetch the parts, join them (`{archive.joining}`), and read the whole with "
        "`hugflow import`; or ask the dataset's owner to publish it as one file, or as tars",
    )


def _join_zip(path: str) -> str:
    name = _quoted(path)
    return f"zip -s 0 {name} --out whole.zip"


def _join_cut(path: str) -> str:
    name = _quoted(path)
    return f"cat {name}?* > {name}"


def _quoted(path: str) -> str:
    """The name of a file as one word of a command, which is no option and runs nothing."""
    name = in_a_line(path.rpartition("/")[2])
    return shlex.quote(f"./{name}" if name.startswith("-") else name)
