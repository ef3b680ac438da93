"""Which run is resumed: always one that is named, never "the latest" of a shared store."""

from hugflow.flowrider.attempts import read_attempts
from hugflow.flowrider.environment import user_name
from hugflow.flowrider.errors import RunNotFound
from hugflow.flowrider.places import PipelinePlaces


def choose_origin(places: PipelinePlaces, flow: str, tag: str, origin_run_id: str | None) -> str:
    """The run to resume: the given one, else that of this user's last attempt of the config.

    A resume has a run id of its own, so the resume of a resume continues from there. Raises
    RunNotFound if no attempt of this user has a run id.
    """
    if origin_run_id is not None:
        return origin_run_id
    user = user_name()
    for attempt in reversed(read_attempts(places, flow, tag)):
        if attempt.user == user and attempt.run_id is not None and attempt.state != "running":
            return attempt.run_id
    raise RunNotFound(
        f"no run of {flow} ({tag}) can be resumed",
        why="no attempt of yours is recorded here that came as far as a run id",
        mend="name the run: --origin-run-id ID, or start afresh without --resume",
    )


def is_overridden(places: PipelinePlaces, flow: str, tag: str, run_id: str) -> bool:
    """Whether a run of this config had other parameters: a resume has those of its origin."""
    return any(
        attempt.is_overridden
        for attempt in read_attempts(places, flow, tag)
        if attempt.run_id == run_id
    )
