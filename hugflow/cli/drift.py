"""The command `drift`: whether datasets are still what was planned and made, and the way back."""

from collections.abc import Sequence
from dataclasses import asdict, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.audit import this_user
from hugflow.cli.asked import read_project_requests
from hugflow.cli.builds import choose_statuses, open_hub, open_project, open_request
from hugflow.cli.options import EXIT_DIFFERENT, AsJson, Names, WaitSeconds
from hugflow.cli.output import failed_entry, print_data, print_error, print_json, print_talk
from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.requests.model import AddRequest
from hugflow.settings import ProjectSettings

if TYPE_CHECKING:
    from hugflow.shards.plan import Plan
    from hugflow.stages.standing.drift import Drift
    from hugflow.stages.standing.status import DatasetStatus
    from hugflow.verify.differences import Difference
    from hugflow.verify.drift import DriftFinding


def drift(
    names: Names = None,
    is_fixing: Annotated[
        bool,
        typer.Option(
            "--fix",
            help="Make damaged and missing rows again, set the link, move unknown files away.",
        ),
    ] = False,
    is_quick: Annotated[
        bool, typer.Option("--quick", help="Look at names and sizes of files, not into them.")
    ] = False,
    as_json: AsJson = False,
    wait_s: WaitSeconds = 0,
) -> None:
    """Look whether datasets are still what was planned and made: all of them, or some.

    Asks the Hub whether sources have moved on, compares requests with plans, and files and links
    with what was made. Exits with 3 when anything differs. Nothing is changed without --fix, which
    makes exactly the damaged and missing rows again; it deletes nothing, and does not follow a
    source or a request that has changed. Unknown folders beside datasets are named and left alone.
    """
    from hugflow.verify.drift import find_orphan_folders

    project = open_project()
    requests = read_project_requests(project)
    statuses = choose_statuses(project, requests, names)
    request_by_name = {file.request.name: file.request for file in requests.adds}
    looks: list[_Look] = []
    for status in statuses:
        look = _look(project, status, request_by_name.get(status.name), is_quick=is_quick)
        if is_fixing and look.differences:
            _fix(project, look, wait_s)
            if look.differences and look.error is None and (look.moved or look.made):
                # Damaged rows were found behind a damaged index.
                _fix(project, look, wait_s)
        looks.append(look)
        if not as_json:
            _print(look)
    orphans = find_orphan_folders(project.places) if not names else []
    shown = [look for look in looks if look.is_shown]
    if as_json:
        entries = [_entry(look) for look in shown]
        print_json({"datasets": entries, "orphans": [asdict(each) for each in orphans]})
    else:
        for orphan in orphans:
            print_data(f"orphan: {orphan.path}: {orphan.what}")
        if not shown:
            print_data("no dataset is planned yet")
    code = next((look.error.exit_code for look in looks if look.error is not None), 0)
    if code or orphans or any(look.findings for look in looks):
        raise typer.Exit(code or EXIT_DIFFERENT)


@dataclass(slots=True)
class _Look:
    """What was found of one dataset.

    upstream: the Hub's answer; None without a plan, or when it could not be asked.
    request: None if the project does not ask for the dataset.
    error: of the Hub, or of fixing.
    made, moved: rows that were made again, and files that were moved away.
    fixed: findings that fixing has ended.
    """

    status: "DatasetStatus"
    request: AddRequest | None
    upstream: "Drift | None" = None
    findings: "list[DriftFinding]" = field(default_factory=list)
    differences: "list[Difference]" = field(default_factory=list)
    error: HugflowError | None = None
    made: int = 0
    moved: int = 0
    fixed: "list[DriftFinding]" = field(default_factory=list)

    @property
    def is_shown(self) -> bool:
        is_fixed = self.made > 0 or self.moved > 0
        is_known = self.upstream is not None or self.error is not None
        return is_known or is_fixed or bool(self.findings)


def _look(
    project: ProjectSettings,
    status: "DatasetStatus",
    request: AddRequest | None,
    *,
    is_quick: bool,
) -> _Look:
    from hugflow.stages.standing.drift import find_drift
    from hugflow.verify.drift import find_changed_request

    look = _Look(status, request)
    try:
        with step(f"asking the Hub about {status.name}"):
            now = datetime.now(UTC)
            look.upstream = find_drift(project.places, status.name, open_hub(project), now)
    except HugflowError as error:
        print_error(error)
        look.error = error
    if look.upstream is not None:
        look.findings += _of_upstream(look.upstream)
        plan = look.upstream.plan
        look.findings += find_changed_request(request, plan, project.options_without_policy)
    _compare_files(project, look, is_quick=is_quick)
    return look


def _of_upstream(found: "Drift") -> "list[DriftFinding]":
    from hugflow.verify.drift import DriftFinding

    if found.gone is not None:
        return [DriftFinding("upstream gone", found.words)]
    return [DriftFinding("upstream moved", found.words)] if found.has_moved else []


