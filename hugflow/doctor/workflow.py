"""The check of the workflow that runs on pull requests: it installs a pinned hugflow."""

import re
from collections.abc import Iterator
from pathlib import Path

from hugflow.doctor.asking import NoAnswer, ServiceReply, ask
from hugflow.doctor.findings import Finding, Patient, ok, problem, warning
from hugflow.doctor.services import NOT_ASKED

CHECK = "workflow"
PATH = Path(".github/workflows/dataset-sync.yml")
SET = "gh variable set HUGFLOW_INSTALL --body 'git+https://HOST/OWNER/hugflow@COMMIT'"
# `${{ vars.HUGFLOW_INSTALL || 'git+https://...' }}`
_INSTALLS = re.compile(r"vars\.HUGFLOW_INSTALL\s*(?:\|\|\s*'([^']*)')?")
_LONGEST = 64 * 1024
# `git+https://HOST/OWNER/hugflow@COMMIT`, with a tag of a version in its place, or a built package.
_PINNED = (
    re.compile(r"://[^\s#]*@(?:[0-9a-f]{7,40}|v?\d[\w.]*)(?:#|$)"),
    re.compile(r"://[^\s#]*-\d[\w.+-]*\.(?:whl|tar\.gz|zip)(?:#|$)"),
)


def check_workflow(patient: Patient) -> Iterator[Finding]:
    """What the workflow installs is pinned, by its own text or by the repository's variable.

    https://docs.github.com/en/rest/actions/variables#get-a-repository-variable
    """
    root = patient.project.root
    if root is None or not (root / PATH).is_file():
        yield ok(CHECK, f"there is no {PATH}")
        return
    with (root / PATH).open("rb") as file:
        found = _INSTALLS.search(file.read(_LONGEST).decode("utf-8", "replace"))
    if found is None:
        yield ok(CHECK, "it installs hugflow in a way of its own")
    elif found[1] and _is_pinned(found[1]):
        yield ok(CHECK, f"it installs {found[1][:200]}")
    elif found[1]:
        what = f"it installs {found[1][:100]!r}, which could be anybody's"
        yield problem(CHECK, what, f"delete {PATH} and run `hugflow init`, or {SET}")
    else:
        yield _look_up_variable(patient)


def judge_variable(reply: ServiceReply) -> Finding:
    """The finding for GitHub's answer about the variable."""
    value = reply.body.get("value")
    if reply.status == 404:
        return problem(CHECK, "the repository variable HUGFLOW_INSTALL is not set", SET)
    if reply.status != 200 or not isinstance(value, str):
        what = f"it is unknown whether HUGFLOW_INSTALL is set: GitHub answers {reply.status}"
        return warning(CHECK, what, f"see that it is: {SET}")
    if not _is_pinned(value):
        what = f"HUGFLOW_INSTALL is {value[:100]!r}, which names no commit and no version"
        return problem(CHECK, what, SET)
    return ok(CHECK, f"it installs {value[:200]}")


def _look_up_variable(patient: Patient) -> Finding:
    settings, token = patient.project.settings, patient.project.github_token
    unknown = "pull requests need the repository variable HUGFLOW_INSTALL, which was not looked up"
    if patient.is_offline:
        return warning(CHECK, f"{unknown}: {NOT_ASKED}", f"see that it is set: {SET}")
    if settings.github_repository is None or token is None:
        needed = "GITHUB_REPOSITORY and GITHUB_TOKEN are needed for that"
        return warning(CHECK, f"{unknown}: {needed}", f"see that it is set: {SET}")
    url = f"{settings.github_api_url}/repos/{settings.github_repository}/actions/variables"
    try:
        return judge_variable(ask(f"{url}/HUGFLOW_INSTALL", token=token))
    except NoAnswer as error:
        return warning(CHECK, f"{unknown}: {error.reason}", f"see that it is set: {SET}")


def _is_pinned(source: str) -> bool:
    """Whether it names one version: a release, a package's own file, or a commit or tag of git."""
    return "==" in source or any(each.search(source) for each in _PINNED)
