"""Opening a build: the plan that is in force for a request, or a new one."""

import logging

from hugflow.clients.hub import Hub
from hugflow.errors import PlanOutOfDate, StateUnreadable
from hugflow.requests.model import AddRequest
from hugflow.shards.plan import Plan, PlanRequest
from hugflow.shards.plans import read_current_plan, write_current_plan
from hugflow.shards.resolve import Asked, fetch_plan
from hugflow.stages.adopt import adopt_tree
from hugflow.stages.build import Build, hold_dataset
from hugflow.stages.manifest import read_manifest
from hugflow.stages.options import Options
from hugflow.store.layout import DatasetFolder, Places

log = logging.getLogger(__name__)


def open_build(request: AddRequest, places: Places, hub: Hub, options: Options) -> Build:
    """Give the build of a request, under the plan in force; plan it when nothing is.

    A dataset stays at its recorded commit: with a plan in force the Hub is not asked, and where
    only the tree is left, it is planned at the commit its manifest names.

    Raises PlanOutOfDate when the request now asks for other rows than the plan; RequestInvalid
    and the Hub's errors while planning.
    """
    with hold_dataset(places, request.name, options.lock_wait_s):
        plan = read_current_plan(places, request.name)
        if plan is None:
            plan = _plan_anew(request, places, hub, options)
        else:
            _refuse_other_rows(request, plan)
        build = Build(request, plan, places, hub, options)
        adopt_tree(build)
        return build


def _fetch_request_plan(
    request: AddRequest, hub: Hub, mp3_source: str, *, commit: str | None
) -> Plan:
    asked = Asked(
        audio_column=request.is_asked("audio_column"), text_column=request.is_asked("text_column")
    )
    fields = PlanRequest(
        hf_id=request.hf_id,
        subset=request.subset,
        split=request.split,
        revision=request.revision,
        audio_column=request.audio_column,
        text_column=request.text_column,
        mp3_source=request.mp3_source or mp3_source,
    )
    return fetch_plan(hub, request.name, fields, asked, commit=commit)


def _plan_anew(request: AddRequest, places: Places, hub: Hub, options: Options) -> Plan:
    manifest = read_manifest(places.dataset(request.name).manifest)
    commit = manifest.get("commit") if manifest is not None else None
    plan = _fetch_request_plan(request, hub, options.mp3_source, commit=commit)
    if manifest is not None and manifest.get("plan") != plan.id:
        raise PlanOutOfDate(
            f"{request.name}: the tree in storage was made by another plan",
            why=f"its manifest names the plan {manifest.get('plan')}, the request now gives "
            f"{plan.id}",
            mend=f"move {places.dataset(request.name).root} away, then run the same command again",
        )
    if manifest is None and not places.state(request.name, plan.id).ledger.exists():
        _refuse_unknown_tree(places.dataset(request.name))
    for warning in plan.warnings:
        log.warning("%s: %s", request.name, warning)
    write_current_plan(places, plan)
    return plan


def _refuse_unknown_tree(folder: DatasetFolder) -> None:
    """Refuse rows of which neither a manifest nor a ledger says what they are rows of.

    They may be of another commit, and mixing two is worse than stopping.
    """
    for part in (folder.json, folder.audio):
        if part.is_dir() and any(part.iterdir()):
            raise StateUnreadable(
                f"{folder.root} holds rows, and nothing says what they are rows of",
                why="it is not complete, and STATE_DIR has no ledger of it: the state was lost, or "
                "is another one",
                mend="point STATE_DIR to the state it was made with, or move the folder away",
            )


def _refuse_other_rows(request: AddRequest, plan: Plan) -> None:
    """Refuse a plan whose rows are not those the request asks for now."""
    planned = plan.request
    # `mp3_source` left out means the setting, and a setting that changes later alters no dataset.
    asked = request.row_fields(mp3_source=planned.mp3_source)
    changed = [name for name, value in asked.items() if getattr(planned, name) != value]
    if changed:
        name = changed[0]
        raise PlanOutOfDate(
            f"{request.name}: {name} has changed since it was planned",
            why=f"it was planned with {getattr(planned, name)!r}, the request now says "
            f"{asked[name]!r}: that gives other rows",
            mend="put the old value back, or request the new rows under another revision",
        )
