"""The sensor that checks once a day whether datasets have moved on upstream."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

# Evaluated often, so that the first run starts soon after the platform; each day has one run.
INTERVAL_S = 3600
# The hour of the day, UTC: before most people start work.
HOUR = 5


def build_drift_daily(checks: Sequence[dg.AssetChecksDefinition]) -> dg.SensorDefinition:
    """Give the sensor that asks for one run a day of `drift`, over all datasets.

    A schedule would need its own job, and the job a snapshot of every check: that takes a second
    with a thousand datasets.
    """
    keys = sorted((key for check in checks for key in check.check_keys), key=str)

    @dg.sensor(
        name="drift_daily",
        asset_selection=dg.AssetSelection.checks(*checks),
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sees once a day whether datasets have moved on upstream.",
    )
    def drift_daily(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        day = day_of(time.time())
        if context.cursor == day:
            return dg.SkipReason(f"looked on {day}; once a day")
        request = dg.RunRequest(
            run_key=f"drift/{day}",
            asset_selection=[],
            asset_check_keys=keys,
        )
        return dg.SensorResult(run_requests=[request], cursor=day)

    return drift_daily


def day_of(now: float) -> str:
    """The day of a time, as `2026-11-22`; days begin at HOUR."""
    return datetime.fromtimestamp(now - HOUR * 3600, UTC).date().isoformat()
