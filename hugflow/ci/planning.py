"""Plans for a pull request: a build for each add, and what each removal would delete."""

import logging
from collections.abc import Callable
from dataclasses import field, replace
from datetime import datetime

from hugflow.amounts import count, human_bytes
from hugflow.clients.hub import Hub
from hugflow.errors import HugflowError, RequestInvalid
from hugflow.late_dataclass import dataclass
from hugflow.notify.conversation import Line, PlanFacts
from hugflow.notify.lines import to_lines
from hugflow.notify.notices import Failure, Notice
from hugflow.removal.remove import Removal, plan_removal
from hugflow.removal.uses import refuse_used
from hugflow.requests.collect import MOST_TOGETHER, AddFile, RemovalFile, RequestSet, is_unconfirmed
from hugflow.requests.model import AddRequest
from hugflow.requests.problems import Problem
from hugflow.shards.plan import plan_digest
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.planning.estimate import Estimate, estimate
from hugflow.stages.planning.expand import expand_request
from hugflow.stages.planning.open_build import foresee_build, open_build
from hugflow.stages.standing.status import to_status
from hugflow.stages.telling.idle_notices import plan_facts, status_notice
from hugflow.store.layout import Places

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Proposal:
    """What is planned for a pull request.

    lines: one for each request file, for the reports.
    builds: what has to be made, by path of the request.
    complete: builds that are complete already, by path of the request.
    failed: why a request cannot be carried out, by path.
    """

    lines: list[Line] = field(default_factory=list)
    builds: dict[str, Build] = field(default_factory=dict)
    complete: dict[str, Build] = field(default_factory=dict)
    failed: dict[str, HugflowError] = field(default_factory=dict)

    @property
    def has_removals(self) -> bool:
        """Whether there is a removal."""
        return any(line.kind == "remove" for line in self.lines)

    def try_failed_rows(self) -> None:
        """Let complete datasets with failed rows be made again, for these rows."""
        for path, build in list(self.complete.items()):
            manifest = build.stored.manifest
            if manifest is not None and manifest.rows.failed:
                self.builds[path] = self.complete.pop(path)


@dataclass(frozen=True, slots=True)
class Planner:
    """The means of planning.

    is_binding: the plans are stored; if False, planning changes nothing in storage, because the
        pull request may never be merged.
    """

    places: Places
    hub: Hub
    options: Options
    is_binding: bool
    clock: Callable[[], datetime]

    def plan(self, requests: RequestSet) -> Proposal:
        """Plan every request; a wrong request does not stop the others."""
        proposal = Proposal()
        facts: dict[str, PlanFacts] = {}
        notices: dict[str, Notice] = {}
        for problem in requests.problems:
            proposal.failed.setdefault(problem.path, _refusal(problem))
        requests = self._expand(requests, proposal)
        for add in requests.adds:
            if add.path in proposal.failed:
                notices[add.path] = self._failed(add.request, proposal.failed[add.path])
                continue
            try:
                build, told = self._plan_add(add.request)
            except HugflowError as error:
                proposal.failed[add.path] = error
                notices[add.path] = self._failed(add.request, error)
                continue
            facts[add.path] = told
            if build.stored.find_published(build.plan) is not None:
                proposal.complete[add.path] = build
                status = to_status(self.places, build.stored)
                notices[add.path] = status_notice(status, add.request, self.clock())
            else:
                proposal.builds[add.path] = build
        lines = [
            replace(line, facts=facts.get(line.path), notice=notices.get(line.path))
            for line in to_lines(requests)
        ]
        removals = {removal.line: removal for removal in requests.removals}
        # Main counts the files, including refused ones.
        together = sum(line.kind == "remove" for line in lines)
        for line in lines:
            told_line = line
            if line.path in removals:
                told_line, error_found = self._plan_removal(line, removals[line.path], together)
                if error_found is not None:
                    proposal.failed[line.path] = error_found
            proposal.lines.append(told_line)
        return proposal

    def _expand(self, requests: RequestSet, proposal: Proposal) -> RequestSet:
        """The requests with each that asks for several datasets replaced by these, a line each."""
        adds: list[AddFile] = []
        for add in requests.adds:
            try:
                members = expand_request(add.request, self.places, self.hub, self.options.policy)
            except HugflowError as error:
                proposal.failed[add.path] = error
                members = ()
            if add.request.is_several and members:
                adds += [AddFile(f"{add.path}#{each.name}", each) for each in members]
            else:
                adds.append(add)
        return replace(requests, adds=tuple(adds))

    def _plan_add(self, request: AddRequest) -> tuple[Build, PlanFacts]:
        open_it = open_build if self.is_binding else foresee_build
        build = open_it(request, self.places, self.hub, self.options)
        estimated: Estimate | None = None
        try:
            estimated = estimate(build)
        except HugflowError as error:
            # The plan is valid without the estimate; a broken file is found when it is made.
            log.warning("%s cannot be estimated: %s (%s)", build.name, error.what, error.why)
        digest = plan_digest(build.plan, request)
        return build, plan_facts(build.plan, digest=digest, estimated=estimated)

    def _failed(self, request: AddRequest, error: HugflowError) -> Notice:
        notice = Notice(request.name, request.hf_id, "failed", self.clock(), request=request.digest)
        return replace(notice, failure=Failure.of(error))

    def _plan_removal(
        self, line: Line, file: RemovalFile, together: int
    ) -> tuple[Line, HugflowError | None]:
        """The line with what would be deleted, or why it may not; together: how many removals."""
        try:
            if is_unconfirmed(file.request, together):
                raise RequestInvalid(
                    f"{together} removals come together",
                    why=f"more than {MOST_TOGETHER} at once may be a slip, and nothing would be "
                    "removed",
                    mend="write `confirm: true` into each, or bring them by several pull requests",
                )
            if file.identity is None:
                return line, None
            removal = plan_removal(self.places, file.identity)
            if removal is None:
                remarks = (*line.remarks, "nothing of it is stored here")
                return replace(line, remarks=remarks, is_idle=True), None
            refuse_used(removal.name, removal.uses)
        except HugflowError as error:
            problem = Problem(line.path, None, None, None, error.what, error.why, error.mend)
            return replace(line, problems=(*line.problems, problem)), error
        return replace(line, goes=tuple(_what_goes(removal))), None


def _what_goes(removal: Removal) -> list[str]:
    """What a removal deletes, one line each."""
    size = removal.size
    files, space = count(size.files, "file"), human_bytes(size.all_bytes)
    amount = f"{count(size.rows, 'row')}, {files}, {space}"
    goes = [f"after the merge {amount} go to the trash, where `hugflow undo` finds them"]
    if removal.folder is not None:
        goes.append(f"folder {removal.folder}")
    if removal.link is not None:
        goes.append(f"link {removal.link}")
    if removal.other_link is not None:
        goes.append(f"{removal.other_link} is not the dataset's link, and stays")
    return goes


def _refusal(problem: Problem) -> HugflowError:
    return RequestInvalid(problem.headline, why=problem.why, mend=problem.mend)
