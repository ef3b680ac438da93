"""Opening a build: the plan that is in force for a request, or a new one."""

import logging
from dataclasses import replace
from typing import Any

from hugflow.audit import Deed, record
from hugflow.clients.hub import Hub
from hugflow.errors import PlanOutOfDate, StateUnreadable
from hugflow.requests.model import AddRequest
from hugflow.requests.policy import refuse_plan, refuse_request
from hugflow.shards.plan import Plan, plan_digest
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.plans import read_plan, write_current_plan
from hugflow.shards.resolve import fetch_plan
from hugflow.stages.build.build import Build, hold_dataset
from hugflow.stages.build.options import Options
from hugflow.stages.build.predecessor import Predecessor, find_predecessor
from hugflow.stages.planning.rebuild_ledger import adopt_tree
from hugflow.stages.tree.exchange import choose_tree, read_standing, undo_half_exchange
from hugflow.stages.tree.manifest import Manifest
from hugflow.stages.tree.stored_dataset import StoredDataset, read_stored_dataset
from hugflow.store.layout import Places

log = logging.getLogger(__name__)


def open_build(
    request: AddRequest,
    places: Places,
    hub: Hub,
    options: Options,
    *,
    update: bool = False,
    renew: bool = False,
    digest: str | None = None,
) -> Build:
    """Give the build of a request, under the plan that `find_plan` gives, which comes into force.

    digest: of the plan that was agreed to (`plan_digest`); another one does not come into force.

    Raises PlanOutOfDate for such a one, and when the tree in storage was made by an earlier
    version; RequestInvalid and the Hub's errors while planning; PolicyRefuses for what may not be
    made.
    """
    with hold_dataset(places, request.name, options):
        undo_half_exchange(places, request.name)
        stored = read_stored_dataset(places, request.name)
        plan = find_plan(request, stored, hub, options, update=update, renew=renew)
        if digest is not None:
            _refuse_other_plan(plan, request, digest)
        if stored.plan is None:
            _refuse_other_version(stored, plan)
        # Before the plan comes into force: it must not, where the folder holds unknown rows.
        standing = read_standing(places, stored.name, stored.manifest, plan.id)
        if stored.find_published(plan) is None:
            # What is published was allowed then.
            refuse_request(options.policy, request.name, request.owner)
            refuse_plan(options.policy, request.name, plan.licence, plan.source_bytes)
        if stored.plan_id != plan.id:
            _put_in_force(places, plan, stored.plan)
            record(places, _planned(plan, stored.plan, options))
        folder = choose_tree(places, plan, standing)
        is_beside = folder != stored.folder
        before = read_predecessor(places, plan, standing) if is_beside else None
        stored = replace(stored, plan_id=plan.id, plan=plan)
        build = Build(request, plan, places, hub, options, folder, stored, before)
        adopt_tree(build)
        return build


def foresee_build(request: AddRequest, places: Places, hub: Hub, options: Options) -> Build:
    """The build that `open_build` would give: nothing is recorded, and nothing comes into force.

    Its tree may be another one's by the time it is made. Raises RequestInvalid, the Hub's errors and
    PolicyRefuses, as `open_build` does.
    """
    stored = read_stored_dataset(places, request.name)
    plan = find_plan(request, stored, hub, options)
    if stored.find_published(plan) is None:
        refuse_request(options.policy, request.name, request.owner)
        refuse_plan(options.policy, request.name, plan.licence, plan.source_bytes)
    return Build(request, plan, places, hub, options, stored.folder, stored)


def _planned(plan: Plan, before: Plan | None, options: Options) -> Deed:
    result: dict[str, int | str] = {"rows": plan.rows} if plan.rows is not None else {}
    result |= {"files": plan.file_count, "bytes": plan.source_bytes}
    if before is not None:
        result |= {"in_place_of": before.id}
    return Deed(options.actor, "planned", plan.dataset, plan.commit, plan.id, result)


