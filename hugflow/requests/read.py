"""One request file to one request.

Reading is cheap whatever the file holds: its size is checked before it is opened, its characters
before it is parsed, its structure before anything is built. Nothing is fetched and nothing is run.
One reading finds all errors, and raises them as one RequestFileInvalid.
"""

import os
import re
import stat
from pathlib import Path, PurePath
from typing import TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hugflow.nearest import nearest_name
from hugflow.requests import grammar
from hugflow.requests.fields import MAX_PROBLEMS, Fields, FieldText, parse_fields
from hugflow.requests.model import AddRequest, Kind, RemoveRequest
from hugflow.requests.problems import Problem, RequestFileInvalid
from hugflow.show_key import show_key

MAX_REQUEST_BYTES = 64 * 1024

Request: TypeAlias = AddRequest | RemoveRequest

_MAX_SHOWN_CHARACTERS = 24
_KIND_BY_FOLDER: dict[str, Kind] = {"add": "add", "remove": "remove"}
_MODEL_BY_KIND: dict[Kind, type[Request]] = {"add": AddRequest, "remove": RemoveRequest}
_WORDS_FOR_FIELDS = {
    "id": "hf_id", "name": "hf_id", "dataset": "hf_id", "repo": "hf_id", "repo_id": "hf_id",
    "url": "hf_id", "branch": "revision", "tag": "revision", "commit": "revision",
    "version": "revision", "config": "subset", "config_name": "subset",
    "configuration": "subset", "language": "subset", "collection": "hf_collection",
}  # fmt: skip

# Some of these end a line for YAML but not on the review page: a lone CR, NEL, U+2028, U+2029.
# The bidi overrides reorder what the reviewer sees.
_REFUSED_CHARACTERS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]|\r(?!\n)"
)
_SECRETS = re.compile(
    r"\bhf_[A-Za-z0-9]{20,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\bxox[a-z]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/\w"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]{0,40}PRIVATE KEY"
    r"|://[^\s/@:]{0,200}:[^\s/@]{1,200}@"
)


def request_kind(path: PurePath) -> Kind:
    """The kind of a file by its nearest `add` or `remove` folder; else it is an add.

    Folders above the outermost `requests` do not count: a checkout may be in a folder of any name.
    """
    folders = path.parts[:-1]
    if "requests" in folders:
        folders = folders[folders.index("requests") :]
    kinds = (_KIND_BY_FOLDER[folder] for folder in reversed(folders) if folder in _KIND_BY_FOLDER)
    return next(kinds, "add")


def parse_request(data: bytes, path: PurePath | str, *, kind: Kind | None = None) -> Request:
    """The request in a file's bytes; the path is part of every problem.

    kind: add or remove, if the path does not say it.
    Raises RequestFileInvalid with up to twenty errors.
    """
    shown = str(path)
    text, problems = _decode(data, shown)
    if text is None:
        raise RequestFileInvalid(problems)
    problems += _find_secrets(text, shown)
    fields = parse_fields(text, shown)
    problems += fields.problems
    request, findings = _validate(fields, kind or request_kind(PurePath(path)), shown)
    problems += findings
    if request is None or problems:
        problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
        raise RequestFileInvalid(problems[:MAX_PROBLEMS])
    return request


def read_request(path: Path) -> Request:
    """Read one request file; its kind follows from its real folder, however it is named here.

    Raises RequestFileInvalid, also if it is not a regular file or cannot be read.
    """
    kind = request_kind(PurePath(os.path.normpath(path.absolute())))
    return parse_request(read_request_bytes(path), path, kind=kind)


