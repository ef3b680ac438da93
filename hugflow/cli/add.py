"""The command `add`: a request, written by what the Hub says of the dataset."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.activity import step
from hugflow.amounts import count, human_bytes
from hugflow.cli.ask import can_ask, choose
from hugflow.cli.asked import read_project_requests, request_path_by_name
from hugflow.cli.builds import open_hub, open_project
from hugflow.cli.options import AsJson
from hugflow.cli.output import print_json, print_warning
from hugflow.cli.schema_file import schema_line, write_schema
from hugflow.cli.verbs import print_done, print_field, print_next
from hugflow.errors import HugflowError, RequestInvalid, UsageWrong
from hugflow.redact import in_a_line
from hugflow.requests.folder import is_request_path
from hugflow.requests.model import AddRequest
from hugflow.requests.problems import RequestFileInvalid
from hugflow.requests.read import parse_request, request_kind
from hugflow.settings import ProjectSettings
from hugflow.store.atomic import make_folder, write_file

if TYPE_CHECKING:
    from hugflow.shards.lookup import Offer
    from hugflow.shards.plan import Plan

_ADD_FOLDER = Path("requests") / "add"
_OPTIONS = ("subset", "split", "revision", "audio_column", "text_column")
_LINE_TO_SET = re.compile(rf"(set|example|in) ({'|'.join(_OPTIONS)}): (\"[^\"]*\"|'[^']*'|\S+)")
_FIELD_TO_SET = re.compile(rf"\bset ({'|'.join(_OPTIONS)})\b(?: to\b)?")
_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def add(
    hf_id: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The dataset on the Hub.")],
    subset: Annotated[str | None, typer.Option(help="One of its subsets.")] = None,
    split: Annotated[str | None, typer.Option(help="One of its splits.")] = None,
    revision: Annotated[
        str | None, typer.Option(help="A branch, tag or commit. Default: main.")
    ] = None,
    audio_column: Annotated[str | None, typer.Option(help="The column with the audio.")] = None,
    text_column: Annotated[str | None, typer.Option(help="The column with the text.")] = None,
    description: Annotated[
        str | None, typer.Option(help="What it is for. Default: dataset, subset and split.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for it.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Where to write. Default: in requests/add/."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look a dataset up on the Hub, and write the request for it.

    Where there is a choice of subset, split or column, it asks at a terminal; elsewhere the options
    must say it. Nothing is fetched but the ends of the files.
    """
    project = open_project()
    root = project.root
    if root is None:
        raise UsageWrong(
            "here is no project",
            why="a request is written into requests/add/ of a project",
            mend="go into your project's folder, or make one: `hugflow init`",
        )
    given = None if file is None else _where(root, file)
    fields: dict[str, str | None] = {
        "hf_id": hf_id.strip().removeprefix("https://huggingface.co/datasets/").rstrip("/"),
        "description": description or hf_id,
        "revision": revision,
        "subset": subset,
        "split": split,
        "audio_column": audio_column,
        "text_column": text_column,
        "owner": owner,
    }
    _check(fields)
    with _told_as_options():
        plan = _look_up(project, fields, has_description=description is not None)
    text = _render(fields)
    path = given or root / _ADD_FOLDER / _file_name(fields)
    request = parse_request(text.encode(), path)
    assert isinstance(request, AddRequest)  # noqa: S101  # it was rendered as one
    _refuse_twice(project, request, path)
    make_folder(path.parent)
    write_schema(root)
    write_file(path, f"{schema_line(path, root)}\n{text}")
    shown = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
    _tell(plan, shown, request, as_json=as_json)


def _check(fields: dict[str, str | None]) -> None:
    """Raise RequestInvalid for a value that no request may have; it names the option."""
    try:
        _parse(fields)
    except RequestFileInvalid as error:
        problem = error.problems[0]
        field = problem.field or "description"
        option = "OWNER/NAME" if field == "hf_id" else _option(field)
        raise RequestInvalid(
            f"{option} {problem.what}", why=problem.why, mend=problem.mend
        ) from error


@contextmanager
def _told_as_options() -> Iterator[None]:
    """Where an error would have a line of the request set, it names the option of `add`."""

    def to_option(found: re.Match[str]) -> str:
        verb = "give" if found[1] == "set" else found[1]
        value = found[3].strip("\"'") if found[3][0] in "\"'" else found[3]
        return f"{verb} {_option(found[2])} {shlex.quote(value)}"

    try:
        yield
    except HugflowError as error:
        line = _LINE_TO_SET.sub(to_option, error.mend)
        error.mend = _FIELD_TO_SET.sub(lambda found: f"give {_option(found[1])}", line)
        raise


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _where(root: Path, file: Path) -> Path:
    """The path of --file, as a person in the working directory names it; raises UsageWrong."""
    inside = Path(os.path.relpath((Path.cwd() / file).resolve(), root.resolve()))
    if not is_request_path(inside) or request_kind(inside) != "add":
        raise UsageWrong(
            f"--file {in_a_line(str(file))} is not the path of an add file",
            why="requests are read from .yaml files in requests/add/ of the project, and nowhere else",
            mend="leave --file out, or name a .yaml file in requests/add/",
        )
    return root / inside


