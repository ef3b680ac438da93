"""Flow modules on the command line."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.cli.asked import read_project_requests
from hugflow.cli.builds import open_hub, open_project
from hugflow.cli.options import EXIT_DIFFERENT, AsJson, print_help_of_group
from hugflow.cli.output import print_data, print_json, print_talk
from hugflow.cli.verbs import print_done
from hugflow.errors import CannotWrite, FlowModuleInUse, UsageWrong
from hugflow.settings import ProjectSettings

if TYPE_CHECKING:
    from hugflow.flows.asking import Choice
    from hugflow.flows.dependencies import Dependency
    from hugflow.flows.names import ModuleId
    from hugflow.flows.places import FlowPlaces
    from hugflow.flows.states import ModuleState

app = typer.Typer()
log = logging.getLogger(__name__)

FLOWS_FILE = """\
# So that `from flows import flow_verse` works in this folder.
from hugflow.flows import AtomicFlow, CompositeFlow, Flow, FlowFuture, FlowMessage, flow_verse
"""


@app.callback(invoke_without_command=True)
def flows(context: typer.Context) -> None:
    """Share processing steps as repositories of the Hub, and serve them to other users."""
    print_help_of_group(context)


@app.command("init", short_help="Write flows.py, the name that modules import.")
def init(
    has_examples: Annotated[
        bool, typer.Option("--examples", help="Write ReverseNumberFlowModule/, too.")
    ] = False,
) -> None:
    """Write `flows.py` into the project, so that `from flows import flow_verse` works there.

    A `flows.py` of your own is not replaced, nor an example that is there already.
    """
    path = find_flow_places(open_project()).root / "flows.py"
    if has_examples:
        from hugflow.serving.examples import copy_examples

        copied = copy_examples(path.parent)
        if copied is not None:
            print_done("made", str(copied))
        else:
            print_data("the examples are there already")
    if path.exists() and path.read_text("utf-8", "replace") != FLOWS_FILE:
        raise CannotWrite(
            f"{path} is there already",
            why="it is a file of your own, which is not replaced",
            mend="write `from hugflow.flows import flow_verse` in your scripts instead",
        )
    if path.exists():
        print_data(f"{path} is there already")
    else:
        path.write_text(FLOWS_FILE, "utf-8")
        print_done("made", str(path))


@app.command("sync", short_help="Bring modules of the Hub to flow_modules/.")
def sync(
    modules: Annotated[
        list[str] | None,
        typer.Argument(metavar="USER/REPO[:REVISION]", help="None syncs those synced before."),
    ] = None,
    replaces: Annotated[
        bool, typer.Option("--replace", help="Answer yes to what would be asked.")
    ] = False,
    keeps: Annotated[
        bool, typer.Option("--keep", help="Answer no to what would be asked.")
    ] = False,
    overwrites: Annotated[
        bool, typer.Option("--overwrite", help="Discard local changes; a copy is kept.")
    ] = False,
    checks: Annotated[
        bool, typer.Option("--check", help="Change nothing; 3 where something differs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring modules, and the modules that they need, to `flow_modules/`. None of their code runs.

    Local changes are kept. There are two conflicts: a new revision would overwrite local changes,
    or two modules need different revisions of a third. At a terminal you are asked what to do;
    elsewhere it is an error, unless --replace or --keep is given.
    """
    project = open_project()
    places = find_flow_places(project)
    from hugflow.flows.asking import Asker
    from hugflow.flows.hub_source import HubSource
    from hugflow.flows.states import find_differences
    from hugflow.flows.sync import sync_modules

    if replaces and keeps:
        raise UsageWrong(
            "--replace and --keep exclude each other", why="they are two answers", mend="give one"
        )
    wanted = _read_wanted(places, modules or [], overwrites=overwrites)
    source = HubSource(open_hub(project))
    if checks:
        differences = []
        for each in find_differences(places, source, wanted if modules else ()):
            differences.append(each)
            if not as_json:
                # At once: an error may follow.
                print_data(each)
        if as_json:
            print_json({"differences": differences})
        elif not differences:
            print_data("everything is as it was synced, and nothing has moved")
        raise typer.Exit(EXIT_DIFFERENT if differences else 0)
    choice: Choice | None = "replace" if replaces else "keep" if keeps else None
    with step("syncing flow modules"):
        done = sync_modules(wanted, places, source, Asker(choice))
    if as_json:
        print_json({**_to_json(project), "changed": [str(module) for module in done.changed]})
        return
    for module in done.changed:
        print_done("synced", f"{module} to {places.module(module)}")
    print_talk(f"{count(len(done.folders), 'module')} in {places.modules}")


