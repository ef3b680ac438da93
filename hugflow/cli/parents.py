"""The parents of a project on the command line."""

from typing import Annotated

import typer

from hugflow.cli.builds import open_project
from hugflow.cli.hierarchy import find_access, find_repository
from hugflow.cli.options import AsJson, print_help_of_group
from hugflow.cli.output import print_data, print_json, print_talk

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="NAME", help="The parent's name here.")]


@app.callback(invoke_without_command=True)
def parents(context: typer.Context) -> None:
    """List the parent repositories of a project, add one, give one another location."""
    print_help_of_group(context)


@app.command("list", short_help="Show parents, their parents, and what is locked.")
def list_parents(as_json: AsJson = False) -> None:
    """Show every parent with its location and its locked state; nothing is fetched."""
    from hugflow.hierarchy import parents

    found = parents.list_parents(find_repository(open_project()))
    if as_json:
        print_json(
            {
                "parents": [
                    {
                        "path": "/".join(each.trail),
                        "location": each.location,
                        "locked": each.node.to_json() if each.node is not None else None,
                    }
                    for each in found
                ]
            }
        )
        return
    for each in found:
        print_data(f"{'/'.join(each.trail)}  {each.location}  {each.state}")
    if not found:
        print_talk("there are no parents here: `hugflow parents add NAME LOCATION`")


@app.command("add", short_help="Add a parent and lock it.")
def add(
    name: Name,
    location: Annotated[
        str,
        typer.Argument(
            metavar="LOCATION",
            help="A folder, an archive's URL, git+https://..., github:... or hf://datasets/...",
        ),
    ],
) -> None:
    """Write a parent into the project file, and lock it. Sources name it by `parent_sources`."""
    from hugflow.hierarchy.parents import add_parent

    project = open_project()
    report = add_parent(find_repository(project), name, location, find_access(project))
    for line in report.changes:
        print_data(line)


@app.command("set", short_help="Give a parent another location or ref, and lock it.")
def set_location(
    name: Name,
    reference: Annotated[
        str, typer.Argument(metavar="REF", help="A location, or a branch, tag or commit.")
    ],
) -> None:
    """Change a parent's location in the project file, and lock it.

    Only the text of the location changes; comments and everything else stay. If the new location
    cannot be locked, the file stays as it was.
    """
    from hugflow.hierarchy.parents import set_parent

    project = open_project()
    report = set_parent(find_repository(project), name, reference, find_access(project))
    for line in report.changes:
        print_data(line)
    if not report.changes:
        print_talk(f"{name} has this location already")
