"""Requests that ask for several datasets, on the command line."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hugflow.amounts import count
from hugflow.cli.builds import open_hub
from hugflow.cli.output import print_talk

if TYPE_CHECKING:
    from hugflow.requests.model import AddRequest
    from hugflow.settings import ProjectSettings


def expand_at_hub(
    project: "ProjectSettings", path: str, request: "AddRequest", *, update: bool
) -> "Iterator[AddRequest]":
    """The datasets that a request with `expand` asks for; says which they are.

    update: ask the Hub again. Raises the errors of `expand_request`.
    """
    # Imported when called: it loads the Hub's client.
    from hugflow.stages.planning.expand import expand_request

    members = expand_request(
        request, project.places, open_hub(project), project.options.policy, update=update
    )
    print_talk(f"{path} asks for {count(len(members), 'dataset')}:")
    for member in members:
        print_talk(f"  {member.name}")
    yield from members
