"""The log of a run, with that of the steps that a resumed run took over."""

from hugflow.flowrider.attempts import AttemptPlaces, RunAttempt, attempts_folder, read_attempts
from hugflow.flowrider.config import parse_config
from hugflow.flowrider.engines import choose_engine, find_flow_class
from hugflow.flowrider.errors import FlowConfigError, RunNotFound
from hugflow.flowrider.metaflow_runs import read_run_log
from hugflow.flowrider.places import PipelinePlaces, require_flow


def read_log(places: PipelinePlaces, flow: str, tag: str, run_id: str | None = None) -> str:
    """What a run printed; without a run id, the last attempt of the config. Raises RunNotFound."""
    flow_path = require_flow(places, flow)
    config = parse_config(places.config(flow, tag))
    attempts = read_attempts(places, flow, tag)
    chosen = [attempt for attempt in attempts if run_id in (None, attempt.run_id)]
    known_id = chosen[-1].run_id if chosen else run_id
    if choose_engine(config, flow_path) == "metaflow" and known_id is not None:
        name = find_flow_class(flow_path)
        if name is None:
            raise FlowConfigError(
                f"{flow_path} defines no flow",
                why="the name of the flow's class is needed to find its runs",
                mend="define a class of metaflow.FlowSpec in the file",
            )
        return read_run_log(places.root, config, name, known_id)
    if not chosen:
        raise RunNotFound(
            f"no attempt of {flow} ({tag}) is recorded here",
            why=f"{attempts_folder(places, flow, tag)} has none of this run",
            mend=f"`hugflow runs {flow} --tag {tag}` lists the attempts",
        )
    return "".join(_read_chain(places, chosen[-1], attempts))


def _read_chain(
    places: PipelinePlaces, attempt: RunAttempt, attempts: list[RunAttempt]
) -> list[str]:
    """The logs of an attempt and of those that it resumed, the first one first."""
    folder, logs = attempts_folder(places, attempt.flow, attempt.tag), []
    by_run = {each.run_id: each for each in attempts if each.run_id is not None}
    each: RunAttempt | None = attempt
    while each is not None:
        path = AttemptPlaces(folder / each.id).log
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
        logs.append(f"--- attempt {each.id}\n{text}")
        each = by_run.pop(each.origin_run_id or "", None)
    return logs[::-1]
