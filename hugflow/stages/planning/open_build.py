"""Opening a build: with the plan in force for a request, or with a new one."""

import logging
from dataclasses import replace
from typing import Any

from hugflow.activity import step
from hugflow.audit import Deed, record
from hugflow.clients.hub import Hub
from hugflow.errors import PlanOutOfDate, StateUnreadable
from hugflow.requests.model import AddRequest
from hugflow.requests.policy import refuse_plan, refuse_request
from hugflow.shards.kept_fields import refuse_keep
from hugflow.shards.plan import Plan, plan_digest
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.plans import read_plan, write_current_plan
from hugflow.shards.resolve import fetch_plan
from hugflow.stages.build.build import Build, hold_dataset
from hugflow.stages.build.options import Options
from hugflow.stages.build.predecessor import Predecessor, find_predecessor
from hugflow.stages.planning.imports import noted_when_waiting, source_hub
from hugflow.stages.planning.rebuild_ledger import adopt_tree
from hugflow.stages.standing.obstacles import clear_obstacle
from hugflow.stages.tree.exchange import (
    choose_tree,
    read_standing,
    undo_half_exchange,
    write_standing,
)
from hugflow.stages.tree.exclusive import wait_for_shards
from hugflow.stages.tree.manifest import Manifest, ManifestSettings
from hugflow.stages.tree.stored_dataset import StoredDataset, read_stored_dataset
from hugflow.stages.tree.versions import find_version_of, shelve_replaced, use_version
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
    """Give the build of a request, and put the plan of `find_plan` into force.

    digest: the `plan_digest` that the plan must have; None accepts any plan.

    Raises PlanOutOfDate when the plan has another digest, or when an earlier version made the tree
    in storage; RequestInvalid and the Hub's errors while planning; PolicyRefuses when the policy
    forbids the dataset.
    """
    hub = source_hub(request, places, hub)
    with hold_dataset(places, request.name, options), noted_when_waiting(places, request.name):
        undo_half_exchange(places, request.name)
        stored = read_stored_dataset(places, request.name)
        plan = find_plan(request, stored, hub, options, update=update, renew=renew)
        if digest is not None:
            _refuse_other_plan(plan, request, digest)
        if stored.plan is None:
            _refuse_other_version(stored, plan)
        # Check this first: if the folder holds unknown rows, the plan must not come into force.
        standing = read_standing(places, stored.name, stored.manifest, plan.id)
        if stored.find_published(plan) is None:
            # A published dataset was allowed when it was made.
            refuse_request(options.policy, request.name, request.owner, request.publish_to)
            refuse_plan(options.policy, request.name, plan.licence, plan.source_bytes)
        if stored.plan_id != plan.id:
            _put_in_force(places, plan, stored.plan)
            record(places, _planned(plan, stored.plan, options))
        if standing not in (None, plan.id):
            stored, standing = _take_kept(places, stored, plan, standing, options)
        folder = choose_tree(places, plan, standing)
        is_beside = folder != stored.folder
        before = read_predecessor(places, plan, standing, stored) if is_beside else None
        stored = replace(stored, plan_id=plan.id, plan=plan)
        build = Build(request, plan, places, hub, options, folder, stored, before)
        adopt_tree(build)
        clear_obstacle(places, request.name)
        return build


def foresee_build(request: AddRequest, places: Places, hub: Hub, options: Options) -> Build:
    """The build that `open_build` would give; nothing is recorded or put into force.

    The path of its tree may change before the rows are made. Raises RequestInvalid, the Hub's
    errors and PolicyRefuses, as `open_build` does.
    """
    hub = source_hub(request, places, hub)
    stored = read_stored_dataset(places, request.name)
    plan = find_plan(request, stored, hub, options)
    if stored.find_published(plan) is None:
        refuse_request(options.policy, request.name, request.owner, request.publish_to)
        refuse_plan(options.policy, request.name, plan.licence, plan.source_bytes)
    return Build(request, plan, places, hub, options, stored.folder, stored)


