"""Every error that a person can meet, sorted by what they can do about it.

Each has three parts: *what* happened, *why*, and how to fix it (`mend`). The class is named for the
state it reports. Its `exit_code` is the exit code of `hugflow`, and is part of the contract.
"""

from hugflow.redact import redact


class HugflowError(Exception):
    """An error that a person can read about and fix."""

    exit_code: int = 1

    def __init__(self, what: str, *, why: str, mend: str) -> None:
        """Keep the three parts as attributes; `str()` gives them as one text of three lines.

        Secrets are removed from all three, because a server may repeat what it was sent.
        """
        self.what = redact(what)
        self.why = redact(why)
        self.mend = redact(mend)
        super().__init__(self.what)

    def __str__(self) -> str:
        """Three lines: what happened, why, and how to fix it."""
        return explain(self.what, self.why, self.mend)


def explain(what: str, why: str, mend: str, *, indent: str = "  ") -> str:
    """The three lines of an error, as every screen and comment shows them."""
    return f"{what}\n{indent}why: {why}\n{indent}{show_fix(mend)}"


def show_fix(mend: str) -> str:
    """How to fix something, with the prefix that people see."""
    return f"fix: {mend}"


class Stopped(Exception):
    """The work has to end; unfinished work is given up, and nothing is announced."""


class UsageWrong(HugflowError):
    """The command cannot be carried out with these arguments."""

    exit_code = 2


class RequestInvalid(HugflowError):
    """A request cannot be carried out as it is written, now or later."""

    exit_code = 4


class FileMissing(RequestInvalid):
    """The repository can be read, but has no such file at this commit."""


class NotAuthorised(HugflowError):
    """Access is refused: no token, a wrong one, a gated repository, or no right to write."""

    exit_code = 5


class DiskFull(HugflowError):
    """There is not enough room on the disk or in the quota."""

    exit_code = 6


class CannotWrite(HugflowError):
    """A file or folder of ours cannot be written."""


class HubUnavailable(HugflowError):
    """The Hub cannot be reached or does not answer now; a later try may succeed."""

    exit_code = 7


class HubUnreachable(HubUnavailable):
    """There is no answer from the Hub's address, or Hugflow is offline."""


class ShardCorrupt(HugflowError):
    """A fetched file is not, byte for byte, what the Hub says it is."""

    exit_code = 7


class ShardUnreadable(ShardCorrupt):
    """A published file cannot be read, although its bytes are those of the Hub."""

    exit_code = 1


class Locked(HugflowError):
    """Another process is at work on the same dataset or shard."""

    exit_code = 8


class TooManyBadRows(HugflowError):
    """More rows failed than the request allows; the dataset is not published."""

    exit_code = 9


class PlanOutOfDate(HugflowError):
    """The plan is for another request, commit or version than the one asked for."""

    exit_code = 10


class StageMissing(HugflowError):
    """A stage was asked for, but an earlier stage has not been done."""


class StateUnreadable(HugflowError):
    """A file of ours is damaged, or was written by a later version."""


class SettingInvalid(UsageWrong):
    """A setting has an invalid value."""


class FlowModuleConflict(HugflowError):
    """Two revisions of one flow module are asked for, or local changes block one."""


class RepositoryMoved(HugflowError):
    """Somebody committed to a repository on the Hub after it was looked at; nothing was sent."""


class FlowModuleInUse(HugflowError):
    """Something uses the flow module to be removed."""


class FlowModuleNotFound(RequestInvalid):
    """The Hub has no such module repository, or the repository has no such revision."""


class FlowModuleRefused(RequestInvalid):
    """A flow module repository breaks a limit: on paths, on sizes, or on dependencies."""


class FlowModuleIdInvalid(RequestInvalid, ValueError):
    """The id or revision of a flow module is not valid; no network request was sent."""


class UntrustedFlowModule(HugflowError):
    """A flow module may not run: it is not on the allow list, or differs from its commit."""

    exit_code = 5


class FlowError(HugflowError):
    """A flow raised an error, or returned an invalid value."""


class FlowConfigInvalid(RequestInvalid, ValueError):
    """The configuration of a flow is not valid."""


class FlowInstanceError(FlowError):
    """No instance of a served flow could be had; the text names the path to what failed."""


class FlowMessageTooLarge(FlowError):
    """A message, reply or state of a served flow is larger than the server takes."""


class FlowStorageFull(FlowError):
    """The server of flows has no room: on its disk, or in the queue of an instance."""

    exit_code = 6


class FlowServerUnavailable(HugflowError):
    """The server of flows cannot be started, reached, or refuses this user's key."""

    exit_code = 7
