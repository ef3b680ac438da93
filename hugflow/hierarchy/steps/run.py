"""Running the root's steps in order, and writing what the last one gives.

    {outputpath}/{flows_outputbasename, else the last step's id}.json
    {outputpath}/{the same}.sources.json        the files that it was made of

The second file is `{"overridden": false, "sources": {"times": [{"name": "a", "origin":
"parent1/grandparent1", "source": "times", "sha256": "..."}]}}`. With `output_split_number` above 1, a list is written in so many parts: `_1.json`, `_2.json`, ...
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hugflow import activity
from hugflow.errors import HugflowError, Stopped
from hugflow.hierarchy.composed import ComposedSource
from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.load import Project
from hugflow.hierarchy.steps.files import join_files
from hugflow.hierarchy.steps.registry import find_types, read_fields, unknown_type
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import write_file


class StepFailed(HugflowError):
    """A step raised an error; `step` is its id."""

    def __init__(self, what: str, *, why: str, mend: str, step: str) -> None:
        """Keep the step's id."""
        self.step = step
        super().__init__(what, why=why, mend=mend)


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """What the steps gave. outputs: the written files; steps: the ids that were run, in order."""

    value: Any
    outputs: tuple[Path, ...]
    steps: tuple[str, ...]


def run_steps(
    project: Project,
    sources: Mapping[str, ComposedSource],
    *,
    tell: Callable[[str], None] = lambda line: None,
) -> PipelineResult:
    """Run the steps of a project, each with what the previous one gave, and write the result.

    sources: the composed sources. tell: called with a line when a step begins.
    Before the first step is run, raises ConfigError for a type that nobody registered, a field
    that a type does not take, and a source of another system. Raises StepFailed, with the step, for
    an error in it; then nothing is written.
    """
    steps = project.config.steps
    types = find_types(project)
    for step in steps:
        if step.type not in types:
            raise unknown_type(project, step, types)
    fields = [read_fields(project, number, types[step.type]) for number, step in enumerate(steps)]
    for number in range(len(steps)):
        _refuse_foreign(project, number)
    value: Any = None
    for step, known in zip(steps, fields, strict=True):
        tell(f"step {step.id}")
        files = join_files(project.root, [sources[name] for name in step.sources])
        try:
            with activity.step(f"running step {step.id}"):
                given = types[step.type].run(value, files, known)
        except Stopped:
            raise
        except Exception as error:
            raise _failed(step.id, step.type, error) from error
        value = value if given is None else given
    used = {name: sources[name] for step in steps for name in step.sources}
    outputs = _write(project, value, used) if steps else ()
    return PipelineResult(value, outputs, tuple(step.id for step in steps))


def _refuse_foreign(project: Project, number: int) -> None:
    for name in project.config.steps[number].sources:
        if name in project.foreign_sources:
            raise ConfigError(
                f"step {project.config.steps[number].id} needs the source {name}, which has a "
                "format of another system",
                why="such a source is kept, but not composed",
                mend="run the step in that system, or give the source a format that is read here",
                **project.error_place("steps", number, "sources"),
            )


def _failed(step: str, kind: str, error: Exception) -> StepFailed:
    if isinstance(error, HugflowError):
        failed = StepFailed(f"step {step}: {error.what}", why=error.why, mend=error.mend, step=step)
        failed.exit_code = error.exit_code
        return failed
    return StepFailed(
        f"step {step} (type {kind}) failed",
        why=f"{type(error).__name__}: {error}",
        mend="correct the step, its data or its code; then run the pipeline again",
        step=step,
    )


def _write(project: Project, value: Any, used: Mapping[str, ComposedSource]) -> tuple[Path, ...]:
    """Write the result. Raises StepFailed for one that JSON cannot hold."""
    config = project.config
    if value is None:
        return ()
    last = config.steps[-1].id
    folder = project.root / config.outputpath
    base = config.flows_outputbasename or last
    try:
        texts = [_to_json(part) for part in _split(value, config.output_split_number)]
    except (TypeError, ValueError) as error:
        raise StepFailed(
            f"step {last}: its result cannot be written",
            why=f"it is no JSON: {error}",
            mend="give dicts, lists, texts and numbers, or nothing",
            step=last,
        ) from error
    names = [base] if len(texts) == 1 else [f"{base}_{number + 1}" for number in range(len(texts))]
    paths = tuple(folder / f"{name}.json" for name in names)
    for path, text in zip(paths, texts, strict=True):
        write_file(path, text)
    write_file(folder / f"{base}.sources.json", _to_json(_describe(used)))
    return paths


def _describe(used: Mapping[str, ComposedSource]) -> dict[str, Any]:
    """The files that the result was made of, and whether a local override was among them."""
    return {
        "overridden": any(source.overridden for source in used.values()),
        "sources": {
            name: [
                {
                    "name": file.name,
                    "origin": "/".join(file.origin),
                    "source": file.source,
                    "sha256": file.sha256,
                }
                for file in source.files()
            ]
            for name, source in sorted(used.items())
        },
    }


def _split(value: Any, parts: int) -> list[Any]:
    if parts == 1 or not isinstance(value, list):
        return [value]
    size, longer = divmod(len(value), parts)
    ends = [(number + 1) * size + min(number + 1, longer) for number in range(parts)]
    return [value[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