def _look_up(
    project: ProjectSettings, fields: dict[str, str | None], *, has_description: bool
) -> "Plan":
    """Fill in what is left out, asking where there is a choice; returns the plan it would get."""
    from hugflow.clients.repository import RepoId
    from hugflow.shards.lookup import fetch_columns, find_splits, find_subsets
    from hugflow.shards.resolve import fetch_plan

    hf_id, hub = str(fields["hf_id"]), open_hub(project)
    with step(f"looking up {hf_id}"):
        repository = hub.fetch_repository(RepoId.dataset(hf_id), fields["revision"] or "main")
    if fields["subset"] is None:
        fields["subset"] = _pick("subset", find_subsets(repository))
    if fields["split"] is None:
        with step("listing its files"):
            splits = find_splits(hub, repository, fields["subset"])
        fields["split"] = _pick("split", splits)
    if not has_description:
        parts = (hf_id, fields["subset"], fields["split"] or "train")
        fields["description"] = ", ".join(filter(None, parts))
    with step("reading its columns"):
        columns = fetch_columns(hub, repository, _plan_request(project, fields))
    if fields["audio_column"] is None:
        fields["audio_column"] = _pick("audio_column", columns.audio, usual="audio")
    if fields["text_column"] is None:
        fields["text_column"] = _pick("text_column", columns.text, usual="text", may_lack=True)
    request = _parse(fields)
    with step(f"resolving {hf_id}"):
        plan_request = _plan_request(project, fields)
        return fetch_plan(hub, request.name, plan_request, commit=repository.commit)


def _pick(
    field: str, offer: "Offer", *, usual: str | None = None, may_lack: bool = False
) -> str | None:
    """The value to write; None if the field can be left out.

    usual: the value that a request has without the field. may_lack: the usual name among several is
    taken unasked.
    """
    names = offer.values
    if not names or (offer.default is not None and offer.default == usual):
        return None
    if len(names) == 1:
        is_left_out = field == "subset" or (field == "split" and names[0] == "train")
        return None if is_left_out else names[0]
    if offer.default is not None and (may_lack or not can_ask()):
        return offer.default
    return choose(field, names, offer.default, _option(field))


def _parse(fields: dict[str, str | None]) -> AddRequest:
    request = parse_request(_render(fields).encode(), _ADD_FOLDER / "new.yaml")
    assert isinstance(request, AddRequest)  # noqa: S101  # it was rendered as one
    return request


def _plan_request(project: ProjectSettings, fields: dict[str, str | None]) -> Any:
    from hugflow.shards.plan_request import PlanRequest

    return PlanRequest.of(_parse(fields), project.options.row_defaults)


def _render(fields: dict[str, str | None]) -> str:
    """The lines of the request; a JSON text is a YAML text too."""
    told = {name: value for name, value in fields.items() if value is not None}
    return "".join(
        f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in told.items()
    )


def _file_name(fields: dict[str, str | None]) -> str:
    """`common_voice_11_0-ms.yaml`; the split is named unless it is `train`."""
    split = fields["split"] if fields["split"] != "train" else None
    parts = (str(fields["hf_id"]).partition("/")[2], fields["subset"], split)
    return _NOT_IN_FILE_NAMES.sub("_", "-".join(filter(None, parts))) + ".yaml"


def _refuse_twice(project: ProjectSettings, request: AddRequest, path: Path) -> None:
    """Raise UsageWrong if a file asks for the dataset already, or the file is there."""
    asked = request_path_by_name(read_project_requests(project)).get(request.name)
    if asked is not None:
        raise UsageWrong(
            f"{asked} asks for {request.name} already",
            why="two requests of one dataset would be refused",
            mend=f"edit {asked}, or name another subset, split or revision",
        )
    if path.exists():
        raise UsageWrong(
            f"{path} exists already",
            why="it is not overwritten",
            mend="name another file with --file",
        )


def _tell(plan: "Plan", shown: str, request: AddRequest, *, as_json: bool) -> None:
    from hugflow.shards.plan import plan_summary

    summary = plan_summary(plan)
    if as_json:
        entry = {"name": request.name, "request": shown, "state": "pending", **summary}
        print_json({"datasets": [entry]})
        return
    rows = "not known before they are fetched" if plan.rows is None else f"{plan.rows:,}"
    print_done("wrote", shown, shown)
    print_field("dataset", request.name, 9)
    print_field("rows", f"{rows}, in {count(plan.file_count, 'file')}", 9)
    print_field("source", human_bytes(plan.source_bytes), 9)
    gate = "gated" if plan.is_gated else "not gated"
    print_field("licence", f"{plan.licence or 'none named'}, {gate}", 9)
    print_field("audio", ", ".join(plan.all_audio) or "none: text only", 9)
    print_field("text", plan.text_column or "none", 9)
    for warning in plan.warnings:
        print_warning(warning)
    print_next(f"`hugflow local-sync {shown}`, or commit it and open a pull request")
