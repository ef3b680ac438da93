"""Every error a person can meet, sorted by what they can do about it.

Each says three things: *what* happened, *why*, and how to *mend* it. The class is named for the
state it reports; its `exit_code` is the one `hugflow` ends with and is part of the contract.
"""

from hugflow.redact import redact


class HugflowError(Exception):
    """Something went wrong that a person can read about and mend."""

    exit_code: int = 1

    def __init__(self, what: str, *, why: str, mend: str) -> None:
        """Keep the three parts as attributes; `str()` gives them as one text of three lines.

        A server may repeat what it was shown, so secrets are taken out of all three.
        """
        self.what = redact(what)
        self.why = redact(why)
        self.mend = redact(mend)
        super().__init__(self.what)

    def __str__(self) -> str:
        """Three lines: what happened, why, and how to mend it."""
        return f"{self.what}\n  why:  {self.why}\n  mend: {self.mend}"


class Stopped(Exception):
    """The work is to end, and what is not finished yet is given up: nobody is told of it."""


class UsageWrong(HugflowError):
    """The command was called in a way that cannot be carried out."""

    exit_code = 2


class RequestInvalid(HugflowError):
    """A request cannot be carried out as it is written, now or later."""

    exit_code = 4


class FileMissing(RequestInvalid):
    """The repository, which can be read, does not hold a file at this commit."""


class NotAuthorised(HugflowError):
    """The Hub or a remote does not let us in: no token, a wrong one, or a gate not yet passed."""

    exit_code = 5


class DiskFull(HugflowError):
    """There is no room, on the disk or in the quota, for what was asked."""

    exit_code = 6


class CannotWrite(HugflowError):
    """A file or folder of ours may not or cannot be written."""


class HubUnavailable(HugflowError):
    """The Hub cannot be reached or will not answer now; later it may."""

    exit_code = 7


class HubUnreachable(HubUnavailable):
    """Nobody answers at the Hub's address, or nobody was asked because we are offline."""


class ShardCorrupt(HugflowError):
    """A fetched file is not, byte for byte, what the Hub says it is."""

    exit_code = 7


class ShardUnreadable(ShardCorrupt):
    """A published file cannot be read, though its bytes are those the Hub holds."""

    exit_code = 1


class Locked(HugflowError):
    """Another process is at work on the same dataset or shard."""

    exit_code = 8


class TooManyBadRows(HugflowError):
    """More rows failed than the request allows; the dataset is not published."""

    exit_code = 9


class PlanOutOfDate(HugflowError):
    """The plan speaks of another request, commit or version than the one asked for."""

    exit_code = 10


class StageMissing(HugflowError):
    """A stage was asked for whose earlier stages have not been done."""


class StateUnreadable(HugflowError):
    """A file of ours is damaged, or was written by a later version."""


class SettingInvalid(UsageWrong):
    """A setting has a value that it cannot have."""


class FlowModuleConflict(HugflowError):
    """Two revisions of one flow module are wanted, or local changes are in the way of one."""


class FlowModuleNotFound(RequestInvalid):
    """The Hub has no such module repository, or the repository has no such revision."""


class FlowModuleRefused(RequestInvalid):
    """A repository holds what no flow module may hold: a path, a size, a list of dependencies."""


class FlowModuleIdInvalid(RequestInvalid, ValueError):
    """The id or revision of a flow module cannot be one; no network request was sent."""


class UntrustedFlowModule(HugflowError):
    """A flow module may not be run: not on the allow list, or not what its commit holds."""

    exit_code = 5


class FlowError(HugflowError):
    """A flow raised an error, or gave back what no flow may give."""


class FlowConfigInvalid(RequestInvalid, ValueError):
    """A flow is configured with what it does not take."""
