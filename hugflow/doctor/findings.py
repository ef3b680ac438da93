"""What the doctor finds, and how the looking is kept within bounds.

A check is a function from what is known (`Patient`) to findings. All checks run at once, each in
a thread of its own: one that fails, or that waits for a dead disk or server, hinders no other.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from hugflow.errors import HugflowError, SettingInvalid
from hugflow.settings import ProjectSettings

LONGEST_CHECK_S = 15.0

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says; `mend` is None where there is nothing to do."""

    check: str
    state: State
    what: str
    mend: str | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """What the checks look at.

    project: with the defaults of settings that are wrong; wrong: what is wrong with those.
    is_offline: nothing may be asked of the network.
    """

    project: ProjectSettings
    wrong: tuple[SettingInvalid, ...]
    environ: Mapping[str, str]
    is_offline: bool = False


Check: TypeAlias = Callable[[Patient], Iterator[Finding]]


def ok(check: str, what: str) -> Finding:
    """All is well, or there is nothing to look at."""
    return Finding(check, "ok", what)


def warning(check: str, what: str, mend: str) -> Finding:
    """Work goes on, but not as somebody may expect."""
    return Finding(check, "warning", what, mend)


def problem(check: str, what: str, mend: str) -> Finding:
    """Something that people rely on does not work."""
    return Finding(check, "problem", what, mend)


def of_error(check: str, error: HugflowError) -> Finding:
    """An error as a finding."""
    return problem(check, f"{error.what}: {error.why}", error.mend)


def run_checks(
    checks: Mapping[str, Check], patient: Patient, *, longest_s: float = LONGEST_CHECK_S
) -> list[Finding]:
    """The findings of all checks, in the order of the checks; none takes longer than `longest_s`.

    checks: by the name that stands for a check that fails as a whole.
    """
    answers: queue.SimpleQueue[tuple[str, list[Finding]]] = queue.SimpleQueue()
    for name, check in checks.items():
        # Daemons: one that hangs in the kernel must not hold up the end of the program.
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
        # Its text might quote anything, so only its kind is told.
        what = f"it could not be looked at: {type(error).__name__}"
        findings.append(problem(name, what, "run the command again; if it stays, report it"))
    return findings


def _too_slow(name: str, longest_s: float) -> Finding:
    what = f"no answer within {longest_s:.0f} s"
    return problem(name, what, "look at the disk or the service that it asks")


def has_problem(findings: Sequence[Finding]) -> bool:
    """Whether one of them is a problem."""
    return any(finding.state == "problem" for finding in findings)
