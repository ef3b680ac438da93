"""The command `release`."""

from typing import Annotated

import typer

from hugflow.activity import step
from hugflow.cli.builds import open_project
from hugflow.cli.hierarchy import find_access, find_repository
from hugflow.cli.output import print_data
from hugflow.cli.verbs import print_done, print_next


def release(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="The version, and the tag.")],
    shows_plan: Annotated[
        bool,
        typer.Option("--plan", help="Print the commands for the whole hierarchy; change nothing."),
    ] = False,
) -> None:
    """Set meta.version, commit and tag. Nothing is pushed.

    Refused while there are uncommitted changes, parents at a branch or in a folder, overrides, a
    lock that is not current, or data that was not pulled. --plan prints a script that releases the
    parents first, then the repositories that name them.
    """
    project = open_project()
    root, access = find_repository(project), find_access(project)
    if shows_plan:
        from hugflow.hierarchy.compose import resolve_nodes
        from hugflow.hierarchy.load import load_project
        from hugflow.hierarchy.release_plan import render_plan

        nodes = resolve_nodes(load_project(root), overrides={}, locked=False, access=access)
        print_data(render_plan(nodes, version).rstrip("\n"))
        return
    from hugflow.hierarchy.release import release_project

    with step(f"releasing {version}"):
        commit = release_project(root, version, access)
    words = f"{version} is commit {commit}"
    print_done("released", words, words)
    print_next(f"git push origin HEAD {version}")
