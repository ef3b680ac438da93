"""Parent repositories on the command line: `lock` and `compose`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.cli.builds import open_project
from hugflow.cli.options import EXIT_DIFFERENT, AsJson
from hugflow.cli.output import print_data, print_json, print_talk, print_warning
from hugflow.cli.verbs import print_done
from hugflow.errors import UsageWrong
from hugflow.settings import ProjectSettings

if TYPE_CHECKING:
    from hugflow.hierarchy.access import Access
    from hugflow.hierarchy.compose import Composition

Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        metavar="PARENTS=DIR",
        help="Read a parent from a local folder: parent1/grandparent1=../grandparent.",
    ),
]


def lock(
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Look everything up again, or the parents named.")
    ] = False,
    parents: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PARENT", help="With --upgrade: paths such as parent1/grandparent1."
        ),
    ] = None,
    checks: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 3 if the lock is not current.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Pin every parent in hugflow.lock: its commit and the hash of its content.

    What is locked already stays as it is, until --upgrade or a change of its location. Local
    overrides are not used. Commit the file: with it, composing gives everybody the same.
    """
    from hugflow.hierarchy.lock import update_lock

    if parents and not upgrade:
        raise UsageWrong(
            "parents are named without --upgrade",
            why="without it, what is locked stays as it is",
            mend=f"hugflow lock --upgrade {' '.join(parents)}",
        )
    project = open_project()
    with step("locking parents"):
        report = update_lock(
            find_repository(project),
            upgrade=(parents or []) if upgrade else None,
            writes=not checks,
            access=find_access(project),
        )
    if as_json:
        print_json(
            {
                "changed": report.is_changed,
                "changes": list(report.changes),
                "lock": report.lock.to_json(),
            }
        )
    else:
        for line in report.changes:
            print_data(line)
        state = "is current" if not report.is_changed else "differs" if checks else "is written"
        print_talk(f"hugflow.lock {state}")
    if checks and report.is_changed:
        raise typer.Exit(EXIT_DIFFERENT)


def compose(
    is_locked: Annotated[
        bool, typer.Option("--locked", help="Fail if there is no lock; never ask the network.")
    ] = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
    as_tree: Annotated[
        bool, typer.Option("--tree", help="Show each file: where it comes from, what it replaced.")
    ] = False,
    target: Annotated[
        Path | None, typer.Option("--export", metavar="DIR", help="Copy the composed files there.")
    ] = None,
    runs: Annotated[
        bool, typer.Option("--run", help="Then run the project's steps, as compile_flows does.")
    ] = False,
) -> None:
    """Show the files of every source, those of its parents' sources included.

    Only stored data is read: pull, here or in a parent's repository, brings new data. With a
    hugflow.lock, parents are read as they are locked, and nothing is fetched once they are cached.
    """
    from hugflow.hierarchy.compose import compose_project
    from hugflow.hierarchy.show import describe_sources, describe_tree, export, to_json

    if as_json and as_tree:
        raise UsageWrong(
            "--json and --tree exclude each other", why="they are two outputs", mend="give one"
        )
    if as_json and runs:
        raise UsageWrong(
            "--json and --run exclude each other",
            why="--json shows what is composed, --run what the steps made of it",
            mend="give one",
        )
    project = open_project()
    with step("composing sources"):
        composition = compose_project(
            find_repository(project),
            overrides=read_given(overrides or []),
            locked=is_locked or None,
            access=find_access(project),
        )
    lock_file = composition.project.root / "hugflow.lock"
    if composition.project.config.parents and not lock_file.exists():
        print_talk("there is no hugflow.lock: parents are read as they are now (`hugflow lock`)")
    if target is not None:
        with step(f"copying files to {target}"):
            amount = export(composition, target)
        print_talk(f"{count(amount, 'file')} in {target}")
    if as_json:
        print_json(to_json(composition))
        return
    for line in (describe_tree if as_tree else describe_sources)(composition):
        print_data(line)
    if runs:
        _run_steps(composition)


def compile_flows(
    is_locked: Annotated[
        bool, typer.Option("--locked", help="Fail if there is no lock; never ask the network.")
    ] = False,
    overrides: Overrides = None,
) -> None:
    """Compose the sources, then run the project's steps in order: `hugflow compose --run`.

    Each step gets what the one before it gave; the last result is written below `outputpath`.
    """
    compose(is_locked=is_locked, overrides=overrides, runs=True)


def _run_steps(composition: "Composition") -> None:
    from hugflow.hierarchy.steps.run import run_steps

    result = run_steps(composition.project, composition.sources, tell=print_talk)
    for name, source in composition.sources.items():
        if source.overridden:
            print_warning(f"{name} is composed with a local override, not as it is locked")
    for path in result.outputs:
        print_done("wrote", str(path.relative_to(composition.project.root)))
    if not result.steps:
        print_talk("the project has no steps")


def find_repository(project: ProjectSettings) -> Path:
    """The folder of the project file: a legacy config.json here, else the project's root."""
    from hugflow.hierarchy.load import CONFIG_NAMES

    here = Path.cwd()
    if project.root is None or any((here / name).is_file() for name in CONFIG_NAMES):
        return here
    return project.root


def find_access(project: ProjectSettings) -> "Access":
    """What reading parents may use, from the project's settings."""
    from hugflow.hierarchy.access import read_access
    from hugflow.hierarchy.load import load_project
    from hugflow.hierarchy.parent_hosts import parent_hosts_of

    settings = project.settings
    token = settings.github_token
    return read_access(
        {**os.environ, "GITHUB_API_URL": settings.github_api_url},
        parent_hosts=parent_hosts_of(load_project(find_repository(project))),
        github_token=token.get_secret_value() if token is not None else None,
        hub_token=project.hf_token,
    )


def read_given(overrides: list[str]) -> dict[str, Path]:
    """The overrides of a command, relative to the working directory."""
    from hugflow.hierarchy.overrides import parse_override

    pairs = [parse_override(each, "--override") for each in overrides]
    return {key: Path(value).expanduser().absolute() for key, value in pairs}
