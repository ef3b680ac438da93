"""Which column of a table names clips.

A column whose words look like names or paths of audio files comes before one of ids: numbers such
as 1, 2, 3 are also the names without ending of many clips, and not of the clips of their rows.
For the same reason a column of bare words that repeat, such as speakers, names no clips unless the
request says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

import pyarrow as pa

from hugflow.late_dataclass import dataclass
from hugflow.shards.arrow import is_text
from hugflow.shards.layouts.clips import Clips, is_clip

# Names of columns that name clips, the surest first.
USUAL_NAMES: Final = (
    "file_name",
    "audio",
    "audio_filepath",
    "path",
    "audio_path",
    "audio_file",
    "wav",
    "file",
    "filename",
    "id",
)
TRIED_ROWS: Final = 300
# Rows for one clip that a column of bare words may have.
_MOST_REPEATED: Final = 10


@dataclass(slots=True)
class Tally:
    """What the words of a column mean.

    words: how many there are.
    files: those that look like names or paths of files.
    hits: those that mean a clip.
    exact: of the hits, those by more than a name without ending.
    meant: the words that mean a clip.
    """

    words: int = 0
    files: int = 0
    hits: int = 0
    exact: int = 0
    meant: set[str] = field(default_factory=set)

    def add(self, word: str, *, is_hit: bool, is_exact: bool) -> None:
        """Count a word."""
        self.words += 1
        self.files += looks_like_file(word)
        self.hits += is_hit
        self.exact += is_exact
        if is_hit:
            self.meant.add(word)

    @property
    def names_files(self) -> bool:
        """Whether the column names files, and some of them exist."""
        return self.exact > 0 and self.files * 2 >= self.words

    def is_sure(self, name: str, *, may_repeat: bool) -> bool:
        """Whether a column of this name names clips, and not what is called like some of them.

        may_repeat: whether several rows are parts of one clip.
        """
        if self.names_files or may_repeat or name in USUAL_NAMES:
            return True
        # Of numbers each is another one, if they are ids of clips. Words may have a few captions.
        most = 1 if all(word.isdigit() for word in self.meant) else _MOST_REPEATED
        return len(self.meant) * most >= self.hits


def looks_like_file(word: str) -> bool:
    """Whether a word is a path, or has the ending of an audio file."""
    return "/" in word or "\\" in word or is_clip(word)


def surest_first(tallies: Mapping[str, Tally]) -> list[str]:
    """Columns by how surely they name clips; ties keep the order of the columns."""

    def order(name: str) -> tuple[int, int, int]:
        tally, rank = tallies[name], _rank(name)
        # One missing clip must not make another column of files win over `audio`.
        return (0, rank, -tally.exact) if tally.names_files else (1, -tally.hits, rank)

    return sorted(tallies, key=order)


def choose_column(
    table: pa.Table, clips: Clips, path: str, asked: str | None, *, may_repeat: bool = False
) -> str | None:
    """The column of a table at a path that names clips: the asked one, else the surest.

    may_repeat: whether several rows are parts of one clip.
    None if no column names clips for at least half of its rows.
    """
    texts = [name for name in table.column_names if is_text(table.schema.field(name).type)]
    if asked in texts:
        return asked
    tried = table.slice(0, TRIED_ROWS)
    tallies = {name: _count(tried.column(name).to_pylist(), clips, path) for name in texts}
    least = max(len(tried), 1)
    sure = {
        name: each for name, each in tallies.items() if each.is_sure(name, may_repeat=may_repeat)
    }
    if not any(tally.hits * 2 >= least for tally in sure.values()):
        return None
    return surest_first(sure)[0]


def _count(words: Iterable[str | None], clips: Clips, path: str) -> Tally:
    tally = Tally()
    for word in words:
        if word is not None:
            is_hit = bool(clips.find_all(word, path))
            tally.add(word, is_hit=is_hit, is_exact=is_hit and looks_like_file(word))
    return tally


def _rank(name: str) -> int:
    return USUAL_NAMES.index(name) if name in USUAL_NAMES else len(USUAL_NAMES)
