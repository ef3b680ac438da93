"""The commands `run` and `runs`, and `flowrider`, which is `hugflow run` by another name."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from hugflow.cli.builds import open_project
from hugflow.cli.options import AsJson
from hugflow.cli.output import print_data, print_json, print_talk
from hugflow.errors import UsageWrong

if TYPE_CHECKING:
    from hugflow.flowrider.listing import ConfigState
    from hugflow.flowrider.places import PipelinePlaces

Flow = Annotated[
    str, typer.Argument(metavar="FLOW", help="Path below pipeline/: example/example_flow.")
]
Tag = Annotated[str, typer.Option("--tag", help="Which of the flow's YAML files.")]
PackageName = Annotated[
    str | None,
    typer.Option("--pkg-name", help="The package with the flow, if there are several."),
]


def run(
    flow: Flow,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- ARGS]", help="Run the flow file with these alone."),
    ] = None,
    tag: Tag = "dev",
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the last attempt; finished steps stay.")
    ] = False,
    origin_run_id: Annotated[
        str | None, typer.Option("--origin-run-id", help="The run to continue, with --resume.")
    ] = None,
    step: Annotated[
        str | None, typer.Option("--step", help="The step to continue from, with --resume.")
    ] = None,
    pkg_name: PackageName = None,
    as_json: AsJson = False,
) -> None:
    """Run a flow as its YAML says: config/pipeline/FLOW_TAG.yaml of the package.

    When it has succeeded, its run id is written beside the YAML. What the flow prints goes to
    stderr. After `--`, arguments go to the flow file as they are: `hugflow run FLOW -- show`; then
    no YAML is read and no run id is written.
    """
    from hugflow.flowrider.run import passthrough, run_flow

    package = _find_places(pkg_name).package
    if arguments:
        code = passthrough(flow, arguments, package=package)
        raise typer.Exit(code if code >= 0 else 128 - code)
    if (origin_run_id or step) and not resume:
        raise UsageWrong(
            "--origin-run-id and --step go with --resume",
            why="they say where a run is continued, and without it a new run starts",
            mend="add --resume, or leave them out",
        )
    done = run_flow(
        flow,
        tag,
        package=package,
        resume=resume,
        origin_run_id=origin_run_id,
        step=step,
        output=sys.stderr,
    )
    if as_json:
        print_json(
            {
                "run_id": done.run_id,
                "engine": done.engine,
                "tags": list(done.tags),
                "config": str(done.config_path),
                "run_id_file": str(done.run_id_path),
                "log": str(done.log_path),
            }
        )
        return
    print_data(f"run {done.run_id} succeeded; its id is in {done.run_id_path}")


def runs(
    flow: Annotated[
        str | None, typer.Argument(metavar="[FLOW]", help="Show the attempts of this flow.")
    ] = None,
    tag: Tag = "dev",
    shows_log: Annotated[
        bool, typer.Option("--log", help="Print the log of the last attempt, or of --run-id.")
    ] = False,
    run_id: Annotated[str | None, typer.Option("--run-id", help="With --log: of this run.")] = None,
    pkg_name: PackageName = None,
    as_json: AsJson = False,
) -> None:
    """Show the flows that have a YAML: the last attempt of each, and the run that is pinned.

    With FLOW, show the attempts of one YAML, the latest last. The log of a resumed run includes
    that of the steps it took over. Nothing is run, no hook either.
    """
    from hugflow.flowrider.listing import list_attempts, list_configs
    from hugflow.flowrider.places import require_flow

    places = _find_places(pkg_name)
    if shows_log:
        _print_log(places, flow, tag, run_id)
        return
    if flow is None:
        states = list_configs(places)
        if as_json:
            print_json({"configs": [_to_json(state) for state in states]})
            return
        for state in states:
            print_data(state.line)
        if not states:
            print_talk(f"{places.configs} has no YAML of a flow")
        return
    attempts = list_attempts(places, flow, tag)
    if not attempts:
        require_flow(places, flow)
    if as_json:
        print_json({"attempts": attempts})
        return
    for attempt in attempts:
        words = (attempt["started_at"], attempt["state"], attempt["run_id"] or "-", attempt["log"])
        print_data("  ".join(words))
    if not attempts:
        print_talk(f"{flow} ({tag}) has not been run here")


def flowrider() -> NoReturn:
    """The console script `flowrider`: `flowrider FLOW ...` is `hugflow run FLOW ...`."""
    from hugflow.cli.main import main

    sys.argv[1:1] = ["run"]
    main()


def _find_places(pkg_name: str | None) -> "PipelinePlaces":
    from hugflow.flowrider.places import choose_package, find_packages

    root, here = open_project().root, Path.cwd()
    return choose_package(here if root is None or find_packages(here) else root, pkg_name)


def _print_log(places: "PipelinePlaces", flow: str | None, tag: str, run_id: str | None) -> None:
    from hugflow.flowrider.logs import read_log

    if flow is None:
        raise UsageWrong("--log needs a flow", why="there are several", mend="name one: FLOW --log")
    lines: Sequence[str] = read_log(places, flow, tag, run_id).splitlines()
    for line in lines:
        print_data(line)


def _to_json(state: "ConfigState") -> dict[str, Any]:
    return {
        "flow": state.flow,
        "tag": state.tag,
        "config": str(state.config_path),
        "run_id": state.run_id,
        "state": state.state,
        "last_run_id": state.last_run_id,
    }
