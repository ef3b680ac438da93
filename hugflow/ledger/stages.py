"""The stages of a dataset in their order: what each makes, and which stages it needs.

`raw`, `audio` and `metadata` are done shard by shard, and each has a marker
(`hugflow.ledger.markers`). `processed` is done once for the whole dataset. A new stage is one more
entry in STAGES; if `processed` needs it, a dataset is published only after it.
"""

from collections.abc import Collection, Iterable
from typing import Final, Literal

from hugflow.late_dataclass import dataclass

StageName = Literal["raw", "audio", "metadata", "processed"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    words: what exists once the stage is done.
    kind: what it makes, as Dagster's pages show it.
    needs: the stages that must be done before it.
    is_per_shard: done shard by shard, with a marker for each.
    counts_rows: its markers say which rows were made and which failed.
    is_of_audio: it makes nothing if the dataset has no audio.
    """

    name: StageName
    words: str
    kind: str
    needs: tuple[StageName, ...] = ()
    is_per_shard: bool = True
    counts_rows: bool = True
    is_of_audio: bool = False


STAGES: Final = (
    Stage(
        name="raw",
        words="The shard's published file is here, byte for byte what the Hub says it is.",
        kind="parquet",
        counts_rows=False,
    ),
    Stage(
        name="audio",
        words="Every row's clip as an MP3, mono, of the same length to the sample.",
        kind="mp3",
        needs=("raw",),
        is_of_audio=True,
    ),
    Stage(
        name="metadata",
        words="Every row's columns as a JSON file, and the same rows as a parquet index.",
        kind="json",
        needs=("raw", "audio"),
    ),
    Stage(
        name="processed",
        words="The dataset is complete and published: its link exists.",
        kind="file",
        needs=("audio", "metadata"),
        is_per_shard=False,
        counts_rows=False,
    ),
)
STAGE_BY_NAME: Final = {stage.name: stage for stage in STAGES}
STAGE_NAMES: Final[tuple[StageName, ...]] = tuple(STAGE_BY_NAME)
SHARD_STAGES: Final[tuple[StageName, ...]] = tuple(s.name for s in STAGES if s.is_per_shard)
ROW_STAGES: Final[tuple[StageName, ...]] = tuple(s.name for s in STAGES if s.counts_rows)
PUBLISHING: Final[StageName] = "processed"
NEEDED_TO_PUBLISH: Final = STAGE_BY_NAME[PUBLISHING].needs


# Between metadata and processed, only where a request has row steps: they have journals of their own
# and no marker, so they are no line of the table.
FLOWS: Final = "flows"


def asset_names(*, has_flows: bool) -> tuple[str, ...]:
    """The stages as assets, in their order, for a dataset with row steps or without."""
    before = STAGE_NAMES.index(PUBLISHING)
    steps = (FLOWS,) if has_flows else ()
    return (*STAGE_NAMES[:before], *steps, *STAGE_NAMES[before:])


def find_missing(
    stages: Collection[StageName], done: Collection[StageName]
) -> tuple[StageName, list[StageName]]:
    """The last of `stages`, and the stages it needs that are neither in `stages` nor done."""
    last = [name for name in STAGE_NAMES if name in stages][-1]
    needs = STAGE_BY_NAME[last].needs
    return last, [name for name in needs if name not in stages and name not in done]


def users_of(stage: StageName) -> frozenset[StageName]:
    """The stages that need a stage."""
    return frozenset(each.name for each in STAGES if stage in each.needs)


def first_row_stage(*, has_audio: bool) -> StageName:
    """The stage in which a row of a dataset is made or fails."""
    return next(
        stage.name for stage in STAGES if stage.counts_rows and (has_audio or not stage.is_of_audio)
    )


def join_names(names: Iterable[StageName]) -> str:
    """Stage names in words: `raw, audio and metadata`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
