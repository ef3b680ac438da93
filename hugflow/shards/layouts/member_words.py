"""Which rows of a table mean which members of an archive, by the words in the table.

A word is a path or a name, with its ending or without. It means a member if both agree as far as
both have folders; of another ending only if no member has that of the word.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final, TypeAlias

import pyarrow as pa

from hugflow.shards.layouts.archives import ENDINGS
from hugflow.shards.layouts.clips import is_clip
from hugflow.shards.stems import iterate_filenames

Folders: TypeAlias = tuple[str, ...]

_LONGEST_FIRST: Final = sorted(ENDINGS, key=len, reverse=True)


class WordLines:
    """The lines of tables, found by the members that their words mean."""

    def __init__(self, words: Sequence[str | None]) -> None:
        """Group the lines by the names that their words may mean."""
        self._words = words
        self._lines: dict[str, list[int]] = {}
        for line, word in enumerate(words):
            for key in {*name_keys(word)} if word else ():
                self._lines.setdefault(key, []).append(line)
        self._by_folders: dict[tuple[str, int], dict[Folders, list[int]]] = {}

    def find(self, member: str) -> list[int]:
        """The lines whose word means a member: by its name with ending, else without."""
        for key in name_keys(member):
            lines = self._find(key, tuple(member.split("/")[:-1]))
            found = [line for line in lines if _fits(member, self._words[line] or "")]
            if found:
                return found
        return []

    def _find(self, key: str, folders: Folders) -> list[int]:
        """The lines of a name whose last folders are those of a member, as far as both have some.

        Many members may have one name, and folders of their own.
        """
        if key not in self._lines:
            return []
        depth = len(folders)
        by_folders = self._by_folders.get((key, depth))
        if by_folders is None:
            by_folders = self._by_folders[key, depth] = {}
            for line in self._lines[key]:
                own = _parts(self._words[line] or "")[:-1]
                by_folders.setdefault(tuple(own[-depth:] if depth else ()), []).append(line)
        # Of fewer than `depth` folders, there are words with just these.
        last = (folders[depth - number :] for number in range(depth + 1))
        return sorted(line for each in last for line in by_folders.get(each, ()))


class ExactMembers:
    """Whether a word with an ending is the very name of a member, which then is the one it means.

    members: gives all members of an archive; called where a word and a member differ in their
    endings, and only then.
    """

    def __init__(self, members: Callable[[], Iterable[str]]) -> None:
        """Look at nothing yet."""
        self._members = members

    def keep(self, member: str, lines: list[int], words: Sequence[str | None]) -> list[int]:
        """The lines that may mean a member; not those whose word is another one's very name.

        lines: those whose word has the member's name, with its ending or without.
        """
        name = member.rpartition("/")[2]
        return [
            line
            for line in lines
            if (word := words[line] or "").endswith(name) or not self._is_of_another(word, name)
        ]

    def _is_of_another(self, word: str, member_name: str) -> bool:
        name, stem = name_keys(word)
        if name in (stem, member_name):
            return False
        ends = ["/".join(each) for each in _ends(_parts(word))]
        return ends[0] in self._by_end or not self._paths.isdisjoint(ends)

    @cached_property
    def _paths(self) -> frozenset[str]:
        return frozenset(self._members())

    @cached_property
    def _by_end(self) -> frozenset[str]:
        return frozenset("/".join(end) for path in self._paths for end in _ends(path.split("/")))


def clip_lines(
    member: str,
    words: Sequence[str | None],
    lines: WordLines,
    archive: str,
    is_by_archive: bool,
) -> tuple[list[int], list[int]]:
    """The lines that may mean a clip, and those of them that surely do.

    archive: its path without ending.
    """
    meant = lines.find(member)
    if is_by_archive:
        meant = [line for line in meant if _is_of(words[line] or "", member, archive)]
    return meant, _settle(meant, words, f"{archive}/{member}")


def find_unclear(
    members: Iterable[tuple[str, Iterable[int]]], words: Sequence[str | None]
) -> dict[int, tuple[str, str]]:
    """The lines whose word fits clips in several folders, with two of these.

    members: the clips in their order, each with the lines that mean it. A line whose word is the
    path of its first clip is clear, and so is one whose clips differ in their endings alone.
    """
    first: list[str | None] = [None] * len(words)
    found: dict[int, tuple[str, str]] = {}
    for member, lines in members:
        for line in lines:
            before = first[line]
            if before is None:
                first[line] = member
                continue
            is_clear = before == "/".join(_parts(words[line] or ""))
            if line not in found and not is_clear and _folder(before) != _folder(member):
                found[line] = (before, member)
    return found


def name_keys(word: str) -> tuple[str, str]:
    """The name of a file, and its name without ending."""
    name = PurePosixPath(word.replace("\\", "/")).name
    stem, dot, ending = name.rpartition(".")
    return name, stem if dot and is_clip(f"x.{ending}") else name


def are_by_archive(tables: Sequence[pa.Table], source: str, archives: Sequence[str]) -> bool:
    """Whether folders in the words are names of archives, so that each has its own rows.

    archives: their paths.
    """
    names = {PurePosixPath(without_ending(path)).name for path in archives}
    columns = (table.column(source) for table in tables if source in table.column_names)
    words = (word for column in columns for word in iterate_filenames(column))
    found = {part for word in words if word for part in _folders(word) if part in names}
    return len(found) > 1


def without_ending(archive: str) -> str:
    return next(archive[: -len(end)] for end in _LONGEST_FIRST if archive.lower().endswith(end))


def _folder(member: str) -> str:
    return member.rpartition("/")[0]


def _folders(word: str) -> list[str]:
    return word.replace("\\", "/").split("/")[:-1]


def _is_of(word: str, member: str, archive: str) -> bool:
    """Whether a word with more folders than the member has one that is the archive's name."""
    more = _folders(word)[: -member.count("/") or None]
    return len(_folders(word)) <= member.count("/") or PurePosixPath(archive).name in more


def _settle(lines: list[int], words: Sequence[str | None], whole: str) -> list[int]:
    """The lines that mean one clip; where they name several folders, those that fit `whole`.

    whole: the member's path below the archive's name.
    """
    if _is_one_clip(lines, words):
        return lines
    kept = [line for line in lines if _fits(whole, words[line] or "")]
    return kept if _is_one_clip(kept, words) else []


def _is_one_clip(lines: list[int], words: Sequence[str | None]) -> bool:
    """Whether the folders in the words go together, as far as each has some."""
    found = [words[line] or "" for line in lines]
    longest = max(found, key=lambda word: word.count("/") + word.count("\\"), default="")
    path = "/".join(_parts(longest))
    return all(_fits(path, word) for word in found)


def _ends(parts: list[str]) -> Iterator[list[str]]:
    """The whole path, and what is left without its first folder, without the first two, and so on."""
    return (parts[start:] for start in range(len(parts)))


def _parts(word: str) -> list[str]:
    return [part for part in word.replace("\\", "/").split("/") if part not in ("", ".")]


def _fits(member: str, word: str) -> bool:
    """Whether path and word agree as far as both have folders."""
    theirs = _parts(word)
    ours = member.split("/")
    if ".." in theirs or ":" in word:
        return False
    shorter = min(len(theirs), len(ours))
    return ours[-shorter:-1] == theirs[-shorter:-1]
