"""Archives that are published in parts, by the names of the parts.

audio.z01 audio.z02 audio.zip              a spanned zip: the last part has the name of the whole
audio.zip.001 audio.zip.002                an archive that was cut
audio.tar.gz.partaa audio.tar.gz.partab

A tar, tar.gz or zip in parts is read as one archive; see `published_archives`. For other archives
an error names the command that joins them.
"""

import re
import shlex
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from hugflow.amounts import count
from hugflow.errors import RequestInvalid
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.shards.layouts.archives import is_archive

# Endings of whole archives that are not read.
UNREAD_ARCHIVES: Final = (
    *(".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz", ".tar.zst", ".tzst", ".tar.lz4"),
    *(".7z", ".rar"),
)
_SPANNED: Final = re.compile(r"(?P<stem>.*)\.z(?P<part>[0-9]{2,3})$", re.IGNORECASE | re.DOTALL)
_CUT: Final = re.compile(
    r"(?P<whole>.*\.(?:zip|tgz|tar|tar\.(?:gz|bz2|xz|zst)|7z|rar))"
    r"(?P<mark>[._-]?part[._-]?|[._-]|(?=a))(?P<part>[0-9]{1,4}|a(?:[a-z]|[a-c][a-z]))$",
    re.IGNORECASE | re.DOTALL,
)
# A part with such a name is one even if it is alone.
_SURE: Final = re.compile(r"\.(?:part.*|[0-9]{3})$", re.IGNORECASE | re.DOTALL)
_MOST_MISSING: Final = 100


@dataclass(frozen=True, slots=True)
class SplitArchive:
    """An archive in parts.

    whole: its path as one file. parts: the paths of its parts, in order.
    missing: paths of parts that the names of the others count, and that are not there.
    joining: the command that joins it.
    """

    whole: str
    parts: tuple[str, ...]
    joining: str
    missing: tuple[str, ...] = ()

    @property
    def is_read(self) -> bool:
        """Whether its parts are read as one archive."""
        return is_archive(self.whole)

    @property
    def what(self) -> str:
        """It in a few words."""
        return f"{in_a_line(self.whole)!r} is an archive in {count(len(self.parts), 'part')}"


def find_split_archives(paths: Iterable[str]) -> list[SplitArchive]:
    """The archives in parts among the files of a repository, by path."""
    all_paths = {*paths}
    spanned: dict[str, dict[int, str]] = {}
    cut: dict[tuple[str, str], dict[str, str]] = {}
    for path in all_paths:
        if found := _SPANNED.match(path):
            spanned.setdefault(found["stem"], {})[int(found["part"])] = path
        elif (found := _CUT.match(path)) and found["whole"] not in all_paths:
            cut.setdefault((found["whole"], found["mark"]), {})[found["part"]] = path
    split = [_spanned(stem, parts, all_paths) for stem, parts in spanned.items()]
    for (whole, mark), by_name in cut.items():
        if len(by_name) > 1 or all(map(_SURE.search, by_name.values())):
            split.append(_cut(whole, mark, by_name))
    return sorted(split, key=lambda each: (each.whole, each.parts))


def whole_paths(paths: Sequence[str]) -> list[str]:
    """The paths, with the path of the whole in the place of the parts of an archive that is read."""
    split = [each for each in find_split_archives(paths) if each.is_read]
    parts = {path for each in split for path in each.parts}
    return [path for path in paths if path not in parts] + [each.whole for each in split]


def published_paths(paths: Iterable[str], published: Sequence[str]) -> list[str]:
    """The reverse of `whole_paths`: the files that are published, for paths of whole archives."""
    parts = {each.whole: each.parts for each in find_split_archives(published) if each.is_read}
    return [each for path in paths for each in parts.get(path, (path,))]


def is_part(path: str) -> bool:
    """Whether a path may be that of a part of an archive that is read."""
    found = _CUT.match(path)
    return is_archive(found["whole"]) if found else _SPANNED.match(path) is not None


