"""A repository of the Hub: its id, and the Hub's facts about it at one commit.

The Hub converts datasets to parquet by itself, at the ref CONVERTED_REF. The files are at
`<subset>/<split>/0000.parquet`. A split with more than 10,000 files is at
`<subset>/<split>-part0/...`, `<split>-part1/...`. If only the beginning of a large dataset was
converted, it is at `<subset>/partial-<split>/...`.
https://huggingface.co/docs/dataset-viewer/parquet
"""

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Literal, Self

from hugflow.late_dataclass import dataclass

CONVERTED_REF = "refs/convert/parquet"

# File names without their endings.
_ABOUT = frozenset(
    {"readme", "license", "licence", "notice", "citation", "changelog"}
    | {".gitattributes", ".gitignore", ".huggingface"}
)

# No split's name has a hyphen, so neither prefix nor suffix can be part of one.
_CONVERTED = re.compile(
    r"(?P<subset>[^/.][^/]*)/(?P<partial>partial-)?(?P<split>[\w.]+)(-part(?P<part>\d+))?"
    r"/(?P<number>\d{4,})\.parquet"
)


RepoKind = Literal["dataset", "model"]


@dataclass(frozen=True, slots=True, order=True)
class RepoId:
    """The id of a repository. A dataset and a model may have the same name."""

    kind: RepoKind
    id: str

    @classmethod
    def dataset(cls, hf_id: str) -> "RepoId":
        """The id of a dataset."""
        return cls("dataset", hf_id)

    @classmethod
    def model(cls, hf_id: str) -> "RepoId":
        """The id of a model."""
        return cls("model", hf_id)

    def __str__(self) -> str:
        """The id in messages: a dataset's alone, a model's as `models/<id>`."""
        return self.id if self.kind == "dataset" else f"models/{self.id}"

    def page(self, endpoint: str) -> str:
        """The address of its page; `/tree/<revision>` and the like may be added."""
        return (
            f"{endpoint}/datasets/{self.id}" if self.kind == "dataset" else f"{endpoint}/{self.id}"
        )


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit.

    licence: the card's word for it, or None.
    script: its loading script, which is never run here.
    new_id: its new id, if it was renamed.
    is_conversion: it holds only the files of the Hub's converter.
    paths: of all files.
    card: the YAML of its README, unchanged.
    """

    repo: RepoId
    commit: str
    licence: str | None
    is_gated: bool
    script: str | None = None
    new_id: str | None = None
    is_conversion: bool = False
    paths: tuple[str, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is no file except those about the data."""
        return all(PurePosixPath(path).stem.casefold() in _ABOUT for path in self.paths)


@dataclass(frozen=True, slots=True)
class DatedCommit:
    """A commit and its date."""

    id: str
    at: datetime

    @property
    def date(self) -> str:
        """The date as `2026-01-01T00:00:00Z`."""
        return self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Conversion:
    """The Hub's conversion of a dataset, and the head that it belongs to.

    date, head_date: in the form of `DatedCommit.date`, so they sort by time.
    """

    commit: str
    date: str
    head: str
    head_date: str

    @classmethod
    def of(cls, converted: DatedCommit, head: DatedCommit) -> Self:
        """A conversion from both commits with their dates."""
        return cls(converted.id, converted.date, head.id, head.date)


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file of a repository at one commit; `sha256` is None for files that git stores itself."""

    path: str
    size_bytes: int
    sha256: str | None
    git_oid: str

    @property
    def digest(self) -> str:
        """The hash of the bytes: sha256 if known, else the git blob's sha1."""
        return self.sha256 or self.git_oid


@dataclass(frozen=True, slots=True, order=True)
class ConvertedPath:
    """The parts of a converted file's path; they sort in the order of a split's rows."""

    subset: str
    split: str
    part: int
    number: int
    is_partial: bool


def parse_converted_path(path: str) -> ConvertedPath | None:
    """The parts of a converted file's path; None for any other path."""
    found = _CONVERTED.fullmatch(path)
    if found is None:
        return None
    return ConvertedPath(
        subset=found["subset"],
        split=found["split"],
        part=int(found["part"] or 0),
        number=int(found["number"]),
        is_partial=found["partial"] is not None,
    )