def _compare_files(project: ProjectSettings, look: _Look, *, is_quick: bool) -> None:
    """Add what differs on disk; only of a dataset that is complete or was."""
    from hugflow.verify.dataset import verify_dataset
    from hugflow.verify.drift import to_findings, without_consequences

    if look.status.state not in ("completed", "incomplete"):
        return
    places, name = project.places, look.status.name
    workers = project.options_without_policy.workers
    with step(f"comparing the files of {name}"):
        found = verify_dataset(places, name, deep=not is_quick, workers=workers)
        look.differences = without_consequences(list(found))
    look.findings += to_findings(look.differences)


def _fix(project: ProjectSettings, look: _Look, wait_s: float) -> None:
    """Fix the files and the link of a dataset; what is left stays among the findings."""
    from hugflow.shards.plan import plan_digest
    from hugflow.stages.standing.status import read_status
    from hugflow.stages.sync import sync_dataset
    from hugflow.verify.drift import set_aside

    name, now, request = look.status.name, datetime.now(UTC), look.request
    before: Sequence[DriftFinding] = look.findings
    try:
        plan = _find_plan_of_tree(project, request) if request is not None else None
        if request is not None and plan is None:
            print_talk(f"{name}: nothing was fixed: its request has changed; sync it, or revert it")
            return
        moved = set_aside(
            project.places, name, look.differences, now, actor=this_user(), wait_s=wait_s
        )
        look.moved += len(moved)
        if request is not None and plan is not None:
            digest = plan_digest(plan, request)
            build = open_request(project, request, wait_s=wait_s, digest=digest)
            look.made += sync_dataset(build).new_rows
        else:
            print_talk(f"{name}: no request asks for it, so no row is made again")
    except HugflowError as error:
        print_error(error)
        look.error = error
    look.status = read_status(project.places, name, look.status.request)
    look.findings = [each for each in before if each.path is None]
    _compare_files(project, look, is_quick=False)
    look.fixed += [each for each in before if each not in look.findings]


def _find_plan_of_tree(project: ProjectSettings, request: AddRequest) -> "Plan | None":
    """The plan that a sync of the request uses; None if that would make other rows than before."""
    from hugflow.stages.planning.open_build import foresee_build
    from hugflow.stages.tree.stored_dataset import read_stored_dataset
    from hugflow.verify.drift import find_changed_request

    options = project.options_without_policy
    stored = read_stored_dataset(project.places, request.name)
    if stored.plan is not None:
        return None if find_changed_request(request, stored.plan, options) else stored.plan
    # The state was lost: a sync plans at the commit of the tree.
    plan = foresee_build(request, project.places, open_hub(project), options).plan
    return plan if stored.manifest is None or stored.manifest.plan == plan.id else None


def _print(look: _Look) -> None:
    name = look.status.name
    if look.upstream is not None:
        print_data(f"{name}: {look.upstream.words}")
        if advice := _advise(look.status, look.upstream):
            print_data(f"  {advice}")
    for finding in look.findings:
        if finding.kind not in ("upstream moved", "upstream gone"):
            print_data(f"{name}: {finding.kind}: {_place(finding)}{finding.what}")
    for finding in look.fixed:
        print_data(f"{name}: fixed: {finding.kind}: {_place(finding)}{finding.what}")
    if look.made or look.moved:
        print_data(
            f"  made again: {count(look.made, 'row')}; moved away: {count(look.moved, 'file')}"
        )


def _place(finding: "DriftFinding") -> str:
    row = f"row {finding.row}, " if finding.row is not None else ""
    return f"{row}{finding.path}: " if finding.path is not None else ""


def _entry(look: _Look) -> dict[str, Any]:
    if look.upstream is None and look.error is not None:
        failed = failed_entry(look.status.request or "", look.error, look.status.name)
        return {**failed, "findings": [asdict(each) for each in look.findings]}
    found = look.upstream
    return {
        "name": look.status.name,
        "request": look.status.request,
        "state": look.status.state,
        "note": found.note if found is not None else None,
        "has_moved": found is not None and found.has_moved,
        "commit": found.plan.commit if found is not None else None,
        "upstream": found.upstream if found is not None else None,
        "files_commit": found.plan.files_commit if found is not None else None,
        "conversion": found.conversion if found is not None else None,
        "why": found.gone if found is not None else None,
        "findings": [asdict(each) for each in look.findings],
        "fixed": [asdict(each) for each in look.fixed],
        "rows_made": look.made,
        "files_moved": look.moved,
    }


def _advise(status: "DatasetStatus", found: "Drift") -> str | None:
    if found.gone is not None:
        return "what is published stays" if status.link is not None else None
    if not found.has_moved:
        return None
    return f"to follow it: hugflow plan {status.request or 'FILE'} --update"
