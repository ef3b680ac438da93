"""Which column of a table names clips.

A column whose words look like names or paths of audio files comes before one of ids: numbers such
as 1, 2, 3 are also the names without ending of many clips, and not of the clips of their rows.
"""

from collections.abc import Iterable, Mapping
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


@dataclass(slots=True)
class Tally:
    """What the words of a column mean.

    words: how many there are.
    files: those that look like names or paths of files.
    hits: those that mean a clip.
    exact: of the hits, those by more than a name without ending.
    """

    words: int = 0
    files: int = 0
    hits: int = 0
    exact: int = 0

    def add(self, word: str, *, is_hit: bool, is_exact: bool) -> None:
        """Count a word."""
        self.words += 1
        self.files += looks_like_file(word)
        self.hits += is_hit
        self.exact += is_exact

    @property
    def names_files(self) -> bool:
        """Whether the column names files, and some of them exist."""
        return self.exact > 0 and self.files * 2 >= self.words


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


def choose_column(table: pa.Table, clips: Clips, path: str, asked: str | None) -> str | None:
    """The column of a table at a path that names clips: the asked one, else the surest.

    None if no column names clips for at least half of its rows.
    """
    texts = [name for name in table.column_names if is_text(table.schema.field(name).type)]
    if asked in texts:
        return asked
    tried = table.slice(0, TRIED_ROWS)
    tallies = {name: _count(tried.column(name).to_pylist(), clips, path) for name in texts}
    if not any(tally.hits * 2 >= max(len(tried), 1) for tally in tallies.values()):
        return None
    return surest_first(tallies)[0]


def _count(words: Iterable[str | None], clips: Clips, path: str) -> Tally:
    tally = Tally()
    for word in words:
        if word is not None:
            is_hit = clips.find(word, path) is not None
            tally.add(word, is_hit=is_hit, is_exact=is_hit and looks_like_file(word))
    return tally


def _rank(name: str) -> int:
    return USUAL_NAMES.index(name) if name in USUAL_NAMES else len(USUAL_NAMES)
