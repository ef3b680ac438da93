"""The commands `versions` and `rollback`: earlier trees of a dataset, and back to one of them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.activity import step
from hugflow.amounts import count, human_bytes
from hugflow.audit import this_user
from hugflow.cli.asked import read_project_requests, request_path_by_name
from hugflow.cli.builds import choose_one, entry_of, open_project
from hugflow.cli.options import AsJson, Name, WaitSeconds
from hugflow.cli.output import print_data, print_json, print_warning
from hugflow.cli.verbs import print_done
from hugflow.settings import ProjectSettings

if TYPE_CHECKING:
    from hugflow.stages.standing.status import DatasetStatus
    from hugflow.stages.tree.versions import Version


def versions(
    name: Name,
    as_json: AsJson = False,
) -> None:
    """List the versions of a dataset: the one in use, and those that were kept.

    KEEP_VERSIONS says how many are kept when a dataset is replaced. Files that two versions share
    take space once.
    """
    from hugflow.stages.tree.versions import list_versions, read_version

    project = open_project()
    status = _find(project, name)
    name = status.name
    current = read_version(project.places.dataset(name), name)
    found = [*([current] if current is not None else []), *list_versions(project.places, name)]
    if as_json:
        entries = [_to_json(version, is_current=version is current) for version in found]
        print_json({"datasets": [{**entry_of(status), "versions": entries}]})
        return
    if not found:
        print_data(f"{name} is not complete yet, and no version was kept")
    for version in found:
        manifest = version.manifest
        print_data(
            f"{version.id}  {version.finished_at[:16]:<16}  {manifest.commit[:7]}  "
            f"{count(manifest.rows.made, 'row')}  {human_bytes(manifest.size_bytes)}"
            f"{'  in use' if version is current else ''}"
        )


def rollback(
    name: Name,
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="VERSION", help="The beginning of a version; default: the latest kept one."
        ),
    ] = None,
    as_json: AsJson = False,
    wait_s: WaitSeconds = 0,
) -> None:
    """Use a kept version of a dataset again, at once; the one in use until now is kept.

    Readers see the old tree or the new one, never a mix. The dataset stays at this version until
    its request changes, or until `hugflow plan --update`.
    """
    from hugflow.stages.publishing.rollback import roll_back

    project = open_project()
    name = _find(project, name).name
    with step(f"going back to version {version} of {name}"):
        used = roll_back(project.places, name, version, actor=this_user(), wait_s=wait_s)
    status = _find(project, name)
    if as_json:
        entry = _to_json(used, is_current=True)
        print_json({"datasets": [{**entry_of(status), "versions": [entry]}]})
    else:
        commit = used.manifest.commit[:7]
        words = f"{name} is at version {used.id} (commit {commit}) now"
        print_done("rolled back", words, words)
    if _asks_for_others(project, name):
        print_warning(
            f"{status.request} asks for other rows than this version has: the next sync makes "
            "them again. Revert the request too"
        )


def _find(project: ProjectSettings, name: str) -> "DatasetStatus":
    """The dataset that a person means."""
    return choose_one(project, read_project_requests(project), name)


def _asks_for_others(project: ProjectSettings, name: str) -> bool:
    from hugflow.shards.plans import read_current_plan
    from hugflow.verify.drift import find_changed_request

    requests = read_project_requests(project)
    plan = read_current_plan(project.places, name)
    if plan is None or name not in request_path_by_name(requests):
        return False
    return any(
        file.request.name == name and find_changed_request(file.request, plan, project.options)
        for file in requests.adds
    )


def _to_json(version: "Version", *, is_current: bool) -> dict[str, Any]:
    manifest = version.manifest
    return {
        "version": version.id,
        "is_current": is_current,
        "commit": manifest.commit,
        "plan": manifest.plan,
        "rows": manifest.rows.made,
        "bytes": manifest.size_bytes,
        "finished_at": version.finished_at or None,
        "location": str(version.folder.root),
    }
