"""The command line that runs a Metaflow flow, as a list of arguments: no shell is involved.

python flow.py --no-pylint <preflow_kwargs> run <flow_kwargs> --run-id-file F --tag T --tag U

A null leaves an option out; a list of `with` or `tag` gives the option several times.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from hugflow.flowrider.config import FlowConfig, is_hook
from hugflow.flowrider.errors import FlowConfigError
from hugflow.flowrider.tags import compose_tags
from hugflow.flowrider.text import to_text

SUFFIXES_KEY: Final = "package-suffixes"
# What a flow needs beside its code: configs, and what installs the package where a step runs.
SUFFIXES: Final = (".py", ".yaml", ".md", ".txt", ".env.shared", "PKG-INFO")
# Metaflow's `resume` takes no parameters: it has those of the run that it resumes.
RESUME_OPTIONS: Final = frozenset({"with", "max-workers", "max-num-splits", "max-log-size"})
_REPEATED: Final = frozenset({"with"})


def build_argv(
    flow_path: Path | str,
    config: FlowConfig,
    *,
    run_id_file: Path | str,
    extra_tags: Iterable[str] = (),
    python: str = sys.executable,
) -> list[str]:
    """The command that runs a flow. Raises FlowConfigError for a value that has no text.

    config: without hooks, as `resolve_hooks` returns it.
    extra_tags: after those of the config.
    """
    return [
        *_head(flow_path, config, python),
        "run",
        *_options(config, "flow_kwargs", config.flow_kwargs),
        *_tail(config, run_id_file, extra_tags),
    ]


def build_resume_argv(
    flow_path: Path | str,
    config: FlowConfig,
    *,
    origin_run_id: str,
    run_id_file: Path | str,
    step: str | None = None,
    extra_tags: Iterable[str] = (),
    python: str = sys.executable,
) -> list[str]:
    """The command that resumes a run, from its failed step or from `step`."""
    kept = {key: value for key, value in config.flow_kwargs.items() if key in RESUME_OPTIONS}
    return [
        *_head(flow_path, config, python),
        "resume",
        *([step] if step is not None else []),
        "--origin-run-id",
        origin_run_id,
        *_options(config, "flow_kwargs", kept),
        *_tail(config, run_id_file, extra_tags),
    ]


def package_suffixes(config: FlowConfig) -> list[str]:
    """The suffixes of the files that go with a flow: the config's first, then ours."""
    given = config.preflow_kwargs.get(SUFFIXES_KEY)
    if given is None:
        given = []
    if isinstance(given, str):
        given = given.split(",")
    place = config.origin.place(("preflow_kwargs", SUFFIXES_KEY))
    if not isinstance(given, list | tuple):
        raise FlowConfigError(
            f"{place}: it is neither text nor a list",
            why="it holds the suffixes of the files that go with the flow",
            mend='write ".py,.csv" or [.py, .csv]',
        )
    named = [to_text(suffix, place).strip() for suffix in given if suffix is not None]
    return list(dict.fromkeys(suffix for suffix in (*named, *SUFFIXES) if suffix))


def _head(flow_path: Path | str, config: FlowConfig, python: str) -> list[str]:
    suffixes = {SUFFIXES_KEY: ",".join(package_suffixes(config))}
    options = _options(
        config, "preflow_kwargs", {**config.preflow_kwargs, **suffixes}, has_flags=True
    )
    return [python, str(flow_path), "--no-pylint", *options]


def _tail(config: FlowConfig, run_id_file: Path | str, extra_tags: Iterable[str]) -> list[str]:
    tags = compose_tags(config, extra_tags)
    return ["--run-id-file", str(run_id_file), *(word for tag in tags for word in ("--tag", tag))]


def _options(
    config: FlowConfig, section: str, kwargs: Mapping[str, Any], *, has_flags: bool = False
) -> Iterator[str]:
    """`--key value` for each value; a null is left out.

    has_flags: true is a bare `--key`, and false is left out.
    """
    for key, value in kwargs.items():
        if value is None or (key == "tag" and section == "flow_kwargs"):
            continue
        if has_flags and isinstance(value, bool):
            yield from [f"--{key}"] if value else []
            continue
        is_list = key in _REPEATED and isinstance(value, list | tuple)
        for number, item in enumerate(value) if is_list else [(None, value)]:
            path = (section, key) if number is None else (section, key, number)
            place = config.origin.place(path)
            if is_hook(item):
                raise FlowConfigError(
                    f"{place}: it is still a hook",
                    why="the command line needs the value that the hook gives",
                    mend="call resolve_hooks first",
                )
            if item is not None:
                yield from (f"--{key}", to_text(item, place))
