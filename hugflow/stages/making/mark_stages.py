"""Marking stages done: a marker's content follows from the outcomes of the shard's rows."""

from collections.abc import Mapping
from dataclasses import replace

from hugflow.ledger.journal import Outcome, RowMade
from hugflow.ledger.markers import Marker, read_marker, write_marker
from hugflow.ledger.stages import StageName
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.making.clip_notes import count_levels, count_repairs


def raw_marker(shard: Shard, seconds: float) -> Marker:
    """The shard's files are verified, and its rows are counted."""
    if shard.rows is None:
        raise ValueError(f"shard {shard.name} is not counted")
    return Marker(rows=shard.rows, bytes=shard.size_bytes, seconds=seconds)


def audio_marker(outcomes: Mapping[int, Outcome], seconds: float) -> Marker:
    """Every row has its MP3s, or a failure with the reason.

    Seconds are those of the main audio column; bytes and counts are of all MP3s.
    """
    made = _made(outcomes)
    main = [row.audio for row in made if row.audio is not None]
    sizes = [clip.mp3_bytes or 0 for row in made for clip in row.clips]
    clips = [clip.audio for row in made for clip in row.clips]
    return Marker(
        rows=len(made),
        failed_rows=_failed_rows(outcomes),
        bytes=sum(sizes),
        seconds=seconds,
        audio_seconds=round(sum(clip.duration for clip in main), 6),
        copied=sum(clip.copied for clip in clips),
        repaired=count_repairs(clip.repaired for clip in clips),
        levels=count_levels(clip.level for clip in clips),
    )


def metadata_marker(
    outcomes: Mapping[int, Outcome],
    seconds: float,
    index_sha256: str | None,
    index_bytes: int,
    lost: Mapping[str, int] | None = None,
    taken: str = "",
) -> Marker:
    """Every row has its JSON, or a failure with the reason, and the index exists."""
    made = _made(outcomes)
    return Marker(
        rows=len(made),
        failed_rows=_failed_rows(outcomes),
        bytes=sum(row.json_bytes or 0 for row in made),
        seconds=seconds,
        index_sha256=index_sha256,
        index_bytes=index_bytes,
        lost=lost or {},
        taken=taken,
    )


def mark(build: Build, shard: Shard, stage: StageName, marker: Marker) -> None:
    """Write a marker unless nothing has changed; then the seconds of the first time stay."""
    path = build.state.marker(shard.name, stage)
    old = read_marker(path)
    if old is None or replace(old, seconds=marker.seconds) != marker:
        write_marker(path, marker)


def unmark(build: Build, shard: Shard, stage: StageName) -> None:
    """Delete the marker of a stage."""
    build.state.marker(shard.name, stage).unlink(missing_ok=True)


def _made(outcomes: Mapping[int, Outcome]) -> list[RowMade]:
    return [outcome for outcome in outcomes.values() if isinstance(outcome, RowMade)]


def _failed_rows(outcomes: Mapping[int, Outcome]) -> tuple[int, ...]:
    return tuple(sorted(row for row in outcomes if not isinstance(outcomes[row], RowMade)))