def is_part_of(path: str, ending: str) -> bool:
    """Whether a path may be that of a part of an archive that was cut and has such an ending."""
    found = _CUT.match(path)
    return found is not None and found["whole"].lower().endswith(ending)


def split_error(at: str, archive: SplitArchive) -> RequestInvalid:
    """The error for an archive in parts. at: the repository at its commit, as errors name it."""
    if archive.missing:
        return missing_error(at, archive.whole, archive.missing)
    return RequestInvalid(
        f"{at}: {archive.what}",
        why="of archives in parts only tar, tar.gz and zip are read",
        mend=f"ask the dataset's owner to publish it as one of these; or fetch the parts, join "
        f"them (`{archive.joining}`), pack the files as a zip, and read it with `hugflow import`",
    )


def missing_error(at: str, whole: str, missing: Sequence[str]) -> RequestInvalid:
    """The error for an archive of which parts are not published."""
    more = f" and {count(len(missing) - 1, 'more part')}" if missing[1:] else ""
    return RequestInvalid(
        f"{at}: {in_a_line(missing[0])!r}{more} of the archive {in_a_line(whole)!r} is missing",
        why="an archive in parts is read as one, so all of its parts are needed",
        mend="choose a revision that holds all parts, or ask the dataset's owner to publish them",
    )


def later_parts(archive: SplitArchive, parts: int) -> list[str]:
    """The paths that an archive's parts lack to be so many, as its directory may count them."""
    last = archive.parts[-1]
    found = _CUT.match(last)
    if found is not None:
        number = _number(found["part"])
        more = range(number + 1, number + 1 + parts - len(archive.parts))
        return [_name(found["part"], last[: found.start("part")], each) for each in more]
    found = _SPANNED.match(archive.parts[0])
    if found is None:
        return []
    lead = archive.parts[0][: found.start("part")]
    return [_name(found["part"], lead, each) for each in range(len(archive.parts), parts)]


def _spanned(stem: str, by_number: dict[int, str], all_paths: set[str]) -> SplitArchive:
    order = sorted(by_number)
    lead, digits = by_number[order[0]][: len(stem) + 2], by_number[order[0]][len(stem) + 2 :]
    missing = [_name(digits, lead, number) for number in _gaps(order, 1)]
    last = [path for path in (f"{stem}.zip", f"{stem}.ZIP") if path in all_paths][:1]
    whole = last[0] if last else f"{stem}.zip"
    parts = (*(by_number[number] for number in order), *last)
    return SplitArchive(whole, parts, _join_zip(whole), (*missing, *([] if last else [whole])))


def _cut(whole: str, mark: str, by_name: dict[str, str]) -> SplitArchive:
    order = sorted(by_name, key=lambda name: (_number(name), name))
    numbers = [_number(name) for name in order]
    # `split -d` counts from 0, 7-Zip from 1, and letters begin with a.
    begin = min(numbers[0], int(order[0].isdigit()))
    missing = [_name(order[0], f"{whole}{mark}", number) for number in _gaps(numbers, begin)]
    parts = tuple(by_name[name] for name in order)
    return SplitArchive(whole, parts, _join_cut(whole), tuple(missing))


def _gaps(numbers: Sequence[int], begin: int) -> list[int]:
    """The numbers from `begin` to the last that are not there, a hundred at most."""
    there = {*numbers}
    gaps = (number for number in range(begin, numbers[-1]) if number not in there)
    return [*islice(gaps, _MOST_MISSING)]


def _number(part: str) -> int:
    """The place of a part by its digits or letters."""
    if part.isdigit():
        return int(part)
    place = 0
    for letter in part.lower():
        place = place * 26 + ord(letter) - ord("a")
    return place


def _name(like: str, lead: str, number: int) -> str:
    """The path of a part with such a number, whose digits or letters are like those of another."""
    if like.isdigit():
        return f"{lead}{number:0{len(like)}}"
    letters = ""
    for _ in like:
        number, rest = divmod(number, 26)
        letters = chr(ord("A" if like[0].isupper() else "a") + rest) + letters
    return f"{lead}{letters}"


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
