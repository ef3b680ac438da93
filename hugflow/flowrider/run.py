"""Running a flow as its YAML says, with its engine, in processes of its own."""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from hugflow.flowrider.attempts import (
    AttemptPlaces,
    RunAttempt,
    clear_leftovers,
    finish,
    new_attempt_id,
    recorded,
)
from hugflow.flowrider.bundle import BUNDLES
from hugflow.flowrider.cause import LINES_READ, find_cause
from hugflow.flowrider.config import Engine, FlowConfig, parse_config
from hugflow.flowrider.engines import choose_engine
from hugflow.flowrider.environment import (
    ATTEMPT,
    TEMP_DIR,
    metaflow_environment,
    open_temp_dir,
    run_environment,
    user_name,
)
from hugflow.flowrider.errors import FlowRunError
from hugflow.flowrider.hooks import resolve_hooks
from hugflow.flowrider.launch import Launch, check_launch, prepared
from hugflow.flowrider.metaflow_runs import require_metaflow
from hugflow.flowrider.places import (
    DEFAULT_TAG,
    Package,
    PipelinePlaces,
    check_subpath,
    find_places,
    require_flow,
    run_id_path_for,
)
from hugflow.flowrider.processes import run_group
from hugflow.flowrider.resume import choose_origin, is_overridden
from hugflow.flowrider.run_ids import write_run_id
from hugflow.flowrider.tags import compose_tags, find_repo_name
from hugflow.late_dataclass import dataclass
from hugflow.redact import redact


@dataclass(frozen=True, slots=True)
class FlowRunResult:
    """A run that succeeded.

    run_id_path: the file beside the YAML; it names this run unless parameters were overridden.
    """

    run_id: str
    engine: Engine
    tags: tuple[str, ...]
    config_path: Path
    run_id_path: Path
    log_path: Path


def run_flow(
    flow_subpath: str,
    tag: str = DEFAULT_TAG,
    *,
    package: Package,
    resume: bool = False,
    origin_run_id: str | None = None,
    step: str | None = None,
    output: TextIO | None = None,
    flow_kwargs: Mapping[str, Any] | None = None,
    tags: Iterable[str] = (),
    asked_by: str | None = None,
) -> FlowRunResult:
    """Run a flow with the config of `tag`, and record its id beside the YAML if it succeeds.

    package: the package that has the flow: a module, its name, or its folder.
    resume: continue the last attempt of this config, or `origin_run_id`; finished steps are not
        run again. step: the step to continue from; it and `origin_run_id` imply `resume`.
    output: gets what the flow prints.
    flow_kwargs: over those of the config; then the run, and each that resumes it, is not one of
        that YAML, and `.run_id` is left as it is. tags: beside those of the config.
    asked_by: id of the Dagster run that asks for it.

    Raises FlowConfigError before anything is started, and FlowRunError if the flow fails; then
    `.run_id` still names the last success.
    """
    places, flow = find_places(package), check_subpath(flow_subpath)
    require_flow(places, flow)
    config_path = places.config(flow, tag)
    config = parse_config(config_path)
    if flow_kwargs:
        config = replace(config, flow_kwargs={**config.flow_kwargs, **flow_kwargs})
    clear_leftovers(places)
    origin = None
    if resume or origin_run_id is not None or step is not None:
        origin = choose_origin(places, flow, tag, origin_run_id)
    launch = _plan_launch(places, flow, config, tags, origin, step)
    was_overridden = origin is not None and is_overridden(places, flow, tag, origin)
    attempt = replace(
        _new_attempt(launch, tag),
        asked_by=asked_by,
        is_overridden=bool(flow_kwargs) or was_overridden,
    )
    with recorded(places, attempt) as mine:
        code, last_lines = _run(launch, attempt, mine, output)
        run_id = mine.read_run_id()
        if code != 0 or run_id is None:
            raise _failed(finish(mine, attempt, "failed", code), mine, last_lines)
        finish(mine, attempt, "succeeded", code)
    if not attempt.is_overridden:
        write_run_id(config_path, run_id, places.state / "locks")
    return FlowRunResult(
        run_id, launch.engine, launch.tags, config_path, run_id_path_for(config_path), mine.log
    )


