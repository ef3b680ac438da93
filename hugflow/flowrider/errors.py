"""The errors of flow runs."""

from hugflow.errors import HugflowError, RequestInvalid


class FlowConfigError(RequestInvalid):
    """The YAML of a run, its tags, or the names of flow and tag are not valid."""


class HookError(FlowConfigError):
    """A hook of a YAML cannot be imported or called."""


class FlowRunError(HugflowError):
    """A flow was started and did not succeed.

    run_id: None if the run ended before it had an id.
    returncode: exit status of the flow's process, negative if a signal ended it.
    """

    def __init__(
        self, what: str, *, why: str, mend: str, run_id: str | None = None, returncode: int = 1
    ) -> None:
        """Keep the run's id and exit status beside the three parts of the error."""
        self.run_id = run_id
        self.returncode = returncode
        super().__init__(what, why=why, mend=mend)


class RunNotFound(HugflowError):
    """There is no such run, or the run has no such artifact."""
