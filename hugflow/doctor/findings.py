"""The doctor's findings, and how the checks are kept within a time limit.

A check is a function that gets a `Patient` and yields findings. All checks run at once, each in its
own thread. A check that fails, or that waits for a dead disk or server, does not stop the others.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from hugflow.errors import HugflowError, SettingInvalid
from hugflow.late_dataclass import dataclass
from hugflow.settings import ProjectSettings

LONGEST_CHECK_S = 15.0

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `mend` is None if there is nothing to do."""

    check: str
    state: State
    what: str
    mend: str | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """What the checks look at.

    project: the settings; a wrong setting has its default here.
    wrong: the errors of wrong settings.
    is_offline: the checks may not use the network.
    """

    project: ProjectSettings
    wrong: tuple[SettingInvalid, ...]
    environ: Mapping[str, str]
    is_offline: bool = False


Check: TypeAlias = Callable[[Patient], Iterator[Finding]]


def ok(check: str, what: str) -> Finding:
    """Everything is fine, or there is nothing to check."""
    return Finding(check, "ok", what)


def warning(check: str, what: str, mend: str) -> Finding:
    """Work continues, but perhaps not as expected."""
    return Finding(check, "warning", what, mend)


def problem(check: str, what: str, mend: str) -> Finding:
    """Something that work needs is broken."""
    return Finding(check, "problem", what, mend)


def of_error(check: str, error: HugflowError) -> Finding:
    """An error as a finding."""
    return problem(check, f"{error.what}: {error.why}", error.mend)


def run_checks(
    checks: Mapping[str, Check], patient: Patient, *, longest_s: float = LONGEST_CHECK_S
) -> list[Finding]:
    """The findings of all checks, in their order; no check may take longer than `longest_s`.

    checks: the functions, by the name that a finding about a broken check shows.
    """
    answers: queue.SimpleQueue[tuple[str, list[Finding]]] = queue.SimpleQueue()
    for name, check in checks.items():
        # Daemon threads: one that hangs in the kernel must not keep the program from ending.
        threading.Thread(
            target=lambda name=name, check=check: answers.put((name, _run(name, check, patient))),
            daemon=True,
        ).start()
    found: dict[str, list[Finding]] = {}
    deadline = time.monotonic() + longest_s
    while len(found) < len(checks) and (left_s := deadline - time.monotonic()) > 0:
        try:
            name, findings = answers.get(timeout=left_s)
        except queue.Empty:
            break
        found[name] = findings
    return [finding for name in checks for finding in found.get(name, [_too_slow(name, longest_s)])]


def _run(name: str, check: Check, patient: Patient) -> list[Finding]:
    findings: list[Finding] = []
    try:
        findings.extend(check(patient))
    except HugflowError as error:
        findings.append(of_error(name, error))
    except Exception as error:  # noqa: BLE001  # whatever it is, the other checks go on
        # The error's text may quote secrets, so only its class is shown.
        what = f"it could not be checked: {type(error).__name__}"
        findings.append(
            problem(name, what, "run the command again; if it happens again, report it")
        )
    return findings


def _too_slow(name: str, longest_s: float) -> Finding:
    what = f"no answer within {longest_s:.0f} s"
    return problem(name, what, "check the disk or the service that it needs")


def has_problem(findings: Sequence[Finding]) -> bool:
    """Whether one of the findings is a problem."""
    return any(finding.state == "problem" for finding in findings)