@app.command("list", short_help="Show the modules that are synced.")
def list_modules(as_json: AsJson = False) -> None:
    """Show the synced modules: commit, state, whether they may run, what needs them."""
    project = open_project()
    if as_json:
        print_json(_to_json(project))
        return
    states = _read_states(project)
    for each in states:
        synced = each.entry.synced
        may_run = "may run" if each.is_allowed else "not on the allow list"
        asked_by = ", ".join(_asked_by(each))
        print_data(
            f"{synced!s:<40} {synced.commit[:7]:<8} {each.state:<9} {may_run:<22} {asked_by}".rstrip()
        )
    if not states:
        print_talk("no modules are synced here: `hugflow flows sync USER/REPO`")


@app.command("remove", short_help="Remove a synced module that nothing uses.")
def remove(
    module: Annotated[str, typer.Argument(metavar="USER/REPO", help="A module that is synced.")],
    as_json: AsJson = False,
) -> None:
    """Remove a module from `flow_modules/`. A copy is kept below `.hugflow-state/flows/replaced/`.

    Refused while a request, a served flow or another module uses it. Of a linked folder only the
    link is removed.
    """
    from hugflow.flows.names import parse_module_id
    from hugflow.flows.removing import remove_module

    wanted = parse_module_id(module)
    project = open_project()
    removed = remove_module(find_flow_places(project), wanted, _find_uses(project, wanted))
    copy = str(removed.copy) if removed.copy is not None else None
    if as_json:
        unused = [str(each) for each in removed.unused]
        print_json({"module": str(wanted), "copy": copy, "unused": unused})
        return
    print_done("removed", f"{wanted}" + (f"; a copy is in {copy}" if copy else ""))
    for each in removed.unused:
        print_talk(f"nothing asks for {each} any more: `hugflow flows remove {each}`")


def _find_uses(project: ProjectSettings, module: "ModuleId") -> list[str]:
    """What of the project and of main uses a module. Raises what keeps the requests from being read."""
    from hugflow.flows.uses import find_request_uses, find_serving_uses
    from hugflow.requests.catalog import read_catalog
    from hugflow.requests.collect import collect_requests

    here = read_project_requests(project)
    catalog = read_catalog(project.places)
    main = collect_requests(catalog.data_by_path) if catalog is not None else None
    for requests in filter(None, (here, main)):
        if requests.problems:
            raise FlowModuleInUse(
                f"it is unknown whether {module} is used",
                why=requests.problems[0].headline,
                mend="correct the request file, or delete it; then run the command again",
            )
    files = [*here.adds, *here.shadowed, *([*main.adds, *main.shadowed] if main else [])]
    found = [*find_request_uses(module, files), *find_serving_uses(module, project.file)]
    if catalog is not None:
        found += find_serving_uses(module, catalog.parse_project_file())
    return list(dict.fromkeys(found))


def find_flow_places(project: ProjectSettings) -> "FlowPlaces":
    """Where the project's modules are."""
    from hugflow.flows.flow_verse import find_root
    from hugflow.flows.places import FlowPlaces

    return FlowPlaces(find_root(None, project.root or Path.cwd()))


def _read_wanted(
    places: "FlowPlaces", modules: list[str], *, overwrites: bool
) -> "list[Dependency]":
    """The modules to sync: those named, else those that the project synced before."""
    from hugflow.flows.dependencies import parse_dependencies
    from hugflow.flows.records import read_lock

    entries: list[dict[str, object]] = []
    for text in modules:
        url, colon, revision = text.partition(":")
        entries.append({"url": url, **({"revision": revision} if colon else {})})
    if not modules:
        locked = read_lock(places.lock_file).values()
        entries = [
            {"url": str(entry.synced.module), "revision": entry.synced.revision}
            for entry in locked
            if entry.by_project
        ]
    return parse_dependencies(entries, overwrite=overwrites)


def _read_states(project: ProjectSettings) -> "list[ModuleState]":
    from hugflow.flows.states import read_states

    return read_states(find_flow_places(project), project.trust)


def _to_json(project: ProjectSettings) -> dict[str, Any]:
    places = find_flow_places(project)
    return {
        "modules": [
            {
                "module": str(each.entry.synced.module),
                "revision": each.entry.synced.revision,
                "commit": each.entry.synced.commit,
                "digest": each.entry.synced.digest,
                "state": each.state,
                "allowed": each.is_allowed,
                "asked_by": _asked_by(each),
                "package": each.entry.synced.module.package,
                "folder": str(places.module(each.entry.synced.module)),
            }
            for each in _read_states(project)
        ]
    }


def _asked_by(state: "ModuleState") -> list[str]:
    own: list[Literal["project"]] = ["project"] if state.entry.by_project else []
    return [*own, *map(str, state.entry.by_modules)]
