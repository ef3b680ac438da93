"""Contributing flow modules: `hugflow flows diff`, `propose` and `publish`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hugflow.amounts import human_bytes
from hugflow.cli.ask import confirm
from hugflow.cli.builds import open_hub, open_project
from hugflow.cli.flows import find_flow_places
from hugflow.cli.options import AsJson
from hugflow.cli.output import print_data, print_json, print_patch, print_talk
from hugflow.errors import UsageWrong

if TYPE_CHECKING:
    from hugflow.clients.hub_uploads import HubChange
    from hugflow.flows.changes import Changes

IsAgreed = Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")]
ModuleName = Annotated[str, typer.Argument(metavar="USER/REPO", help="A module that is synced.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `hugflow flows`."""
    app.command("diff", short_help="Show what you changed in a synced module.")(diff)
    app.command("propose", short_help="Send your changes to a module's owner.")(propose)
    app.command("publish", short_help="Publish a folder as a module of your own.")(publish)


def diff(module: ModuleName, as_json: AsJson = False) -> None:
    """Show what you changed in a synced module since its commit, as a patch.

    Files that would never be sent are named on stderr: hidden ones, and those that git ignores.
    """
    from hugflow.flows.changes import find_changes, find_synced, render_diff
    from hugflow.flows.hub_source import HubSource
    from hugflow.flows.names import parse_module_id

    project = open_project()
    places = find_flow_places(project)
    synced = find_synced(places, parse_module_id(module))
    source = HubSource(open_hub(project))
    changes = find_changes(places, source, synced)
    if as_json:
        print_json({"module": str(synced.module), "commit": synced.commit, **_to_json(changes)})
        return
    _print_left_out(changes.left_out)
    if changes.is_empty:
        print_talk(f"{synced} is as it was synced, at {synced.commit[:7]}")
    for line in render_diff(source, synced, changes):
        print_patch(line)


def propose(
    module: ModuleName,
    title: Annotated[str, typer.Option("--title", help="What the change is for.")],
    is_agreed: IsAgreed = False,
    as_json: AsJson = False,
) -> None:
    """Open a pull request on the Hub with what you changed in a synced module.

    It begins at the commit that was synced. What will be sent is shown, and you are asked first.
    Hidden files and files that git ignores are never sent.
    """
    from hugflow.clients.hub_uploads import send_pull_request
    from hugflow.clients.repository import RepoId
    from hugflow.flows.changes import find_changes, find_synced
    from hugflow.flows.hub_source import HubSource
    from hugflow.flows.names import parse_module_id
    from hugflow.flows.sendable import refuse_tokens

    _check_title(title)
    project = open_project()
    places = find_flow_places(project)
    synced = find_synced(places, parse_module_id(module))
    hub = open_hub(project)
    changes = find_changes(places, HubSource(hub), synced)
    _print_changes(changes)
    if changes.is_empty:
        print_talk(f"{synced} is as it was synced: there is nothing to propose")
        return
    refuse_tokens(changes.folder, changes.to_send, hub.token)
    _ask(f"Open a pull request for {synced.module} upon {synced.commit[:7]}?", is_agreed=is_agreed)
    repo = RepoId.model(str(synced.module))
    url = send_pull_request(hub, repo, _to_change(changes, synced.commit), title)
    if as_json:
        print_json({"module": str(synced.module), "url": url, **_to_json(changes)})
    else:
        print_data(url)


def publish(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the flows.")],
    module: Annotated[str, typer.Argument(metavar="USER/REPO", help="The repository to send to.")],
    title: Annotated[str, typer.Option("--title", help="The commit's message.")] = "Publish",
    is_private: Annotated[
        bool, typer.Option("--private", help="A new repository is for you alone.")
    ] = False,
    is_agreed: IsAgreed = False,
    as_json: AsJson = False,
) -> None:
    """Send a folder to a repository of the Hub, which is created if it does not exist.

    Files that only the repository has stay there. What will be sent is shown, and you are asked
    first. Hidden files and files that git ignores are never sent.
    """
    from hugflow.clients.hub_uploads import create_repository, send_commit
    from hugflow.flows.dependencies import read_dependencies
    from hugflow.flows.names import parse_module_id
    from hugflow.flows.publishing import compare_with_hub
    from hugflow.flows.sendable import refuse_tokens
    from hugflow.flows.usable import warn_of_use

    _check_title(title)
    if not folder.is_dir():
        raise UsageWrong(f"{folder} is no folder", why="a module is a folder", mend="give its path")
    wanted = parse_module_id(module)
    folder = folder.resolve()
    read_dependencies(folder, wanted)
    hub = open_hub(open_project())
    target = compare_with_hub(hub, folder, wanted)
    _print_changes(target.changes)
    if target.changes.is_empty:
        print_talk(f"{wanted} holds these files already: there is nothing to publish")
        return
    refuse_tokens(folder, target.changes.to_send, hub.token)
    warn_of_use(folder, wanted)
    to = f"{wanted}, which exists" if target.head else f"{wanted}, a new repository"
    seen = "" if target.head else " for you alone" if is_private else " that everybody can read"
    _ask(f"Publish to {to}{seen}?", is_agreed=is_agreed)
    head = target.head or create_repository(hub, target.repo, is_private=is_private)
    commit = send_commit(hub, target.repo, _to_change(target.changes, head), title)
    if as_json:
        print_json({"module": str(wanted), "commit": commit, **_to_json(target.changes)})
    else:
        print_data(f"{target.repo.page(hub.endpoint)} {commit}")


def _check_title(title: str) -> None:
    if not title.strip() or "\n" in title:
        raise UsageWrong(
            "the title is empty, or of several lines",
            why="it is the first line of the commit's message",
            mend="give one line that says what the change is for",
        )


def _to_change(changes: "Changes", parent: str) -> "HubChange":
    from hugflow.clients.hub_uploads import HubChange

    files = {path: changes.folder / path for path in changes.to_send}
    return HubChange(files, changes.deleted, parent)


def _print_changes(changes: "Changes") -> None:
    """Show what will be sent."""
    for path in sorted((*changes.to_send, *changes.deleted)):
        verb = "delete" if path in changes.deleted else "add" if path in changes.added else "change"
        size = "" if verb == "delete" else human_bytes((changes.folder / path).stat().st_size)
        print_talk(f"  {verb:<7} {path}  {size}".rstrip())
    _print_left_out(changes.left_out)


def _print_left_out(left_out: Mapping[str, str]) -> None:
    for path, why in left_out.items():
        print_talk(f"  not sent {path}: {why}")


def _to_json(changes: "Changes") -> dict[str, object]:
    return {
        "added": changes.added,
        "changed": changes.changed,
        "deleted": changes.deleted,
        "not_sent": dict(changes.left_out),
    }


def _ask(question: str, *, is_agreed: bool) -> None:
    """Ask the user to agree; exits with 1 when they do not."""
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise UsageWrong(
            "nothing was sent",
            why="there is no terminal to ask at",
            mend="give --yes to send what is listed above without being asked",
        )
    if not confirm(question):
        print_talk("nothing was sent")
        raise typer.Exit(1)
