"""Which rows are time ranges of longer clips, and in which order they are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Self

import pyarrow as pa

from hugflow.audio.cutting import Cut
from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid
from hugflow.requests.segments import SegmentSpec
from hugflow.shards.layouts.layout import RepositoryAt
from hugflow.shards.layouts.segments import to_seconds
from hugflow.shards.plan_request import PlanRequest, form_of, segments_of

# Layouts whose clips are files, so that a long one can be cut.
CUT_LAYOUTS: Final = frozenset({"table", "audio_folder", "kaldi"})


@dataclass(frozen=True, slots=True)
class Ranges:
    """The columns of a table that hold time ranges; start None: each row is its whole clip.

    channel: from 0, None for all.
    """

    start: str | None
    end: str | None
    duration: str | None
    channel: int | None

    @classmethod
    def of(cls, request: PlanRequest) -> Self | None:
        """What a request, or its form, says; None if rows are whole clips."""
        spec, form = segments_of(request) or SegmentSpec(), form_of(request)
        found = cls(spec.start, spec.end, spec.duration, spec.channel)
        if found.start is None and form is not None and form.start is not None:
            found = cls(form.start, form.end, None, spec.channel)
        return None if found.start is None and found.channel is None else found

    @property
    def names(self) -> list[str]:
        """The columns."""
        return [name for name in (self.start, self.end, self.duration) if name is not None]


def refuse_uncut(request: PlanRequest, layout: str, what: str) -> None:
    """Raise RequestInvalid if a request asks for time ranges in a layout that is not cut.

    what: the repository at its commit.
    """
    if request.segments is None or layout in CUT_LAYOUTS:
        return
    raise RequestInvalid(
        f"{what}: segments are not cut of the layout {layout}",
        why="recordings are cut where they are files of the repository, with a table, in folders "
        "or as Kaldi has them",
        mend="delete the line with segments, or name such files in `source`",
    )


def cut_rows(
    at: RepositoryAt,
    file: PublishedFile,
    read: pa.Table,
    ranges: Ranges,
    named: Sequence[PublishedFile | None],
    kept: Sequence[int] | None,
) -> tuple[list[int], list[Cut | None]]:
    """The order of the rows of a table that are time ranges, and the ranges in that order.

    named: the clip of each row. kept: the rows in the table; None for all.
    A recording is decoded once, so its rows come together, by their begin.
    Raises RequestInvalid.
    """
    if ranges.start is None:
        return list(range(len(named))), [Cut("0", None, ranges.channel)] * len(named)
    missing = [name for name in ranges.names if name not in read.column_names]
    if missing:
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: {file.path!r} has no column {missing[0]!r}",
            why=f"its rows are said to be time ranges; it has the columns "
            f"{', '.join(map(repr, read.column_names))}",
            mend="name the columns that hold begin and end in seconds",
        )
    starts, others = (read.column(name).to_pylist() for name in ranges.names)
    cuts: list[Cut] = []
    for line in range(len(read)) if kept is None else kept:
        try:
            start, other = to_seconds(starts[line]), to_seconds(others[line])
        except ValueError as error:
            raise RequestInvalid(
                f"{at.repo}@{at.commit[:7]}: row {line + 1} of {file.path!r} is no time range",
                why=f"{' and '.join(ranges.names)} have to be seconds from 0: {error}",
                mend="report it to the dataset's owner, or request another revision",
            ) from error
        end = other if ranges.duration is None else str(Decimal(start) + Decimal(other))
        cuts.append(Cut(start, end, ranges.channel))
    order = in_order(named, cuts)
    return order, [cuts[place] for place in order]


def in_order(clips: Sequence[PublishedFile | None], cuts: Sequence[Cut]) -> list[int]:
    """The places of time ranges, by recording and then by begin."""
    paths = ["" if clip is None else clip.path for clip in clips]
    return sorted(range(len(cuts)), key=lambda place: (paths[place], cuts[place].order))
