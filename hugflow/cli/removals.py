"""The commands `remove` and `undo`."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.activity import step
from hugflow.amounts import count, human_bytes
from hugflow.audit import this_user
from hugflow.cli.ask import confirm
from hugflow.cli.asked import as_listed, read_project_requests, request_path_by_name
from hugflow.cli.builds import open_project
from hugflow.cli.completion import complete_name, complete_request
from hugflow.cli.options import AsJson, WaitSeconds
from hugflow.cli.output import failures_as_json, is_terminal, print_data, print_json, print_talk
from hugflow.cli.removal_targets import RemovalTarget, find_targets, shown_request
from hugflow.cli.verbs import print_done, print_kept, print_next, render_field
from hugflow.errors import HugflowError, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.project_requests import read_requests
from hugflow.requests.catalog import read_catalog
from hugflow.requests.match_names import match_name, no_such_dataset
from hugflow.requests.model import AddRequest, RemoveRequest
from hugflow.store.layout import Places

if TYPE_CHECKING:
    from hugflow.removal.remove import Removal
    from hugflow.store.trash import TrashEntry


def remove(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|NAME",
            help="A removal request, the add file itself, or a dataset.",
            autocompletion=complete_request,
        ),
    ],
    is_agreed: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be removed; remove nothing.")
    ] = False,
    as_json: AsJson = False,
    wait_s: WaitSeconds = 0,
) -> None:
    """Remove a dataset from storage: its link, its tree and its state go to the trash.

    Of a file with `expand` or `hf_collection`, all of its datasets go; it lists them and asks
    once.

    It stays there for 7 days, and `hugflow undo NAME` restores it. It is not fetched again until
    its request changes, or until you sync it.
    """
    with failures_as_json(file, as_json=as_json):
        project = open_project()
        asked = find_targets(project, file, is_agreed=is_agreed)
    name = asked[0].identity.name if len(asked) == 1 else None
    how = _How(is_agreed=is_agreed, is_dry_run=is_dry_run, as_json=as_json, wait_s=wait_s)
    with failures_as_json(file, as_json=as_json, name=name):
        _remove(project.places, file, asked, how)


def undo(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A removed dataset; none lists them.",
            autocompletion=complete_name,
        ),
    ] = None,
    as_json: AsJson = False,
    wait_s: WaitSeconds = 0,
) -> None:
    """Restore a removed dataset from the trash; without a name, list what is in the trash."""
    project = open_project()
    places = project.places
    if name is None:
        _list_trash(places, as_json=as_json)
        return
    from hugflow.removal.undo import bring_back
    from hugflow.stages.standing.status import read_status
    from hugflow.store.trash import read_entries

    asked = read_project_requests(project)
    requests, name = request_path_by_name(asked), as_listed(project, asked, name)
    name = match_name(name, [entry.name for entry in read_entries(places)], requests) or name
    with step(f"restoring {name}"):
        restored = bring_back(places, name, wait_s=wait_s)
    if restored is None:
        raise _nothing_to_bring_back(places, name, requests)
    status = read_status(places, name, requests.get(name))
    if as_json:
        entry = {
            "name": name,
            "request": status.request,
            "state": status.state,
            "location": status.location,
            "link": status.link,
        }
        print_json({"datasets": [entry]})
    elif status.link is not None:
        linked = f"{status.link} -> {status.location}"
        print_done("linked", linked, linked)
    else:
        words = f"{name} is back, {status.state}: {status.location or 'its plan'}"
        print_done("restored", words, words)
    _empty_trash(places)


@dataclass(frozen=True, slots=True)
class _How:
    """The options of the command."""

    is_agreed: bool
    is_dry_run: bool
    as_json: bool
    wait_s: float


def _remove(places: Places, file: Path, asked: Sequence[RemovalTarget], how: _How) -> None:
    """Remove the datasets of one request: it is asked once, and nothing goes if one is in use."""
    from hugflow.removal.remove import plan_removal
    from hugflow.removal.uses import refuse_used

    names = [each.identity.name for each in asked]
    if not names:
        _tell_nothing(places, file, asked, as_json=how.as_json)
        return
    with step(f"measuring {names[0] if len(names) == 1 else count(len(names), 'dataset')}"):
        found = [(each, plan_removal(places, each.identity)) for each in asked]
    planned = [(each, removal) for each, removal in found if removal is not None]
    if not planned:
        _tell_nothing(places, file, asked, as_json=how.as_json)
        return
    if not how.as_json and how.is_dry_run:
        for _, removal in planned:
            _show(removal, print_data, is_aligned=sys.stdout.isatty())
    elif not how.is_dry_run and not how.is_agreed:
        for _, removal in planned:
            _show(removal, print_talk, is_aligned=is_terminal())
    for _, removal in planned:
        refuse_used(removal.name, removal.uses)
    if how.is_dry_run:
        if how.as_json:
            entries = [
                {"state": removal.state, **_to_json(each.file, removal), "dry_run": True}
                for each, removal in planned
            ]
            print_json({"datasets": entries})
        return
    if not how.is_agreed:
        _ask(planned[0][1].name if len(planned) == 1 else count(len(planned), "dataset"))
    told = []
    for each, removal in planned:
        entry = _carry_out(each, how.wait_s)
        if entry is None:
            continue
        told.append(_removed_json(places, each.file, removal, entry))
        if not how.as_json:
            _tell_removed(removal, entry)
    if not told:
        _tell_nothing(places, file, asked, as_json=how.as_json)
        return
    if how.as_json:
        print_json({"datasets": told})
    _empty_trash(places)


def _carry_out(asked: RemovalTarget, wait_s: float) -> "TrashEntry | None":
    from hugflow.removal.remove import RemovalOrder, remove_dataset

    request = asked.request
    removal = request if isinstance(request, RemoveRequest) else None
    order = RemovalOrder(
        by=this_user(),
        at=datetime.now(UTC),
        reason=removal.reason if removal is not None else None,
        requests=_asking(asked),
        removal=removal.digest if removal is not None else None,
    )
    with step(f"removing {asked.identity.name}"):
        return remove_dataset(asked.project.places, asked.identity, order, wait_s=wait_s)


def _ask(name: str) -> None:
    """Ask the user to agree; exits with 1 when they do not."""
    if not sys.stdin.isatty():
        raise UsageWrong(
            f"{name} was not removed",
            why="there is no terminal to ask at",
            mend="give --yes to remove it without being asked, --dry-run to see what would go",
        )
    if not confirm(f"Remove {name}?"):
        print_talk("nothing was removed")
        raise typer.Exit(1)


def _asking(asked: RemovalTarget) -> tuple[str, ...]:
    """Digests of the current requests for the dataset: in the file, the work tree, and on main."""
    from hugflow.stages.standing.removal_records import asking_digests

    project, request, identity = asked.project, asked.request, asked.identity
    digests = {request.digest} if isinstance(request, AddRequest) else set()
    places = project.places
    digests |= asking_digests(places, identity, read_requests(project.root))
    catalog = read_catalog(places)
    if catalog is not None:
        digests |= asking_digests(places, identity, catalog.data_by_path)
    return tuple(sorted(digests))


def _show(removal: "Removal", say: Any, *, is_aligned: bool) -> None:
    """Print what would be removed, for the user to judge."""
    size = removal.size
    fields: list[tuple[str, object]] = [
        ("state", removal.state),
        ("rows", f"{size.rows:,}"),
        ("files", f"{size.files:,}, {human_bytes(size.all_bytes)}"),
        ("folder", removal.folder or "-"),
        ("link", removal.link or "-"),
    ]
    if removal.other_link is not None:
        fields.append(("stays", f"{removal.other_link}, which is not the dataset's link"))
    fields += [("used by", use.what) for use in removal.uses]
    say(render_field("remove", removal.name, 0, is_aligned=True) if is_aligned else removal.name)
    for label, value in fields:
        say(render_field(label, value, 9, is_aligned=is_aligned))


def _to_json(file: Path, removal: "Removal") -> dict[str, Any]:
    return {
        "name": removal.name,
        "request": shown_request(file),
        "location": str(removal.folder) if removal.folder is not None else None,
        "link": str(removal.link) if removal.link is not None else None,
        "rows": removal.size.rows,
        "files": removal.size.files,
        "bytes": removal.size.all_bytes,
        "uses": [use.what for use in removal.uses],
    }


def _tell_nothing(
    places: Places, file: Path, asked: Sequence[RemovalTarget], *, as_json: bool
) -> None:
    names = [each.identity.name for each in asked]
    if len(names) > 1:
        if as_json:
            print_json({"datasets": []})
        else:
            print_data(f"nothing to remove: no dataset of {file} is stored here")
        return
    name = names[0] if names else None
    if as_json:
        from hugflow.stages.standing.status import read_status

        state = read_status(places, name).state if name is not None else "removed"
        request = shown_request(asked[0].file if asked else file)
        print_json({"datasets": [{"name": name, "request": request, "state": state}]})
    else:
        what = f"{name} is not" if name else f"no dataset that {file} names is"
        print_data(f"nothing to remove: {what} stored here")


def _tell_removed(removal: "Removal", entry: "TrashEntry") -> None:
    size = f"{count(entry.files, 'file')}, {human_bytes(entry.bytes)}"
    until = f"in the trash until {_day(entry.expires_at)}"
    print_done("removed", f"{entry.name}: {size} {until}")
    if removal.other_link is not None:
        print_kept("kept", f"{removal.other_link}, which is not the dataset's link")
    undo_it = f"`hugflow undo {entry.name}` brings it back"
    if is_terminal():
        print_next(undo_it)
    else:
        print_talk(undo_it)


def _removed_json(
    places: Places, file: Path, removal: "Removal", entry: "TrashEntry"
) -> dict[str, Any]:
    from hugflow.store.trash import parts_in_trash

    return {
        **_to_json(file, removal),
        "state": "removed",
        "trash": entry.id,
        "in_trash": [str(path) for path in parts_in_trash(places, entry)],
        "expires_at": entry.expires_at.isoformat(timespec="seconds"),
    }


def _list_trash(places: Places, *, as_json: bool) -> None:
    from hugflow.store.trash import read_entries

    entries = read_entries(places)
    if as_json:
        print_json({"datasets": [_entry_json(entry) for entry in entries]})
    elif not entries:
        print_data("the trash is empty")
    else:
        _print_table(entries)


def _entry_json(entry: "TrashEntry") -> dict[str, Any]:
    return {
        "name": entry.name,
        "request": None,
        "state": "removed",
        "trash": entry.id,
        "removed_at": entry.removed_at.isoformat(timespec="seconds"),
        "expires_at": entry.expires_at.isoformat(timespec="seconds"),
        "by": entry.by,
        "reason": entry.reason,
        "files": entry.files,
        "bytes": entry.bytes,
    }


def _print_table(entries: Sequence["TrashEntry"]) -> None:
    width = max(len("DATASET"), *(len(entry.name) for entry in entries))
    print_data(f"{'DATASET':<{width}}  {'REMOVED':<10}  {'UNTIL':<10}  {'BYTES':>9}  BY")
    for entry in entries:
        days = f"{_day(entry.removed_at):<10}  {_day(entry.expires_at):<10}"
        size = human_bytes(entry.bytes)
        print_data(f"{entry.name:<{width}}  {days}  {size:>9}  {entry.by}")


def _nothing_to_bring_back(places: Places, name: str, requests: Mapping[str, str]) -> HugflowError:
    """The error for a name that the trash does not have; it suggests the nearest name."""
    from hugflow.stages.standing.stored import list_names
    from hugflow.store.trash import read_entries

    removed = sorted({entry.name for entry in read_entries(places)})
    known = {*removed, *list_names(places), *requests}
    why = f"the trash holds {', '.join(removed)}" if removed else "the trash is empty"
    name = match_name(name, known, requests) or name
    if name not in known:
        return no_such_dataset(name, removed or sorted(known), why=why)
    return HugflowError(
        f"there is nothing to restore of {name!r}",
        why=why,
        mend="`hugflow undo` lists what can be restored; a sync makes a dataset again",
    )


def _empty_trash(places: Places) -> None:
    """Delete expired entries of the trash, and print them."""
    from hugflow.store.trash import delete_expired

    with step("emptying the trash"):
        expired = delete_expired(places, datetime.now(UTC))
    for entry in expired:
        print_talk(f"deleted for good: {entry.name}, removed on {_day(entry.removed_at)}")


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()
