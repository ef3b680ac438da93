"""Checks of git, of the requests repository, and of the requests."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hugflow.clients.git import fetch_branch_commit
from hugflow.doctor.findings import Finding, Patient, of_error, ok, problem, warning
from hugflow.doctor.services import NOT_ASKED
from hugflow.errors import HugflowError
from hugflow.flows.project_key import allow_parents_of, serving_of, trust_of
from hugflow.project_requests import read_requests
from hugflow.requests.collect import collect_requests
from hugflow.requests.policy import PolicyInvalid

GIT_TIMEOUT_S = 10.0


def check_git(patient: Patient) -> Iterator[Finding]:
    """Git is installed, and the requests repository has its branch."""
    if shutil.which("git") is None:
        yield problem("git", "git is not installed", "install git, and see that it is on PATH")
        return
    told = _git("--version", folder=Path("/"))
    yield ok("git", told.stdout.strip()[:80])
    if patient.project.root is not None and _is_committed(patient.project.root / ".env"):
        mend = "git rm --cached .env, add it to .gitignore, and revoke what was in it"
        yield warning("git", ".env is in git, with the tokens it holds", mend)
    if patient.is_offline:
        yield ok("requests repository", NOT_ASKED)
    else:
        yield _look_for_branch(patient)


def check_policy(patient: Patient) -> Iterator[Finding]:
    """The policy of the work tree can be read; the policy in force is main's."""
    if patient.project.file.problems:
        # `check_settings` shows these errors.
        return
    try:
        said = patient.project.policy.model_fields_set
    except PolicyInvalid as error:
        yield of_error("policy", error)
    else:
        yield ok("policy", ", ".join(sorted(said)) or "none: requests may ask for everything")


def check_flows(patient: Patient) -> Iterator[Finding]:
    """What `flows:` of the project file says can be read."""
    file = patient.project.file
    if file.problems or "flows" not in file.nodes:
        return
    try:
        for read in (trust_of, serving_of):
            read(file)
        if allow_parents_of(file) and patient.project.root is not None and not patient.is_offline:
            from hugflow.hierarchy.inherited_allow import inherited_entries

            inherited_entries(patient.project.root, file)
    except HugflowError as error:
        yield of_error("flows", error)
        return
    yield ok("flows", "the allow list and what is served can be read")


def check_requests(patient: Patient) -> Iterator[Finding]:
    """The requests of the work tree are valid."""
    if patient.project.root is None:
        return
    found = collect_requests(read_requests(patient.project.root))
    if found.problems:
        what = (
            f"{len({p.path for p in found.problems})} refused, first {found.problems[0].headline}"
        )
        yield problem("requests", what, "`hugflow validate requests` shows all of it")
    else:
        what = f"{len(found.adds)} to add, {len(found.removals)} to remove"
        yield ok("requests", what)


def _look_for_branch(patient: Patient) -> Finding:
    check = "requests repository"
    project = patient.project
    try:
        remote = project.find_remote()
        commit = fetch_branch_commit(remote, timeout_s=GIT_TIMEOUT_S)
    except HugflowError as error:
        finding = of_error(check, error)
        if project.settings.requests_repo is None and _has_no_remote(project.root):
            mend = (
                "`git init -b main` and commit the requests, or set REQUESTS_REPO; "
                "`hugflow local-sync` works without"
            )
            what = "nothing can watch main: this is no git repository, or has no commit there"
            return warning(check, what, mend)
        return finding
    return ok(check, f"{remote.shown}, {remote.branch} at {commit[:7]}")


def _has_no_remote(root: Path | None) -> bool:
    """Whether there is only the project's own repository, still missing or without a commit."""
    if root is None:
        return True
    return not _git("remote", folder=root).stdout.strip()


def _is_committed(path: Path) -> bool:
    return path.is_file() and bool(_git("ls-files", "--", path.name, folder=path.parent).stdout)


def _git(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603  # a list of our own words
        ["git", *arguments],  # noqa: S607
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=GIT_TIMEOUT_S,
    )