def passthrough(
    flow_subpath: str, args: Sequence[str], *, package: Package, output: TextIO | None = None
) -> int:
    """Run a flow file with these arguments alone and return its exit status.

    No YAML is read, no hook runs, and no run id is written. output: gets what the flow prints;
    None: it goes to our own streams.
    """
    places = find_places(package)
    flow_path = require_flow(places, flow_subpath)
    environment = {
        **os.environ,
        **metaflow_environment(places.root, os.environ),
        "PYTHONPATH": os.pathsep.join(
            filter(None, (str(places.root), os.environ.get("PYTHONPATH")))
        ),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, str(flow_path), *args]
    if output is not None:
        return run_group(command, places.root, environment, _to_writer(output))
    done = subprocess.run(command, cwd=places.root, env=environment, check=False)  # noqa: S603
    return done.returncode


def _plan_launch(
    places: PipelinePlaces,
    flow: str,
    config: FlowConfig,
    tags: Iterable[str],
    origin_run_id: str | None,
    step: str | None,
) -> Launch:
    """What is to be started; the hooks run here. Raises FlowConfigError and HookError."""
    engine = choose_engine(config, places.flow(flow))
    if engine == "metaflow":
        require_metaflow()
    config = resolve_hooks(config, root=places.root)
    temp = open_temp_dir(places.root)
    launch = Launch(
        places=places,
        flow=flow,
        config=config,
        engine=engine,
        tags=tuple(compose_tags(config, _extra_tags(places, tags))),
        origin_run_id=origin_run_id,
        step=step,
        temp=temp,
        environment=run_environment(config, places.root, {**os.environ, TEMP_DIR: str(temp)}),
    )
    check_launch(launch)
    return launch


def _new_attempt(launch: Launch, tag: str) -> RunAttempt:
    now = datetime.now(UTC)
    attempt_id = new_attempt_id(now)
    bundle = launch.temp / BUNDLES / attempt_id
    return RunAttempt(
        id=attempt_id,
        flow=launch.flow,
        tag=tag,
        engine=launch.engine,
        user=user_name(),
        started_at=now,
        origin_run_id=launch.origin_run_id,
        tags=launch.tags,
        bundle=str(bundle) if launch.engine == "metaflow" else None,
    )


def _to_writer(output: TextIO) -> Callable[[str], None]:
    def write(line: str) -> None:
        output.write(line)

    return write


def _extra_tags(places: PipelinePlaces, tags: Iterable[str]) -> list[str]:
    repo_name = find_repo_name(places.root)
    return [places.name, *([repo_name] if repo_name else []), *tags]


def _run(
    launch: Launch, attempt: RunAttempt, mine: AttemptPlaces, output: TextIO | None
) -> tuple[int, Sequence[str]]:
    """Run the flow; its exit status and its last lines."""
    last_lines: deque[str] = deque(maxlen=LINES_READ)
    with mine.log.open("w", encoding="utf-8") as log, prepared(launch, attempt, mine) as command:

        def take(line: str) -> None:
            line = redact(line)
            log.write(line)
            log.flush()
            if line.strip():
                last_lines.append(line.strip())
            if output is not None:
                output.write(line)

        environment = {**launch.environment, ATTEMPT: attempt.id}
        code = run_group(command.argv, command.folder, environment, take)
    return code, list(last_lines)


def _failed(ended: RunAttempt, mine: AttemptPlaces, last_lines: Sequence[str]) -> FlowRunError:
    code = ended.returncode if ended.returncode is not None else 1
    how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    again = f"hugflow run {ended.flow} --tag {ended.tag}"
    resume = f"; `{again} --resume` continues it" if ended.run_id is not None else ""
    return FlowRunError(
        f"the run {ended.run_id or ''} of {ended.flow} ({ended.tag}) {how}".replace("  ", " "),
        why=find_cause(last_lines),
        mend=f"read {mine.log}, fix the cause{resume or f', and run `{again}`'}",
        run_id=ended.run_id,
        returncode=code,
    )
