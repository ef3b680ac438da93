"""A repository of the Hub: what it is called, and what the Hub says of it at one commit.

By itself the Hub converts datasets to parquet, at the ref CONVERTED_REF. The files lie there as
`<subset>/<split>/0000.parquet`; of a split with more than 10,000 files as
`<subset>/<split>-part0/...`, `<split>-part1/...`; and where it converted only the beginning of a
large dataset, as `<subset>/partial-<split>/...`. https://huggingface.co/docs/dataset-viewer/parquet
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Literal, Self

CONVERTED_REF = "refs/convert/parquet"

# Names without their endings.
_ABOUT = frozenset(
    {"readme", "license", "licence", "notice", "citation", "changelog"}
    | {".gitattributes", ".gitignore", ".huggingface"}
)

# No split's name holds a hyphen, so neither prefix nor suffix can be part of one.
_CONVERTED = re.compile(
    r"(?P<subset>[^/.][^/]*)/(?P<partial>partial-)?(?P<split>[\w.]+)(-part(?P<part>\d+))?"
    r"/(?P<number>\d{4,})\.parquet"
)


RepoKind = Literal["dataset", "model"]


@dataclass(frozen=True, slots=True, order=True)
class RepoId:
    """What a repository is called. A dataset and a model may share one id."""

    kind: RepoKind
    id: str

    @classmethod
    def dataset(cls, hf_id: str) -> "RepoId":
        """The dataset of that id."""
        return cls("dataset", hf_id)

    @classmethod
    def model(cls, hf_id: str) -> "RepoId":
        """The model of that id."""
        return cls("model", hf_id)

    def __str__(self) -> str:
        """The id as messages say it: a dataset's alone, a model's as `models/<id>`."""
        return self.id if self.kind == "dataset" else f"models/{self.id}"

    def page(self, endpoint: str) -> str:
        """The address of its page, to which `/tree/<revision>` and the like may be added."""
        return (
            f"{endpoint}/datasets/{self.id}" if self.kind == "dataset" else f"{endpoint}/{self.id}"
        )


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit.

    licence: the card's word for it, or None. script: the loading script it has, which nothing
    here runs. new_id: what the Hub calls it by now, where it was renamed. is_conversion: it holds
    what the Hub's converter leaves, and nothing else. paths: of all files. card: the YAML of its
    README, as it stands.
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
        """Whether there is no file beside those that speak about the data."""
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
    """The Hub's conversion of a dataset, and the head that it is taken for.

    date, head_date: as `DatedCommit.date` writes them, so their order is that of time.
    """

    commit: str
    date: str
    head: str
    head_date: str

    @classmethod
    def of(cls, converted: DatedCommit, head: DatedCommit) -> Self:
        """Both commits with their dates."""
        return cls(converted.id, converted.date, head.id, head.date)


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file of a repository at one commit; `sha256` is None for files git keeps itself."""

    path: str
    size_bytes: int
    sha256: str | None
    git_oid: str

    @property
    def digest(self) -> str:
        """The hash that names the bytes: sha256 where there is one, else the git blob's sha1."""
        return self.sha256 or self.git_oid


@dataclass(frozen=True, slots=True, order=True)
class ConvertedPath:
    """What the path of a converted file tells; in the order of a split's rows."""

    subset: str
    split: str
    part: int
    number: int
    is_partial: bool


def parse_converted_path(path: str) -> ConvertedPath | None:
    """The parts of the path of a converted file; None for any other path."""
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