def find_plan(
    request: AddRequest,
    stored: StoredDataset,
    hub: Hub,
    options: Options,
    *,
    update: bool = False,
    renew: bool = False,
) -> Plan:
    """The plan in force for a request, or the one that a sync would put in force; none is recorded.

    A dataset stays at its recorded commit: with a plan in force the Hub is not asked, and where
    only the tree is left, it is planned at the commit its manifest names. A request that came to
    ask for other rows is planned again, at that same commit.
    update: at the commit that the revision points to now. renew: by the settings of now, where the
    request leaves something to them.
    """
    current = stored.plan
    defaults = options.row_defaults
    if current is not None and not renew:
        defaults = _planned_defaults(current.request, options)
    fields = PlanRequest.of(request, defaults)
    if current is not None and not update and not fields.differing(current.request):
        return current
    commit, files_commit = None, None
    if current is not None and not update:
        commit, files_commit = current.commit, current.files_commit
    elif stored.manifest is not None and not update:
        commit, files_commit = stored.manifest.commit, stored.manifest.source.commit
    plan = fetch_plan(hub, request.name, fields, commit=commit, files_commit=files_commit)
    return current if current is not None and current.id == plan.id else plan


def changed_fields(request: AddRequest, planned: PlanRequest, options: Options) -> list[str]:
    """The fields by which the request asks for other rows than were planned.

    One that is left out means the setting of the time when it was planned. A setting that changes
    later alters no dataset; a line that is taken out of the request does.
    """
    return PlanRequest.of(request, _planned_defaults(planned, options)).differing(planned)


def _planned_defaults(planned: PlanRequest, options: Options) -> dict[str, Any]:
    """What stands for fields that the request leaves out: as then, unless it named them then."""
    return {
        name: default if name in planned.asked else getattr(planned, name)
        for name, default in options.row_defaults.items()
    }


def _refuse_other_plan(plan: Plan, request: AddRequest, agreed: str) -> None:
    """Refuse what was not agreed to: the request, the commit or the files moved since."""
    digest = plan_digest(plan, request)
    if digest != agreed.strip().lower():
        raise PlanOutOfDate(
            f"{plan.dataset}: the plan {agreed} is out of date",
            why=f"by now the request gives the plan {digest}, at commit {plan.commit[:7]}: its "
            "fields, the commit or the files have moved since",
            mend="look at `hugflow plan`, and give the digest that it names",
        )


def _refuse_other_version(stored: StoredDataset, plan: Plan) -> None:
    """Refuse a tree that was made of the same rows under another plan: their form has changed."""
    manifest = stored.manifest
    if manifest is not None and manifest.plan != plan.id and _is_same(manifest, plan):
        raise PlanOutOfDate(
            f"{plan.dataset}: the tree in storage was made by another plan",
            why=f"its manifest names the plan {manifest.plan}, the same request now gives "
            f"{plan.id}",
            mend=f"move {stored.folder.root} away, then run the same command again",
        )


def _is_same(manifest: Manifest, plan: Plan) -> bool:
    """Whether a manifest speaks of the rows that the plan speaks of."""
    return (
        manifest.commit == plan.commit
        and manifest.audio_column == plan.audio_column
        and manifest.text_column == plan.text_column
        and manifest.settings.mp3_source == plan.request.mp3_source
    )


def _put_in_force(places: Places, plan: Plan, current: Plan | None) -> None:
    if current is not None:
        moved = "other rows are asked for" if current.commit == plan.commit else "another commit"
        log.info("%s is planned again: %s", plan.dataset, moved)
    for warning in plan.warnings:
        log.warning("%s: %s", plan.dataset, warning)
    write_current_plan(places, plan)


def read_predecessor(places: Places, plan: Plan, standing: str | None) -> Predecessor | None:
    """What can be taken over from another tree; None where its plan cannot be read.

    standing: what `read_standing` gives.
    """
    if standing is None or standing == plan.id:
        return None
    try:
        old = read_plan(places, plan.dataset, standing)
    except StateUnreadable:
        return None
    return find_predecessor(old, plan) if old is not None else None
