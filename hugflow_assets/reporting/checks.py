"""Asset checks: the results of the gate, and observations on a published dataset."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final

import dagster as dg

from hugflow.errors import HubUnavailable, HugflowError
from hugflow.ledger.stages import PUBLISHING
from hugflow.pushing.onward import Onward
from hugflow.stages.build.build import Build
from hugflow.stages.publishing.gate import GateResult
from hugflow.stages.publishing.judge_stored import judge_published, judge_stored
from hugflow.stages.tree.stored_dataset import look_again
from hugflow_resources.asset_keys import stage_key

PLANNED: Final = "can_be_planned"
FAILED_ROWS: Final = "no_failed_rows"
PUSHED: Final = "pushed"
# Judged only where a setting asks for it.
OPTIONAL: Final = {"folder_loads": "VERIFY_LOAD is false"}

# By the result's name: its meaning, and whether a failed one prevents publishing.
MEANING_BY_CHECK: Final = {
    "rows_complete": ("Each planned row was made, or failed for a recorded reason.", True),
    "bad_rows_in_budget": ("No more rows failed than max_bad_rows allows.", True),
    "policy_allows": ("hugflow.yaml on main allows licence, size and owner.", True),
    "audio_decodes": ("MP3s from all over decode to the length in their JSON.", True),
    "folder_loads": ("With VERIFY_LOAD: `datasets` loads the folder, with all its rows.", True),
    "commit_is_planned": ("The manifest names the commit and the plan in force.", False),
    "link_stands": ("The link in PROCESSED_ROOT leads to this dataset's tree.", False),
}


def plan_check_spec(name: str) -> dg.AssetCheckSpec:
    """The check of a dataset on its asset `plan`."""
    return dg.AssetCheckSpec(
        PLANNED,
        asset=stage_key(name, "plan"),
        description="The Hub has what the request asks for, and it can be read.",
    )


def planned_result(name: str, error: HugflowError | None = None) -> dg.AssetCheckResult:
    """Whether the request could be planned, for the op that planned."""
    return dg.AssetCheckResult(**_planned(name, error))


def planned_evaluation(name: str, error: HugflowError | None = None) -> dg.AssetCheckEvaluation:
    """The same for the sensor, which plans without a run."""
    return dg.AssetCheckEvaluation(**_planned(name, error), blocking=False)


def _planned(name: str, error: HugflowError | None) -> dict[str, Any]:
    return {
        "asset_key": stage_key(name, "plan"),
        "check_name": PLANNED,
        "passed": error is None,
        "severity": _severity(error),
        "description": error.what if error is not None else "it is planned",
        "metadata": {"why": error.why, "fix": error.mend} if error is not None else {},
    }


def _severity(error: HugflowError | None) -> dg.AssetCheckSeverity:
    """A Hub that does not answer says nothing about the request: the sensor tries again."""
    is_passing = isinstance(error, HubUnavailable)
    return dg.AssetCheckSeverity.WARN if is_passing else dg.AssetCheckSeverity.ERROR


def failed_rows_result(name: str, rows: int, failed: int) -> dg.AssetCheckResult:
    """A warning where rows of a run failed; rows: those that were made."""
    return dg.AssetCheckResult(
        asset_key=stage_key(name, "audio"),
        check_name=FAILED_ROWS,
        passed=not failed,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{failed:,} of {rows + failed:,} rows of this run failed",
        metadata={"failed_rows": failed, "rows": rows},
    )


def unjudged_results(
    name: str, selected: AbstractSet[dg.AssetCheckKey], judged: AbstractSet[str], why: str | None
) -> Iterator[dg.AssetCheckResult]:
    """A result for each selected check that has none: otherwise the UI says "Execution failed".

    why: what keeps the dataset from being judged; None if it was judged. It is a warning, which
        blocks nothing.
    """
    for key in selected:
        if key.name in judged or key.name not in (*MEANING_BY_CHECK, PUSHED):
            continue
        is_optional = why is None and key.name in OPTIONAL
        yield dg.AssetCheckResult(
            asset_key=stage_key(name, PUBLISHING),
            check_name=key.name,
            passed=is_optional,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"not judged: {OPTIONAL[key.name] if is_optional else why}",
        )


def unjudged_evaluations(
    name: str, selected: AbstractSet[dg.AssetCheckKey], why: str
) -> Iterator[dg.AssetCheckEvaluation]:
    """The same for checks of an op that is skipped, because the one before it failed."""
    for result in unjudged_results(name, selected, frozenset(), why):
        yield dg.AssetCheckEvaluation(
            asset_key=stage_key(name, PUBLISHING),
            check_name=str(result.check_name),
            passed=result.passed,
            severity=result.severity,
            description=result.description,
            blocking=False,
        )


def check_specs(name: str, *, is_pushed: bool = False) -> list[dg.AssetCheckSpec]:
    """The checks of a dataset, on its assets `audio` and `processed`.

    is_pushed: its request says `publish_to`.
    """
    pushed = dg.AssetCheckSpec(
        PUSHED,
        asset=stage_key(name, PUBLISHING),
        description="This version is at the place that publish_to of the request names.",
    )
    failed_rows = dg.AssetCheckSpec(
        FAILED_ROWS,
        asset=stage_key(name, "audio"),
        description="No row of the last run failed; a warning never stops a run.",
    )
    return [
        failed_rows,
        *(
            dg.AssetCheckSpec(
                check,
                asset=stage_key(name, PUBLISHING),
                description=meaning,
                blocking=is_blocking,
            )
            for check, (meaning, is_blocking) in MEANING_BY_CHECK.items()
        ),
        *([pushed] if is_pushed else []),
    ]


def to_result(build: Build, result: GateResult) -> dg.AssetCheckResult:
    """A result as a check result, for the op that judged."""
    return dg.AssetCheckResult(
        asset_key=stage_key(build.name, PUBLISHING),
        check_name=result.name,
        passed=result.is_passed,
        description=result.what,
        metadata=_metadata(result),
    )


def pushed_result(name: str, onward: Onward) -> dg.AssetCheckResult:
    """Whether a published dataset is at the place that its request names; it blocks nothing."""
    push, error = onward.push, onward.error
    facts = {"to": push.to, "version": push.pushed, "address": push.address}
    facts |= {"why": push.why, "fix": push.mend}
    return dg.AssetCheckResult(
        asset_key=stage_key(name, PUBLISHING),
        check_name=PUSHED,
        passed=error is None,
        severity=dg.AssetCheckSeverity.ERROR,
        description=error.what if error is not None else f"it is at {push.address}",
        metadata={key: value for key, value in facts.items() if value is not None},
    )


def published_results(build: Build) -> Iterator[dg.AssetCheckResult]:
    """The observations on a published dataset."""
    return (
        to_result(build, result)
        for result in judge_published(build, look_again(build.places, build.stored))
    )


def stored_evaluations(build: Build) -> Iterator[dg.AssetCheckEvaluation]:
    """Every check of a dataset that was published without Dagster, for Dagster's event log."""
    for result in judge_stored(build):
        _, is_blocking = MEANING_BY_CHECK[result.name]
        yield dg.AssetCheckEvaluation(
            asset_key=stage_key(build.name, PUBLISHING),
            check_name=result.name,
            passed=result.is_passed,
            description=result.what,
            metadata=_metadata(result),
            blocking=is_blocking,
        )


def _metadata(result: GateResult) -> dict[str, int | float | str]:
    metadata = dict(result.facts)
    if result.error is not None:
        metadata |= {"why": result.error.why, "fix": result.error.mend}
    return metadata
