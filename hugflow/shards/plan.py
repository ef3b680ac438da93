"""A plan: what one dataset will consist of, settled once at one commit.

A plan is a value. It is written to `STATE_DIR/plans/<name>/<id>.json`:

    {
      "version": 2,
      "id": "4c1f0d9b2a7e6685",             first 16 hex of the sha256 over what decides the rows
      "dataset": "acme__speech__split_train__rev_main",
      "request": {"hf_id": "acme/speech", "subset": null, "split": "train", "revision": "main",
                  "audio_column": "audio", "text_column": "text", "mp3_source": "copy",
                  "is_mp3_source_asked": false},
      "commit": "8a6c...",                  40 hex: what the revision meant
      "files_commit": "8a6c...",            where the files are read: another commit where they
                                            are the Hub's conversion to parquet
      "conversion": {"commit": "5d1e...", "date": "2026-01-01T00:01:00Z",
                     "head": "8a6c...", "head_date": "2026-01-01T00:00:00Z"},
                                            absent where they are not; see clients.repository
      "licence": "cc0-1.0", "is_gated": false,
      "audio_column": "audio",              null: a text-only dataset
      "text_column": "text",                null: the default one is not there
      "columns": ["audio", "text"],         as published, in order
      "repeated": [[7, 7], [12, 15]],       rows whose stem gets `-<row>`, as ranges
      "repeated_more": {"9": 2},            rows that need it more than once (hardly ever)
      "features": {...}, "card_features": [...],   of the index, as `datasets` writes them
      "shards": [{"path": "data/train-00000-of-00002.parquet", "size_bytes": 123,
                  "sha256": "...", "git_oid": "...", "first_row": 0, "rows": 500}, ...],
                                            "odd": "it lacks 'text'" where one cannot be made
      "warnings": ["..."],
      "sha256": "..."                       of all the above: a damaged plan is never believed
    }
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from hugflow.clients.repository import Conversion, PublishedFile
from hugflow.errors import StateUnreadable
from hugflow.ledger.progress import to_pairs
from hugflow.names import partition_key, shard_name
from hugflow.requests.model import AddRequest

VERSION = 2
# Raised when the same input would give other rows: it is part of every plan's id.
ROW_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Shard:
    """One published file, and the rows of the dataset that it holds.

    odd: how it does not agree with the other files, so that it cannot be made; None where it does.
    """

    index: int
    count: int
    file: PublishedFile
    first_row: int
    rows: int
    odd: str | None = None

    @property
    def name(self) -> str:
        """`00001-of-00004`: names the index file, the ledger and the lock."""
        return shard_name(self.index, self.count)

    @property
    def row_range(self) -> range:
        """Numbers of its rows in the dataset."""
        return range(self.first_row, self.first_row + self.rows)


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The fields of a request that decide which rows there are, with the defaults filled in.

    is_mp3_source_asked: the request names it itself; else it was the setting.
    """

    hf_id: str
    subset: str | None
    split: str
    revision: str
    audio_column: str
    text_column: str
    mp3_source: str
    is_mp3_source_asked: bool = False

    @classmethod
    def of(cls, request: AddRequest, *, mp3_source: str) -> Self:
        """What a request asks for; mp3_source: taken where it names none."""
        return cls(
            hf_id=request.hf_id,
            subset=request.subset,
            split=request.split,
            revision=request.revision,
            is_mp3_source_asked=request.mp3_source is not None,
            **request.row_fields(mp3_source=mp3_source),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """One dataset at one commit; see the module for its form as a file.

    `files_commit` is where the files are read: `commit`, unless they are the Hub's conversion of
    it. `stem_suffixes` tells how often `-<row>` is appended to the stem of a row; rows that are
    not in it keep their stem.
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
    id: str = field(init=False)

    def __post_init__(self) -> None:
        """Derive the id from everything that decides the rows, and from nothing else."""
        core = [
            ROW_FORMAT,
            self.commit,
            self.files_commit,
            [self.request.hf_id, self.audio_column, self.text_column, self.request.mp3_source],
            [[s.file.path, s.file.digest, s.rows] for s in self.shards],
        ]
        digest = hashlib.sha256(json.dumps(core).encode()).hexdigest()
        object.__setattr__(self, "id", digest[:16])

    @property
    def rows(self) -> int:
        """Rows of the whole dataset."""
        return sum(shard.rows for shard in self.shards)

    @property
    def source_bytes(self) -> int:
        """Bytes of the published files."""
        return sum(shard.file.size_bytes for shard in self.shards)

    @property
    def is_converted(self) -> bool:
        """Whether the files are the Hub's own conversion, and not the dataset's."""
        return self.files_commit != self.commit

    @property
    def card_split(self) -> str:
        """The split's name in the folder: `datasets` refuses to read one that is called `all`."""
        split = self.request.split
        return f"{split}_" if split.lower() == "all" else split

    def partition_key(self, shard: Shard) -> str:
        """Dagster's key of a shard: `8a6c0f1-00001-of-00004`."""
        return partition_key(self.commit, shard.index, shard.count)

    def shard_by_key(self) -> dict[str, Shard]:
        """The shards by their partition keys, in order."""
        return {self.partition_key(shard): shard for shard in self.shards}


def plan_shards(
    files: Sequence[tuple[PublishedFile, int]], odd: Mapping[int, str] | None = None
) -> tuple[Shard, ...]:
    """Give one shard per file, in order, from (file, rows) pairs; rows are numbered through.

    odd: why a file cannot be made, by its place.
    """
    shards: list[Shard] = []
    first_row = 0
    for index, (file, rows) in enumerate(files):
        why = (odd or {}).get(index)
        shards.append(Shard(index, len(files), file, first_row, rows, why))
        first_row += rows
    return tuple(shards)


def plan_digest(plan: Plan, request: AddRequest) -> str:
    """What a sync can be held to, 16 hex: another commit, other files or fields give another."""
    return hashlib.sha256(f"{plan.id} {request.digest}".encode()).hexdigest()[:16]


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as the JSON value of its file."""
    value = _content(plan)
    return {**value, "sha256": _sha256(value)}


def _content(plan: Plan) -> dict[str, Any]:
    request = plan.request
    once = sorted(row for row, times in plan.stem_suffixes.items() if times == 1)
    return {
        "version": VERSION,
        "id": plan.id,
        "dataset": plan.dataset,
        "request": {name: getattr(request, name) for name in PlanRequest.__slots__},
        "commit": plan.commit,
        "files_commit": plan.files_commit,
        **({} if plan.conversion is None else {"conversion": asdict(plan.conversion)}),
        "licence": plan.licence,
        "is_gated": plan.is_gated,
        "audio_column": plan.audio_column,
        "text_column": plan.text_column,
        "columns": list(plan.columns),
        "repeated": to_pairs(once),
        "repeated_more": {str(r): n for r, n in sorted(plan.stem_suffixes.items()) if n > 1},
        "features": plan.features,
        "card_features": plan.card_features,
        "shards": [
            {
                "path": shard.file.path,
                "size_bytes": shard.file.size_bytes,
                "sha256": shard.file.sha256,
                "git_oid": shard.file.git_oid,
                "first_row": shard.first_row,
                "rows": shard.rows,
                **({} if shard.odd is None else {"odd": shard.odd}),
            }
            for shard in plan.shards
        ],
        "warnings": list(plan.warnings),
    }


def plan_summary(plan: Plan, *, hours: float | None = None) -> dict[str, Any]:
    """What a person wants to know before the work begins; see docs/command-line.md.

    hours: of audio, where they are known or estimated.
    `disk_needed_bytes` is an estimate: the two largest files, which lie in STATE_DIR while
    their rows are made, and for the result as much as the source takes.
    """
    sizes = sorted((shard.file.size_bytes for shard in plan.shards), reverse=True)
    return {
        "plan": plan.id,
        "commit": plan.commit,
        "files_commit": plan.files_commit,
        "converted": plan.is_converted,
        "conversion": asdict(plan.conversion) if plan.conversion is not None else None,
        "rows": plan.rows,
        "total_rows": plan.rows,
        "files": len(plan.shards),
        "bytes": plan.source_bytes,
        "source_bytes": plan.source_bytes,
        "hours": hours,
        "disk_needed_bytes": plan.source_bytes + sum(sizes[:2]),
        "licence": plan.licence,
        "gated": plan.is_gated,
        "audio_column": plan.audio_column,
        "text_column": plan.text_column,
        "warnings": list(plan.warnings),
    }


def from_json(value: Any) -> Plan:
    """Build a plan from the JSON value of its file.

    Raises StateUnreadable for another version, a missing field, and content that does not agree
    with its checksum or its id.
    """
    try:
        if value["version"] == VERSION and value["sha256"] != _sha256(
            {name: field for name, field in value.items() if name != "sha256"}
        ):
            raise _damaged("its content does not agree with its checksum")
        if value["version"] != VERSION:
            raise StateUnreadable(
                f"a plan has version {value['version']!r}",
                why=f"this hugflow reads version {VERSION}",
                mend="use the version of hugflow that wrote it, or plan the request again",
            )
        suffixes = dict.fromkeys(_from_pairs(value["repeated"]), 1)
        suffixes |= {int(row): times for row, times in value["repeated_more"].items()}
        plan = Plan(
            dataset=value["dataset"],
            request=PlanRequest(**value["request"]),
            commit=value["commit"],
            files_commit=value["files_commit"],
            licence=value["licence"],
            is_gated=value["is_gated"],
            audio_column=value["audio_column"],
            text_column=value["text_column"],
            columns=tuple(value["columns"]),
            stem_suffixes=suffixes,
            features=value["features"],
            card_features=value["card_features"],
            shards=plan_shards(
                [(_to_file(item), item["rows"]) for item in value["shards"]],
                {n: item["odd"] for n, item in enumerate(value["shards"]) if "odd" in item},
            ),
            warnings=tuple(value["warnings"]),
            conversion=Conversion(**value["conversion"]) if "conversion" in value else None,
        )
        recorded_id = value["id"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(f"{type(error).__name__}: {error}") from error
    if plan.id != recorded_id:
        raise _damaged("its id does not agree with its content")
    return plan


def _from_pairs(ranges: Iterable[Sequence[int]]) -> Iterator[int]:
    """Row numbers of `[first, last]` pairs."""
    for first, last in ranges:
        yield from range(first, last + 1)


def _to_file(item: dict[str, Any]) -> PublishedFile:
    return PublishedFile(item["path"], item["size_bytes"], item["sha256"], item["git_oid"])


def _damaged(why: str) -> StateUnreadable:
    return StateUnreadable(
        "a plan cannot be read", why=why, mend="plan the request again: hugflow plan FILE"
    )


def _sha256(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
