"""The command `export`: a stored dataset in the form that another tool reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hugflow.activity import step
from hugflow.cli.asked import read_project_requests
from hugflow.cli.builds import choose_one, entry_of, open_project
from hugflow.cli.options import AsJson, Name
from hugflow.cli.output import print_data, print_json
from hugflow.cli.verbs import print_done
from hugflow.errors import UsageWrong
from hugflow.nearest import nearest_name
from hugflow.requests.collect import AddFile
from hugflow.requests.grammar import EXPORTS
from hugflow.requests.model import AddRequest

_WITH_COMMANDS = ("kaldi", "espnet")


def export(
    name: Name,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help=", ".join(EXPORTS))],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where to write. Default: ./NAME-FORMAT."),
    ] = None,
    is_absolute: Annotated[
        bool, typer.Option("--absolute", help="Write absolute paths of the clips.")
    ] = False,
    is_piped: Annotated[
        bool, typer.Option("--pipe", help="kaldi, espnet: commands in wav.scp, which need ffmpeg.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a stored dataset in a form for another tool.

    The dataset does not change. To have the files in its folder, name the form in `exports:` of
    the request, or in the setting EXPORTS.
    """
    from hugflow.exports.registry import named_export
    from hugflow.stages.publishing.export_stored import export_stored

    project = open_project()
    chosen = named_export(to)
    if chosen is None:
        near = nearest_name(to, EXPORTS)
        raise UsageWrong(
            f"there is no export called {to!r}",
            why=f"the exports are {', '.join(EXPORTS)}",
            mend=f"did you mean {near}?" if near else "name one of these",
        )
    if is_piped and to not in _WITH_COMMANDS:
        raise UsageWrong(
            f"--pipe does not go with --to {to}",
            why=f"only {' and '.join(_WITH_COMMANDS)} can hold commands in place of paths",
            mend="leave --pipe out",
        )
    requests = read_project_requests(project)
    status = choose_one(project, requests, name)
    name = status.name
    request = _find_request(requests.adds, name)
    folder = out if out is not None else Path(f"{name}-{to}")
    with step(f"exporting {name} to {to}"):
        files = export_stored(
            project.places,
            name,
            chosen,
            folder,
            description=request.description if request is not None else None,
            is_absolute=is_absolute,
            is_piped=is_piped,
        )
    if as_json:
        written = {"format": to, "files": [str(file) for file in files]}
        print_json({"datasets": [{**entry_of(status), **written}], "name": name, **written})
        return
    for file in files:
        print_done("wrote", str(file), str(file))
    if not files:
        print_data(f"{name} has no audio: {to} has no file for it")


def _find_request(adds: Sequence[AddFile], name: str) -> AddRequest | None:
    return next((file.request for file in adds if file.request.name == name), None)
