"""Asset checks: the verdicts of the gate, and observations on a published dataset."""

from collections.abc import Iterator
from typing import Final

import dagster as dg

from hugflow.ledger.stages import PUBLISHING
from hugflow.stages.build.build import Build
from hugflow.stages.publishing.gate import Verdict
from hugflow.stages.publishing.judge_stored import judge_published, judge_stored
from hugflow.stages.tree.stored_dataset import look_again

# By the verdict's name: its meaning, and whether a failed one prevents publishing.
MEANING_BY_CHECK: Final = {
    "rows_complete": ("Each planned row was made, or failed for a recorded reason.", True),
    "bad_rows_in_budget": ("No more rows failed than max_bad_rows allows.", True),
    "policy_allows": ("hugflow.yaml on main allows licence, size and owner.", True),
    "audio_decodes": ("MP3s from all over decode to the length in their JSON.", True),
    "folder_loads": ("With VERIFY_LOAD: `datasets` loads the folder, with all its rows.", True),
    "commit_is_planned": ("The manifest names the commit and the plan in force.", False),
    "link_stands": ("The link in PROCESSED_ROOT leads to this dataset's tree.", False),
}


def check_specs(name: str) -> list[dg.AssetCheckSpec]:
    """The checks of a dataset, on its asset `processed`."""
    return [
        dg.AssetCheckSpec(
            check, asset=dg.AssetKey([name, PUBLISHING]), description=meaning, blocking=is_blocking
        )
        for check, (meaning, is_blocking) in MEANING_BY_CHECK.items()
    ]


def to_result(build: Build, verdict: Verdict) -> dg.AssetCheckResult:
    """A verdict as a check result, for the op that judged."""
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey([build.name, PUBLISHING]),
        check_name=verdict.name,
        passed=verdict.is_passed,
        description=verdict.what,
        metadata=_metadata(verdict),
    )


def published_results(build: Build) -> Iterator[dg.AssetCheckResult]:
    """The observations on a published dataset."""
    return (
        to_result(build, verdict)
        for verdict in judge_published(build, look_again(build.places, build.stored))
    )


def stored_evaluations(build: Build) -> Iterator[dg.AssetCheckEvaluation]:
    """Every check of a dataset that was published without Dagster, for Dagster's event log."""
    for verdict in judge_stored(build):
        _, is_blocking = MEANING_BY_CHECK[verdict.name]
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey([build.name, PUBLISHING]),
            check_name=verdict.name,
            passed=verdict.is_passed,
            description=verdict.what,
            metadata=_metadata(verdict),
            blocking=is_blocking,
        )


def _metadata(verdict: Verdict) -> dict[str, int | float | str]:
    metadata = dict(verdict.facts)
    if verdict.error is not None:
        metadata |= {"why": verdict.error.why, "mend": verdict.error.mend}
    return metadata
