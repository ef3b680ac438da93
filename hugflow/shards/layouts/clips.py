"""Which file of a repository a word of a table means."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final, TypeAlias

from hugflow.late_dataclass import dataclass
from hugflow.shards.layouts.clip_folders import ClipFolders

AUDIO_ENDINGS: Final = frozenset(
    {"wav", "flac", "mp3", "ogg", "oga", "opus", "aiff", "aif", "aifc", "au", "snd", "caf", "sph"}
    | {"w64", "rf64", "m4a", "aac", "webm", "wma", "amr"}
)
# Paths of clips with one name.
Same: TypeAlias = tuple[str, ...]

# Of a name that more clips have, it is not asked which may be meant.
_MOST_SAME: Final = 16
_ELSEWHERE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# A letter is a disk of Windows, and no scheme.
_DISK: Final = re.compile(r"\A[A-Za-z]:(?=[\\/])")


def is_clip(path: str) -> bool:
    """Whether a file is audio, by its ending."""
    ending = path.rpartition(".")[2].lower()
    return ending in AUDIO_ENDINGS and not PurePosixPath(path).name.startswith(".")


def join_path(folder: str, word: str) -> str | None:
    """A path relative to a folder (which ends with a slash, or is ""); None if it leads out."""
    word = word.replace("\\", "/")
    if not word or word.startswith("/") or _ELSEWHERE.match(word) or "\0" in word:
        return None
    parts: list[str] = []
    for part in f"{folder}{word}".split("/"):
        if part == "..":
            return None
        if part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


@dataclass(frozen=True, slots=True)
class Clips:
    """The clips of a repository, or the members of its archives, by their names.

    paths: all of them.
    by_composed: those that are not in Unicode's composed form (NFC), by that form; file systems of
        macOS write a name decomposed, and a table may have it composed, or the reverse.
    by_name, by_stem: those of a name, or name without ending, composed; a few where there are many.
    folders: the folders of the repository; composed.
    """

    paths: frozenset[str]
    by_composed: dict[str, str]
    by_name: dict[str, Same]
    by_stem: dict[str, Same]
    folders: ClipFolders

    @classmethod
    def of(cls, paths: Iterable[str]) -> "Clips":
        """An index over these paths."""
        known: list[str] = []
        others: list[str] = []
        for path in paths:
            (known if is_clip(path) else others).append(path)
        return cls(
            frozenset(known),
            _unique((compose(path), path) for path in known if compose(path) != path),
            _group((compose(PurePosixPath(path).name), path) for path in known),
            _group((compose(PurePosixPath(path).stem), path) for path in known),
            ClipFolders.of(map(compose, known), map(compose, others)),
        )

    def find(self, word: str, table: str, *, is_exact: bool = False) -> str | None:
        """The clip that a word in a table means; None if there is none, or if several are meant."""
        found = self.find_all(word, table, is_exact=is_exact)
        return found[0] if len(found) == 1 else None

    def find_all(self, word: str, table: str, *, is_exact: bool = False) -> Same:
        """The clips that a word in a table may mean: one if it is clear which, none if there is none.

        table: its path.
        is_exact: only a path relative to the table's folder counts.
        A path relative to the folder comes first, then one from the root, then a name, with its
        ending or without, of clips whose folders go together with it (`ClipFolders.may_mean`).
        What names another host or repository means none.
        """
        if near := self._at(join_path(table[: table.rfind("/") + 1], word)):
            return (near,)
        # What comes behind a disk is a path of another machine.
        word = _DISK.sub("", word)
        if is_exact or _is_elsewhere(word):
            return ()
        if far := self._at(join_path("", word)):
            return (far,)
        word = compose(word)
        name = PurePosixPath(word.replace("\\", "/")).name
        found = self.by_name.get(name) or self.by_stem.get(name, ())
        if len(found) > _MOST_SAME:
            return found
        composed = compose(table)
        return tuple(each for each in found if self.folders.may_mean(word, compose(each), composed))

    def _at(self, path: str | None) -> str | None:
        """The clip at a path, by its bytes, else by its composed form."""
        if path is None or path in self.paths:
            return path
        composed = compose(path)
        return composed if composed in self.paths else self.by_composed.get(composed)


def compose(text: str) -> str:
    """A text in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", text)


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    twice: set[str] = set()
    for name, path in pairs:
        if name in found:
            twice.add(name)
        found[name] = path
    return {name: path for name, path in found.items() if name not in twice}


def _group(pairs: Iterable[tuple[str, str]]) -> dict[str, Same]:
    """The paths of each name; of more than _MOST_SAME, one more than these."""
    found: dict[str, Same] = {}
    for name, path in pairs:
        known = found.get(name, ())
        if len(known) <= _MOST_SAME:
            found[name] = (*known, path)
    return found


def _is_elsewhere(word: str) -> bool:
    """Whether a word names another host or repository, or leads out of this one."""
    return _ELSEWHERE.match(word) is not None or ".." in PurePosixPath(word).parts
