"""What an export is: one form in which other tools read a dataset.

To add one, write a module in this package that ends in an `Export`, and add a line to the list in
`hugflow.exports.registry`. Publishing writes its files, the manifest records them, `verify` and
`why` know them, the estimate counts them, and they are removed with the tree.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hugflow.late_dataclass import dataclass
from hugflow.shards.plan import Plan
from hugflow.statistics.figures import Statistics
from hugflow.store.layout import DatasetFolder

if TYPE_CHECKING:
    import polars as pl

    from hugflow.exports.rows import ExportRow


@dataclass(frozen=True, slots=True)
class ExportSource:
    """A dataset with all rows made: everything that an export may be rendered from.

    description: the request author's text.
    home: the dataset's folder in STORAGE_ROOT; `folder` may be one beside it.
    index: sha256 of each index file, by its path in the tree.
    clips: what the paths of clips and index files begin with; "" for paths relative to the tree.
    is_piped: whether a command takes the place of a path where a tool needs one to read MP3.
    keep: the request's `keep`, by which rows were left out.
    """

    plan: Plan
    folder: DatasetFolder
    description: str
    statistics: Statistics | None
    home: DatasetFolder
    index: Mapping[str, str]
    clips: str = ""
    is_piped: bool = False
    keep: str | None = None

    def clip_path(self, stem: str) -> str:
        """The path of a clip, as the exports write it."""
        return f"{self.clips}audio/{stem}.mp3"

    def rows(self) -> Iterator["ExportRow"]:
        """The rows of a dataset with audio, in order; few are in memory at once."""
        # Imported here: loading pyarrow takes as long as the rest of a small command.
        from hugflow.exports.rows import read_rows_of

        files = [self.folder.root / path for path in sorted(self.index)]
        return read_rows_of(self.plan, files, self.clips)

    def scan_shards(self) -> Iterator["pl.LazyFrame"]:
        """The index of each shard that has rows, in order, as a lazy frame.

        Collect one before taking the next, so that only one shard is in memory.
        """
        # Imported here: loading polars takes as long as the rest of a small command.
        from hugflow.statistics.scan import scan_index

        for shard in self.plan.shards:
            index = self.folder.index_file(shard.name)
            if index.is_file():
                yield scan_index([index])


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file of an export. path: relative to the tree, in its export's folder."""

    path: str
    pieces: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What is known of a dataset before the work. row_bytes: of all columns except the audio."""

    plan: Plan
    rows: int
    row_bytes: float


@dataclass(frozen=True, slots=True)
class Size:
    """The number of files, folders and bytes that an export adds to a tree."""

    files: int
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Reference:
    """What a file without a hash in the manifest must agree with.

    plan: None if it is lost.
    is_this_version: whether this version of hugflow wrote the file; another one's words may differ.
    keep: as in ExportSource.
    """

    plan: Plan | None
    statistics: Statistics | None
    is_this_version: bool
    keep: str | None = None


@dataclass(frozen=True, slots=True)
class Reworded:
    """An export's only file, when its words may change while rows and manifest stay the same.

    find_fault: why a text cannot be the rendered file; None if it can.
    """

    path: str
    find_fault: Callable[[str, Reference], str | None]


@dataclass(frozen=True, slots=True)
class Export:
    """One form in which other tools read a dataset.

    name: its name in the manifest and in messages.
    names: a pattern for the names of its files.
    folder: the folder in the tree that holds only its files; "" for the tree itself.
    subfolder: a folder in it for some of its files; "" for none.
    foresee: estimates its size.
    render: gives its files. The same plan and the same index must give the same bytes: they are
    rendered again only when either changes, or when a file is gone, unless the export has a
    description or absolute paths. None: each shard's file is written together with its rows, as the
    index is.
    is_chosen: whether it is written only where `EXPORTS` or the request names it.
    reworded: for an export whose file the manifest does not record. None: the manifest records
    every file with a hash.
    version: rises when the same rows give other bytes.
    has_description: whether it holds the request author's text.
    is_beside_clips: whether its reader takes no clip outside the folder of its file: elsewhere it is
    for other readers.
    read_clip: for an export with absolute paths: the path of the first clip in a file's text, or None.
    """

    name: str
    names: re.Pattern[str]
    foresee: Callable[[Foreseen], Size]
    render: Callable[[ExportSource], Iterable[ExportFile]] | None = None
    reworded: Reworded | None = None
    folder: str = ""
    subfolder: str = ""
    version: int = 1
    is_chosen: bool = False
    has_description: bool = False
    is_beside_clips: bool = False
    read_clip: Callable[[str], str | None] | None = None

    @property
    def depends_on_rows_alone(self) -> bool:
        """Whether neither another description nor another STORAGE_ROOT gives other bytes."""
        return not self.has_description and self.read_clip is None

    @property
    def is_per_shard(self) -> bool:
        """Whether each shard's file is written together with its rows."""
        return self.render is None

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders below the tree that hold only its files."""
        inner = (f"{self.folder}/{self.subfolder}",) if self.subfolder else ()
        return (self.folder, *inner) if self.folder else ()

    def owns(self, path: Path) -> bool:
        """Whether a path, relative to the tree, is a file of this export."""
        folders = map(Path, self.folders or ("",))
        return path.parent in folders and self.names.fullmatch(path.name) is not None