def _take_kept(
    places: Places, stored: StoredDataset, plan: Plan, standing: str | None, options: Options
) -> tuple[StoredDataset, str | None]:
    """Use the kept version that this very plan made, if there is one, instead of making it again."""
    shelve_replaced(places, plan.dataset)
    version = find_version_of(places, plan.dataset, plan.id)
    if version is None:
        return stored, standing
    wait_for_shards(places, plan.dataset, options.lock_wait_s)
    use_version(places, version)
    write_standing(places, plan)
    log.info("%s: its version %s was kept, and is in use again", plan.dataset, version.id)
    return read_stored_dataset(places, plan.dataset), plan.id


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
    """The plan in force for a request, or the plan that a sync would put in force; not recorded.

    A dataset stays at its recorded commit. With a plan in force the Hub is not asked. If only the
    tree is left, it is planned at the commit in its manifest. A request that now asks for other
    rows is planned again, at the same commit.

    update: plan at the commit that the revision points to now.
    renew: use the present settings for fields that the request leaves out.
    """
    current = stored.plan
    defaults = options.row_defaults
    if current is not None and not renew:
        defaults = _planned_defaults(current.request, options)
    fields = PlanRequest.of(request, defaults)
    if current is not None and not update and not fields.differing(current.request):
        _refuse_fields(request, current)
        return current
    commit, files_commit = None, None
    if current is not None and not update:
        commit, files_commit = current.commit, current.files_commit
    elif stored.manifest is not None and not update:
        commit, files_commit = stored.manifest.commit, stored.manifest.source.commit
    with step(f"resolving {request.hf_id}"):
        plan = fetch_plan(hub, request.name, fields, commit=commit, files_commit=files_commit)
    _refuse_fields(request, plan)
    return current if current is not None and current.id == plan.id else plan


def _refuse_fields(request: AddRequest, plan: Plan) -> None:
    """Raise RequestInvalid for a `keep`, or row steps, over fields that the rows do not have."""
    refuse_keep(request, plan)
    if request.flows:
        # Imported only for such a request.
        from hugflow.stages.flowing.row_inputs import refuse_steps

        refuse_steps(plan, request.flows)


def changed_fields(request: AddRequest, planned: PlanRequest, options: Options) -> list[str]:
    """The fields in which the request asks for other rows than were planned.

    A field that is left out means the setting at the time of planning. So a later change of a
    setting changes no dataset, but deleting a line of the request does.
    """
    return PlanRequest.of(request, _planned_defaults(planned, options)).differing(planned)


def _planned_defaults(planned: PlanRequest, options: Options) -> dict[str, Any]:
    """Values of the fields that the request leaves out: as planned, unless it named them then."""
    return {
        name: default if name in planned.asked else getattr(planned, name)
        for name, default in options.row_defaults.items()
    }


def _refuse_other_plan(plan: Plan, request: AddRequest, agreed: str) -> None:
    """Refuse a plan with another digest: request, commit or files have changed since."""
    digest = plan_digest(plan, request)
    if digest != agreed.strip().lower():
        raise PlanOutOfDate(
            f"{plan.dataset}: the plan {agreed} is out of date",
            why=f"by now the request gives the plan {digest}, at commit {plan.commit[:7]}: its "
            "fields, the commit or the files have moved since",
            mend="look at `hugflow plan`, and give the digest that it names",
        )


def _refuse_other_version(stored: StoredDataset, plan: Plan) -> None:
    """Refuse a tree with the same rows under another plan: the form of rows has changed."""
    manifest = stored.manifest
    if manifest is not None and manifest.plan != plan.id and _is_same(manifest, plan):
        raise PlanOutOfDate(
            f"{plan.dataset}: the tree in storage was made by another plan",
            why=f"its manifest names the plan {manifest.plan}, the same request now gives "
            f"{plan.id}",
            mend=f"move {stored.folder.root} away, then run the same command again",
        )


def _is_same(manifest: Manifest, plan: Plan) -> bool:
    """Whether a manifest and a plan mean the same rows."""
    return (
        manifest.commit == plan.commit
        and manifest.all_audio == plan.all_audio
        and manifest.text_column == plan.text_column
        and manifest.settings == ManifestSettings.of(plan.request, manifest.settings.max_bad_rows)
    )


def _put_in_force(places: Places, plan: Plan, current: Plan | None) -> None:
    if current is not None:
        moved = "other rows are asked for" if current.commit == plan.commit else "another commit"
        log.info("%s is planned again: %s", plan.dataset, moved)
    for warning in plan.warnings:
        log.warning("%s: %s", plan.dataset, warning)
    write_current_plan(places, plan)


def read_predecessor(
    places: Places, plan: Plan, standing: str | None, stored: StoredDataset
) -> Predecessor | None:
    """What can be reused from another tree; None if its plan cannot be read.

    standing: the result of `read_standing`.
    stored: the dataset before `plan` came into force; often the tree was made by its plan.
    """
    if standing is None or standing == plan.id:
        return None
    old = stored.plan
    if old is None or old.id != standing:
        try:
            old = read_plan(places, plan.dataset, standing)
        except StateUnreadable:
            return None
    return find_predecessor(old, plan) if old is not None else None
