"""The command of a run, by its engine, and what has to exist while the command runs."""

import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Final

from hugflow.flowrider.attempts import AttemptPlaces, RunAttempt
from hugflow.flowrider.bundle import bundled
from hugflow.flowrider.command import build_argv, build_resume_argv, package_suffixes
from hugflow.flowrider.config import Engine, FlowConfig
from hugflow.flowrider.dagster_request import to_request, warn_of_unused
from hugflow.flowrider.places import PipelinePlaces
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import write_json

# It imports Dagster, which this room does not.
DAGSTER_ENGINE: Final = "hugflow_assets.flow_engine"


@dataclass(frozen=True, slots=True)
class Launch:
    """A run that is about to start; its config has no hooks any more.

    temp: the folder of bundles and cached artifacts.
    """

    places: PipelinePlaces
    flow: str
    config: FlowConfig
    engine: Engine
    tags: tuple[str, ...]
    origin_run_id: str | None
    step: str | None
    temp: Path
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Command:
    """What is started, and in which folder."""

    argv: list[str]
    folder: Path


def check_launch(launch: Launch) -> None:
    """Raise FlowConfigError for what would prevent the command, before anything is started."""
    if launch.engine == "dagster":
        warn_of_unused(launch.config)
        to_request(launch, "0")
    else:
        _metaflow_argv(launch, launch.places.flow(launch.flow), Path("run_id"))


@contextmanager
def prepared(launch: Launch, attempt: RunAttempt, mine: AttemptPlaces) -> Iterator[Command]:
    """Give the command of a run; what it needs exists while the block runs."""
    if launch.engine == "dagster":
        try:
            yield _dagster_command(launch, mine)
        finally:
            # A hook may have given a secret.
            mine.request.unlink(missing_ok=True)
        return
    flow_path, suffixes = launch.places.flow(launch.flow), package_suffixes(launch.config)
    folder = Path(attempt.bundle or mine.folder / "bundles" / attempt.id)
    with bundled(launch.places.package, flow_path, suffixes, folder) as at_root:
        yield Command(_metaflow_argv(launch, at_root, mine.run_id), folder)


def _metaflow_argv(launch: Launch, flow_path: Path, run_id_file: Path) -> list[str]:
    if launch.origin_run_id is None:
        return build_argv(flow_path, launch.config, run_id_file=run_id_file, extra_tags=launch.tags)
    return build_resume_argv(
        flow_path,
        launch.config,
        origin_run_id=launch.origin_run_id,
        run_id_file=run_id_file,
        step=launch.step,
        extra_tags=launch.tags,
    )


def _dagster_command(launch: Launch, mine: AttemptPlaces) -> Command:
    run_id = str(uuid.uuid4())
    write_json(mine.request, to_request(launch, run_id))
    mine.run_id.write_text(run_id, "utf-8")
    argv = [sys.executable, "-P", "-B", "-m", DAGSTER_ENGINE, str(mine.request)]
    return Command(argv, launch.places.root)
