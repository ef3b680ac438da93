"""A plan: what one dataset will consist of, fixed at one commit.

A plan is a value; `plan_file` has its form as a file.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, field
from typing import Any, Final, Literal

from hugflow.clients.repository import Conversion, PublishedFile
from hugflow.late_dataclass import dataclass
from hugflow.names import partition_key, shard_name
from hugflow.requests.model import AddRequest
from hugflow.shards.plan_request import PlanRequest, later_fields

# Increase it when the same input gives other rows: it is part of every plan's id.
ROW_FORMAT: Final = 2
PARQUET: Final = "parquet"
WEBDATASET: Final = "webdataset"
# The distance between the first row numbers of two shards, when shards' rows are unknown.
MOST_UNCOUNTED_ROWS: Final = 1_000_000

Numbering = Literal["through", "by_shard"]
# card: only the card declares what the column is. undecoded: media are left as bytes and path.
# decimal_text: numbers with too many digits are text. class_text: the text is its class's name.
ColumnNote = Literal["card", "undecoded", "decimal_text", "class_text"]


@dataclass(frozen=True, slots=True)
class Shard:
    """One or several published files, and the rows of the dataset in them.

    rows: None if the shard must be fetched to be counted.
    layout: the name of the files' layout.
    odd: how it differs from the other shards, so that it cannot be made; None if it does not.
    detail: JSON of what the layout must know to read the files; "" if the files say it all.
    """

    index: int
    count: int
    files: tuple[PublishedFile, ...]
    first_row: int
    rows: int | None
    layout: str = PARQUET
    odd: str | None = None
    detail: str = ""

    @property
    def name(self) -> str:
        """`00001-of-00004`: names the index file, the ledger and the lock."""
        return shard_name(self.index, self.count)

    @property
    def row_range(self) -> range:
        """Numbers of its rows in the dataset; if its rows are unknown, all numbers it may use."""
        rows = MOST_UNCOUNTED_ROWS if self.rows is None else self.rows
        return range(self.first_row, self.first_row + rows)

    @property
    def size_bytes(self) -> int:
        """Bytes of its files."""
        return sum(file.size_bytes for file in self.files)

    @property
    def label(self) -> str:
        """Its files in a few words: `clips/a.wav and 41 more`."""
        more = f" and {len(self.files) - 1} more" if self.files[1:] else ""
        return f"{self.files[0].path}{more}"

    @property
    def digest(self) -> str:
        """The identity of its bytes: of one file the Hub's hash, of several a hash over all."""
        if len(self.files) == 1:
            return self.files[0].digest
        listed = json.dumps([[file.path, file.digest] for file in self.files])
        return hashlib.sha256(listed.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Plan:
    """One dataset at one commit.

    column_notes: notes on columns for readers, by name; see `features.column_notes`.
    files_commit: the commit of the files: `commit`, unless they are the Hub's conversion of it.
    listed_rows: rows of the tables, if some of them may be in no shard.
    stem_suffixes: how often `-<row>` is appended to the stem of a row; other rows keep their stem.
    """

    dataset: str
    request: PlanRequest
    commit: str
    files_commit: str
    licence: str | None
    is_gated: bool
    audio_column: str | None
    text_column: str | None
    columns: tuple[str, ...]
    stem_suffixes: dict[int, int]
    features: dict[str, Any]
    card_features: list[Any]
    shards: tuple[Shard, ...]
    warnings: tuple[str, ...] = ()
    conversion: Conversion | None = None
    column_notes: dict[str, list[ColumnNote]] = field(default_factory=dict)
    listed_rows: int | None = None
    id: str = field(init=False)

    def __post_init__(self) -> None:
        """Derive the id from everything that decides the rows, and from nothing else."""
        core = [
            ROW_FORMAT,
            self.commit,
            self.files_commit,
            [self.request.hf_id, self.audio_column, self.text_column, self.request.mp3_source],
            [_shard_core(shard) for shard in self.shards],
            *later_fields(self.request),
            *([sorted(self.column_notes.items())] if self.column_notes else []),
        ]
        digest = hashlib.sha256(json.dumps(core).encode()).hexdigest()
        object.__setattr__(self, "id", digest[:16])

    @property
    def all_audio(self) -> tuple[str, ...]:
        """The audio columns of which MP3s are made, the main one first; empty if text only."""
        main = () if self.audio_column is None else (self.audio_column,)
        return self.request.audio_columns or main

    @property
    def is_measured(self) -> bool:
        """Whether the quality of clips is measured, so that rows have `audio_info.quality`."""
        return self.audio_column is not None and self.request.measure != "false"

    @property
    def rows(self) -> int | None:
        """Rows of the whole dataset; None if shards must be fetched to be counted."""
        return add_rows(self.shards)

    @property
    def numbering(self) -> Numbering:
        """How rows are numbered: through all shards, or by shard if rows are unknown."""
        return numbering_of(shard.rows for shard in self.shards)

    @property
    def file_count(self) -> int:
        """The number of published files."""
        return sum(len(shard.files) for shard in self.shards)

    @property
    def source_bytes(self) -> int:
        """Bytes of the published files."""
        return sum(shard.size_bytes for shard in self.shards)

    @property
    def is_converted(self) -> bool:
        """Whether the files are the Hub's conversion, not the dataset's own."""
        return self.files_commit != self.commit

    @property
    def card_split(self) -> str:
        """The split's name in the card: `datasets` refuses a split called `all`."""
        split = self.request.split
        return f"{split}_" if split.lower() == "all" else split

    def partition_key(self, shard: Shard) -> str:
        """Dagster's key of a shard: `8a6c0f1-00001-of-00004`."""
        return partition_key(self.commit, shard.index, shard.count)

    def shard_by_key(self) -> dict[str, Shard]:
        """The shards by their partition keys, in order."""
        return {self.partition_key(shard): shard for shard in self.shards}


def add_rows(shards: Iterable[Shard]) -> int | None:
    """The rows of all shards together; None if those of one are unknown."""
    rows = 0
    for shard in shards:
        if shard.rows is None:
            return None
        rows += shard.rows
    return rows


def numbering_of(rows: Iterable[int | None]) -> Numbering:
    """How rows are numbered, by the number of rows of each shard."""
    return "by_shard" if None in rows else "through"


def plan_shards(
    files: Sequence[tuple[tuple[PublishedFile, ...], int | None]],
    odd: Mapping[int, str] | None = None,
    *,
    layout: str = PARQUET,
    details: Sequence[str] = (),
) -> tuple[Shard, ...]:
    """Give one shard for each (files, rows), in order.

    Rows are numbered through all shards. If a shard has rows None, shard i numbers its rows from i
    times MOST_UNCOUNTED_ROWS.
    odd: why a shard cannot be made, by its position.
    details: of each shard; none if no shard has any.
    """
    is_through = numbering_of(rows for _, rows in files) == "through"
    shards: list[Shard] = []
    first_row = 0
    for index, (published, rows) in enumerate(files):
        why = (odd or {}).get(index)
        detail = details[index] if details else ""
        shards.append(Shard(index, len(files), published, first_row, rows, layout, why, detail))
        first_row += rows if is_through and rows is not None else MOST_UNCOUNTED_ROWS
    return tuple(shards)


def to_detail(value: Any) -> str:
    """The detail of a shard from a JSON value; the same value gives the same text."""
    return "" if value is None else json.dumps(value, separators=(",", ":"))


def plan_digest(plan: Plan, request: AddRequest) -> str:
    """The digest to give to `--plan`, 16 hex; it changes with commit, files and fields."""
    return hashlib.sha256(f"{plan.id} {request.digest}".encode()).hexdigest()[:16]


def plan_summary(plan: Plan, *, hours: float | None = None) -> dict[str, Any]:
    """A summary for people before the work begins; see docs/command-line.md.

    hours: of audio, if known or estimated.
    rows: None if they are unknown before they are fetched.
    disk_needed_bytes: an estimate: the two largest shards, which are in STATE_DIR while their rows
    are made, and for the result as much as the source takes.
    """
    sizes = sorted((shard.size_bytes for shard in plan.shards), reverse=True)
    return {
        "plan": plan.id,
        "commit": plan.commit,
        "files_commit": plan.files_commit,
        "converted": plan.is_converted,
        "conversion": asdict(plan.conversion) if plan.conversion is not None else None,
        "rows": plan.rows,
        "total_rows": plan.rows,
        "files": plan.file_count,
        "bytes": plan.source_bytes,
        "source_bytes": plan.source_bytes,
        "hours": hours,
        "disk_needed_bytes": plan.source_bytes + sum(sizes[:2]),
        "licence": plan.licence,
        "gated": plan.is_gated,
        "audio_column": plan.audio_column,
        **({"audio_columns": list(plan.all_audio)} if plan.all_audio[1:] else {}),
        "text_column": plan.text_column,
        "warnings": list(plan.warnings),
    }


def _shard_core(shard: Shard) -> list[Any]:
    """The parts of a shard that decide its rows; for a parquet file the same as in version 2."""
    core = [shard.files[0].path, shard.digest, shard.rows]
    if shard.layout == PARQUET and len(shard.files) == 1:
        return core
    return [*core, shard.layout, *([shard.detail] if shard.detail else [])]