def read_request_bytes(path: Path) -> bytes:
    """Read at most one byte more than a request may have; only from a regular file.

    A link is refused, not followed: on a pull request a stranger chooses its target. Raises
    RequestFileInvalid.
    """
    try:
        _check_regular(os.lstat(path), path)
        # The file may have been replaced by a pipe, which would block, or by a link.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            _check_regular(os.fstat(descriptor), path)
            return file.read(MAX_REQUEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file has such a name"
        raise _unreadable(path, f"cannot be read: {reason}") from error


def _check_regular(status: os.stat_result, path: Path) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise _unreadable(path, "is a link")
    if stat.S_ISDIR(status.st_mode):
        raise _unreadable(path, "is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise _unreadable(path, "is a pipe, a socket or a device")


def _unreadable(path: Path, what: str) -> RequestFileInvalid:
    why = "a request is read from a file of its own"
    mend = "name a file that holds a request and that you may read"
    return RequestFileInvalid([Problem(str(path), 1, None, None, what, why, mend)])


def _decode(data: bytes, path: str) -> tuple[str | None, list[Problem]]:
    """The file's text, or the one reason why it has none."""
    if len(data) > MAX_REQUEST_BYTES:
        what = f"is larger than {MAX_REQUEST_BYTES // 1024} KiB"
        why, mend = "a request is a few lines", "keep the fields and take out the rest"
        return None, [Problem(path, 1, None, None, what, why, mend)]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what, why = "is not UTF-8", "a request must read the same on every machine"
        return None, [Problem(path, line, None, None, what, why, "save the file as UTF-8")]
    if found := _REFUSED_CHARACTERS.search(text):
        what = f"holds {grammar.code_point(found[0])}, which no request may hold"
        why = "a reviewer could not see what it does to the text around it"
        mend = "delete that character; lines end with LF or CRLF"
        return None, [_problem_at(found.start(), text, path, what, why, mend)]
    return text, []


def _find_secrets(text: str, path: str) -> list[Problem]:
    """Find text that looks like a token: it would end up in cards, logs and comments."""
    what = "holds what looks like a token or a password"
    why = "everyone who may read the repository could use it"
    mend = "delete it here and revoke it where it was made: git keeps what was committed"
    return [
        _problem_at(found.start(), text, path, what, why, mend) for found in _SECRETS.finditer(text)
    ]


def _problem_at(place: int, text: str, path: str, what: str, why: str, mend: str) -> Problem:
    line = text.count("\n", 0, place) + 1
    column = place - text.rfind("\n", 0, place)
    return Problem(path, line, column, None, what, why, mend)


def _validate(fields: Fields, kind: Kind, path: str) -> tuple[Request | None, list[Problem]]:
    """The request that the fields make, or the problems that prevent it."""
    model = _MODEL_BY_KIND[kind]
    known = {
        name: written for name, written in fields.by_name.items() if name in model.model_fields
    }
    unknown = {name: written for name, written in fields.by_name.items() if name not in known}
    problems = [_unknown_field(name, unknown[name], model, path) for name in unknown]
    spoken_for = {name for name, written in known.items() if written.is_refused}
    spoken_for |= {nearest for name in unknown if (nearest := _nearest_field(name, model))}
    try:
        values = {name: written.value for name, written in known.items()}
        return model.model_validate(values), problems
    except ValidationError as error:
        findings = error.errors(include_url=False, include_input=False)
    for finding in findings:
        # A rule about several fields says which is at fault, or is about audio_columns.
        told = getattr(finding.get("ctx", {}).get("error"), "field", None) or "audio_columns"
        field = str(finding["loc"][0]) if finding["loc"] else told
        if finding["type"] == "missing":
            if fields.is_whole and field not in spoken_for:
                problems.append(_missing_field(field, known.get(field), model, path))
        # Of a request with hf_collection, hf_id is not in the file.
        elif field in known and not known[field].is_refused:
            problems.append(_wrong_value(field, known[field], finding, model, path))
    return None, problems


def _unknown_field(name: str, written: FieldText, model: type[Request], path: str) -> Problem:
    why = f"{_describe(model)} takes only the fields {', '.join(model.model_fields)}"
    mend = "delete the line"
    if nearest := _nearest_field(name, model):
        mend = f'did you mean "{nearest}"? Rename it, or delete the line'
    elif any(name in other.model_fields for other in _MODEL_BY_KIND.values()):
        why = f"the file is {_describe(model)}, by its folder"
        mend = "move the file to requests/add or to requests/remove, or delete the line"
    return Problem(
        path, written.line, written.column, show_key(name), "is an unknown field", why, mend
    )


def _nearest_field(name: str, model: type[Request]) -> str | None:
    plain = re.sub(r"[\s-]+", "_", name.strip()).lower()
    if any(name in other.model_fields for other in _MODEL_BY_KIND.values()):
        return None
    return _WORDS_FOR_FIELDS.get(plain) or nearest_name(plain, model.model_fields)


def _missing_field(
    field: str, written: FieldText | None, model: type[Request], path: str
) -> Problem:
    line, column = (written.line, written.column) if written else (1, None)
    why = f"it is required: {_describe(model)} cannot do without it"
    mend = f'add it after "{field}: "' if written else f'add a line that begins with "{field}: "'
    return Problem(path, line, column, field, "is missing", why, mend)


def _wrong_value(
    field: str, written: FieldText, finding: ErrorDetails, model: type[Request], path: str
) -> Problem:
    """Pydantic's error in our own words, which never repeat the value."""
    cause = finding.get("ctx", {}).get("error")
    if isinstance(cause, grammar.FieldInvalid):
        what, mend = cause.reason, cause.mend
    elif finding["type"] == "string_type":
        what, mend = f"is {written.kind}, where text is meant", _put_in_quotes(field, written)
    elif finding["type"] == "bool_type":
        what, mend = f"is {written.kind}, where true or false is meant", "write true without quotes"
    else:
        choice = finding.get("ctx", {}).get("expected", "what this field takes")
        what, mend = f"is not {choice}", f"write {choice}"
    why = f"{field}: {model.model_fields[field].description}"
    place = written.place_of(cause.path if isinstance(cause, grammar.FieldInvalid) else ())
    return Problem(path, *place, field, what, why, mend)


def _put_in_quotes(field: str, written: FieldText) -> str:
    if not written.source:
        return f'write one text in quotes: {field}: "..."'
    is_short = len(written.source) <= _MAX_SHOWN_CHARACTERS
    return f'put it in quotes: {field}: "{written.source}"' if is_short else "put it in quotes"


def _describe(model: type[Request]) -> str:
    return "an add" if model is AddRequest else "a removal"
