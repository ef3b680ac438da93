"""Whether a clip that a table names loosely may be meant, by the folders of a repository.

A word that is no path of a clip may still mean one: a name without folders, or a path that begins
with folders of another machine. Such a clip must not be that of another subset or split.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from hugflow.late_dataclass import dataclass

_SPLITS: Final = {
    "training": "train",
    **dict.fromkeys(("valid", "dev", "val"), "validation"),
    **dict.fromkeys(("testing", "eval", "evaluation"), "test"),
}
_BETWEEN_WORDS: Final = re.compile(r"[-._ ]+")


@dataclass(frozen=True, slots=True)
class ClipFolders:
    """The folders of a repository.

    names: the names of all folders.
    labels_below: for each folder, the labels of the folders in it that hold clips; see `_labels`.
    others: the paths that are no clips.
    """

    names: frozenset[str]
    labels_below: dict[str, frozenset[str]]
    others: frozenset[str]

    @classmethod
    def of(cls, clips: Iterable[str], others: Iterable[str]) -> "ClipFolders":
        """The folders of these paths."""
        with_clips = {tuple(path.split("/")[:-1]) for path in clips}
        rest = frozenset(others)
        below: dict[str, set[str]] = {}
        for folders in with_clips:
            for depth, name in enumerate(folders):
                below.setdefault("/".join(folders[:depth]), set()).update(_labels(name))
        names = {name for folders in with_clips for name in folders}
        names.update(name for path in rest for name in path.split("/")[:-1])
        return cls(frozenset(names), {name: frozenset(each) for name, each in below.items()}, rest)

    def may_mean(self, word: str, clip: str, table: str) -> bool:
        """Whether a word of a table may mean a clip of this name.

        All folders of the word must agree with the clip's; of those that do not, the last must be
        a folder that the repository lacks, as in `/home/me/corpus/clips/1.wav` for `clips/1.wav`.
        """
        path = word.replace("\\", "/")
        wanted = [part for part in path.split("/")[:-1] if part not in ("", ".")]
        folders = clip.split("/")[:-1]
        agreed = _count_agreed(wanted, folders)
        if agreed < len(wanted):
            is_beside = path.startswith("/") and folders == table.split("/")[:-1]
            if wanted[-agreed - 1] in self.names or not (agreed or is_beside):
                return False
        return not self._is_of_another(folders[: len(folders) - agreed], table)

    def _is_of_another(self, folders: Sequence[str], table: str) -> bool:
        """Whether folders are those of another subset or split than the table's.

        They are if they hold a table of the same name, or if a folder beside one of them has a
        label of the table: `de/train.csv` does not mean clips in `en/clips` beside `de/clips`.
        """
        own, name = _labels_of_table(table), table.rpartition("/")[2]
        above = ""
        for folder in folders:
            if own & self.labels_below.get(above, frozenset()) and not own & _labels(folder):
                return True
            above = f"{above}/{folder}" if above else folder
            if f"{above}/{name}" in self.others and not table.startswith(f"{above}/"):
                return True
        return False


def _count_agreed(wanted: Sequence[str], folders: Sequence[str]) -> int:
    """How many folders two paths share, from the last."""
    agreed = 0
    for one, other in zip(reversed(wanted), reversed(folders), strict=False):
        if one != other:
            break
        agreed += 1
    return agreed


@lru_cache(maxsize=4096)
def _labels(name: str) -> frozenset[str]:
    """A name and the words in it, without numbers; words for one split are the same."""
    words = [word for word in _BETWEEN_WORDS.split(name) if not word.isdigit()]
    return frozenset(_SPLITS.get(word, word) for word in (name, *words) if word)


@lru_cache(maxsize=256)
def _labels_of_table(table: str) -> frozenset[str]:
    *folders, name = table.split("/")
    labels = {_SPLITS.get(folder, folder) for folder in folders}
    return _labels(name.partition(".")[0]) | labels
