"""Importing archives that a person downloaded."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.activity import step
from hugflow.amounts import count, human_bytes
from hugflow.cli.builds import open_project
from hugflow.cli.options import AsJson
from hugflow.cli.output import print_json
from hugflow.cli.verbs import print_done, print_next
from hugflow.errors import UsageWrong

if TYPE_CHECKING:
    from hugflow.requests.model import AddRequest

_ENDING = re.compile(r"(\.tar)?\.(tar|gz|tgz|zip)$", re.IGNORECASE)


def import_archives(
    archives: Annotated[
        list[Path], typer.Argument(metavar="ARCHIVE", help="Archives as they were downloaded.")
    ],
    recipe: Annotated[
        str, typer.Option("--recipe", help="How they are read, such as common_voice.")
    ],
    hf_id: Annotated[
        str | None,
        typer.Option("--hf-id", help="owner/name of the dataset. Default: imported/<file's name>."),
    ] = None,
    subset: Annotated[
        str | None, typer.Option("--subset", help="The subset, such as the language.")
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="Default: train.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", help="Default: names the archive.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make datasets of archives that you downloaded by hand.

    The bytes are copied to STATE_DIR/archives/<sha256>, and a request is written to requests/add/.
    Archives whose names say that they are parts of one (a.tar.gz.aa, a.tar.gz.ab) are joined.
    It is planned, made and checked as any other; the sha256 takes the place of the commit. On a
    host without the archive the dataset waits until it is imported there, too.
    """
    # Imported when called: it loads the Hub's client.
    from hugflow.requests.folder import REQUESTS_FOLDER
    from hugflow.stages.planning.import_parts import group_parts
    from hugflow.stages.planning.imports import import_archive, write_import_request

    given = group_parts(archives)
    if hf_id is not None and len(given) > 1:
        raise UsageWrong(
            "--hf-id names one dataset, and several archives are given",
            why="each archive becomes a dataset of its own",
            mend="import them one by one, or leave --hf-id out",
        )
    project = open_project()
    root = project.root or Path.cwd()
    entries: list[dict[str, Any]] = []
    for archive, parts in ((each.whole, each.parts) for each in given):
        fields: dict[str, Any] = {
            "hf_id": hf_id or f"imported/{_name_of(archive)}",
            "description": description or f"Imported from {archive.name}",
            **({"subset": subset} if subset is not None else {}),
            **({"split": split} if split is not None else {}),
        }
        _make_request(fields, recipe, "0" * 64)
        with step(f"copying {archive.name}"):
            imported = import_archive(project.places, archive, parts)
        request = _make_request(fields, recipe, imported.sha256)
        path, is_new = write_import_request(root / REQUESTS_FOLDER, request)
        shown = str(path.relative_to(root))
        entries.append(
            {
                "archive": str(archive),
                "parts": [str(part) for part in parts] if len(parts) > 1 else [],
                "sha256": imported.sha256,
                "bytes": imported.size_bytes,
                "is_new": imported.is_new,
                "request": shown,
                "name": request.name,
            }
        )
        if not as_json:
            size = human_bytes(imported.size_bytes)
            of_parts = f" ({count(len(parts), 'part')})" if len(parts) > 1 else ""
            words = f"{archive}{of_parts}: {size}, sha256 {imported.sha256}"
            print_done("imported", words, words)
            print_done("wrote" if is_new else "kept", shown)
            print_next(f"hugflow plan {shown}")
    if as_json:
        print_json({"imported": entries})


def _make_request(fields: dict[str, Any], recipe: str, sha256: str) -> "AddRequest":
    """The request of an archive; raises UsageWrong."""
    from pydantic import ValidationError

    from hugflow.requests.model import AddRequest

    try:
        return AddRequest.model_validate(
            {**fields, "source": {"archive": sha256, "recipe": recipe}}
        )
    except ValidationError as error:
        finding = error.errors(include_url=False, include_input=False)[0]
        cause = finding.get("ctx", {}).get("error")
        option = "recipe" if finding["loc"][0] == "source" else str(finding["loc"][0])
        raise UsageWrong(
            f"--{option.replace('_', '-')} {getattr(cause, 'reason', finding['msg'])}",
            why="it would not be a valid request",
            mend=getattr(cause, "mend", "`hugflow import --help` says what each takes"),
        ) from error


def _name_of(archive: Path) -> str:
    """A file's name as the second part of an hf_id."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", _ENDING.sub("", archive.name))
    return re.sub(r"-{2,}|\.{2,}", "-", name).strip("-._") or "archive"
