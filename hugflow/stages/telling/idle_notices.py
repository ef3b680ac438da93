"""Notices of datasets that no process works on, from their plans and the disk."""

from dataclasses import replace
from datetime import datetime, timedelta

from hugflow.ledger.progress import Status
from hugflow.notify.conversation import PlanFacts
from hugflow.notify.notices import Notice, read_notice, write_notice
from hugflow.requests.model import AddRequest
from hugflow.shards.plan import Plan, plan_summary
from hugflow.stages.planning.estimate import Estimate
from hugflow.stages.standing.status import DatasetStatus, read_status
from hugflow.store.layout import Places

# A run holds no lock for a moment between its last shard and publishing.
QUIET = timedelta(seconds=30)


def plan_facts(
    plan: Plan, *, digest: str | None = None, estimated: Estimate | None = None
) -> PlanFacts:
    """The notice of a plan, with its estimate if there is one."""
    facts = PlanFacts(
        plan=plan.id,
        commit=plan.commit,
        rows=plan.rows,
        files=plan.file_count,
        source_bytes=plan.source_bytes,
        disk_bytes=plan_summary(plan)["disk_needed_bytes"],
        licence=plan.licence,
        is_gated=plan.is_gated,
        warnings=plan.warnings,
        digest=digest,
    )
    if estimated is None:
        return facts
    return replace(
        facts,
        hours=estimated.hours,
        is_sampled=estimated.basis == "sampled",
        mp3_bytes=estimated.mp3_bytes,
        disk_bytes=estimated.peak_bytes,
        made_files=estimated.files,
        quota_left_bytes=estimated.quota_left_bytes,
        rate_floor_s=estimated.rate_floor_s,
        eta_s=estimated.eta_s,
    )


def status_notice(status: DatasetStatus, request: AddRequest, now: datetime) -> Notice:
    """The notice of a dataset as it is on disk, such as a complete one."""
    notice = Notice(status.name, request.hf_id, status.state, now, request=request.digest)
    return _fill(notice, status)


def correct_notice(places: Places, name: str, now: datetime) -> Status | None:
    """Correct a stale `downloading` notice left by a killed run; return the state it has now.

    A killed process writes no last notice. If a notice is old, says that a dataset is being made,
    and no process holds a lock of the dataset, the disk gives its state. None without a notice.
    """
    notice = read_notice(places, name)
    if notice is None:
        return None
    if notice.state != "downloading" or now - notice.at < QUIET:
        return notice.state
    status = read_status(places, name)
    if status.state != "downloading":
        notice = _fill(replace(notice, state=status.state, at=now), status)
        write_notice(places, notice)
    return notice.state


def _fill(notice: Notice, status: DatasetStatus) -> Notice:
    is_complete = status.state == "completed"
    return replace(
        notice,
        rows=status.rows,
        total_rows=status.total_rows,
        failed_rows=status.failed_rows,
        rows_per_second=None,
        location=status.location if is_complete else None,
        link=status.link if is_complete else None,
        commit=status.commit,
    )
