"""Uploads to the loopback Hub: new repositories, commits, pull requests, and large files.

`create_repo`, `create_commit` and `upload_folder` of `huggingface_hub` work without Xet: set
HF_HUB_DISABLE_XET=1. Only a token that was added with `writes=True` may upload: to repositories of
its own user and to those that it opens; as a pull request, to every repository that it can see.

    POST /api/repos/create                      409 if the repository exists
    POST /api/validate-yaml                     every card is accepted
    POST /api/{kind}/{id}/preupload/{rev}       which files go to LFS
    POST /api/{kind}/{id}/commit/{rev}          ndjson: header, file, lfsFile, deletedFile, deletedFolder
    POST /api/{kind}/{id}/tag/{rev}             409 if the tag exists
    POST /{datasets/}{id}.git/info/lfs/objects/batch
    PUT  /uploads/{sha256} of the storage       signed, as downloads are

`parentCommit` must be the head of the branch, else 412. A pull request begins at it.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from hugflow.late_dataclass import dataclass
from hugflow.testing.api import Holdings, Reader, find_commit, find_reader, find_repository
from hugflow.testing.api import sign_link as sign
from hugflow.testing.exchange import Ask, Refusal, Response, answer_json
from hugflow.testing.repository import HubFile, Kind, Repository, read_file

_KINDS: dict[str, Kind] = {"dataset": "datasets", "model": "models"}
_STORED = "uploads"

# Makes a file of a repository from its path and its bytes.
ReadFile = Callable[[str, bytes], HubFile]


@dataclass(frozen=True, slots=True)
class Upload:
    """The answer to an upload, and the function that carries it out."""

    answer: Response
    settle: Callable[[], None] = lambda: None


def find_upload(held: Holdings, ask: Ask, read: ReadFile) -> Upload | None:
    """The upload that a request asks for; None if it asks for something else."""
    try:
        match (ask.port, ask.method, *ask.segments):
            case ("storage", "PUT", "uploads", sha256):
                return _store(held, sha256, ask)
            case ("api", "POST", "api", "validate-yaml"):
                return Upload(answer_json({"errors": [], "warnings": []}))
            case ("api", "POST", "api", "repos", "create"):
                return _create(held, _find_writer(held, ask), json.loads(ask.body))
            case ("api", "POST", "datasets", owner, name, "info", "lfs", "objects", "batch"):
                _find_target(held, "datasets", f"{owner}/{name.removesuffix('.git')}", ask)
                return Upload(_answer_batch(held, ask))
            case ("api", "POST", owner, name, "info", "lfs", "objects", "batch"):
                _find_target(held, "models", f"{owner}/{name.removesuffix('.git')}", ask)
                return Upload(_answer_batch(held, ask))
            case (
                "api",
                "POST",
                "api",
                "datasets" | "models" as kind,
                owner,
                name,
                what,
                *rest,
            ) if what in ("preupload", "commit", "tag"):
                repository = _find_target(held, kind, f"{owner}/{name}", ask)
                if what == "tag":
                    return _tag(repository, "/".join(rest), json.loads(ask.body)["tag"])
                if what == "preupload":
                    return Upload(_answer_preupload(repository, "/".join(rest), ask, read))
                return _commit(held, repository, "/".join(rest), ask, read)
            case _:
                return None
    except Refusal as refusal:
        return Upload(refusal.to_answer())


def _find_writer(held: Holdings, ask: Ask) -> Reader:
    reader = find_reader(held, ask)
    if reader is None:
        raise Refusal(401, "Invalid username or password.")
    if not reader.writes:
        raise Refusal(403, "Forbidden: you must use a write token to upload to a repository.")
    return reader


def _find_target(held: Holdings, kind: Kind, repository_id: str, ask: Ask) -> Repository:
    """The repository that an upload goes to, if its sender may send it there."""
    repository = find_repository(held, kind, repository_id, find_reader(held, ask))
    writer = _find_writer(held, ask)
    if not _is_pull_request(ask) and not _owns(writer, repository.id):
        raise Refusal(403, f"Forbidden: pass `create_pr=1` to upload to {repository.id}.")
    return repository


def _is_pull_request(ask: Ask) -> bool:
    # `Ask.values` reads the form of a POST, and an upload has none.
    return "create_pr=1" in ask.query.split("&") or ask.path.endswith("/info/lfs/objects/batch")


def _owns(writer: Reader, repository_id: str) -> bool:
    return repository_id.partition("/")[0] == writer.user or repository_id in writer.repositories


def _create(held: Holdings, writer: Reader, wanted: Mapping[str, Any]) -> Upload:
    kind = _KINDS[wanted.get("type") or "model"]
    repository_id = f"{wanted.get('organization') or writer.user}/{wanted['name']}"
    prefix = "datasets/" if kind == "datasets" else ""
    answer = {"url": f"{held.api_url}/{prefix}{repository_id}", "name": repository_id}
    if not _owns(writer, repository_id):
        raise Refusal(403, f"Forbidden: you may not create {repository_id}.")
    if (kind, repository_id) in held.repositories:
        error = "You already created this repo"
        return Upload(answer_json(answer | {"error": error}, status=409))
    is_private = wanted.get("visibility") == "private" or wanted.get("private") is True
    made = Repository(repository_id, kind, private=is_private)

    def settle() -> None:
        made.add_commit({}, branch="main", message="initial commit")
        held.repositories[kind, repository_id] = made
        if is_private:
            _let_read(held, writer, repository_id)

    return Upload(answer_json(answer), settle)


def _let_read(held: Holdings, writer: Reader, repository_id: str) -> None:
    for token, reader in held.readers.items():
        if reader == writer:
            held.readers[token] = reader.opening(repository_id)


def _answer_preupload(repository: Repository, revision: str, ask: Ask, read: ReadFile) -> Response:
    head = find_commit(repository, revision)
    answers = []
    for file in json.loads(ask.body)["files"]:
        present = head.files.get(file["path"])
        # Only size and name decide, so any bytes of that size will do.
        is_large = read(file["path"], bytes(file["size"])).sha256 is not None
        answers.append(
            {
                "path": file["path"],
                "uploadMode": "lfs" if is_large else "regular",
                "shouldIgnore": False,
                "oid": present and present.etag,
            }
        )
    return answer_json({"files": answers})


def _answer_batch(held: Holdings, ask: Ask) -> Response:
    objects = []
    for wanted in json.loads(ask.body)["objects"]:
        target = f"/{_STORED}/{wanted['oid']}"
        issued = f"{ask.received_at:.6f}"
        signature = sign(held, target, issued)
        href = f"{held.storage_url}{target}?issued={issued}&signature={signature}"
        is_stored = wanted["oid"] in held.uploads
        actions = {} if is_stored else {"actions": {"upload": {"href": href}}}
        objects.append({"oid": wanted["oid"], "size": wanted["size"], **actions})
    return answer_json({"transfer": "basic", "objects": objects})


def _store(held: Holdings, sha256: str, ask: Ask) -> Upload:
    if "authorization" in ask.headers:
        raise Refusal(400, "Only one auth mechanism allowed")
    if ask.values("signature") != [sign(held, ask.path, "".join(ask.values("issued")))]:
        raise Refusal(403, "Access denied")
    if hashlib.sha256(ask.body).hexdigest() != sha256:
        raise Refusal(400, "The checksum does not match")
    return Upload(Response(200), partial(held.uploads.__setitem__, sha256, ask.body))


def _commit(
    held: Holdings, repository: Repository, revision: str, ask: Ask, read: ReadFile
) -> Upload:
    """Commit to a branch, or open a pull request with the commit."""
    lines = [json.loads(line) for line in ask.body.splitlines() if line]
    header = next(line["value"] for line in lines if line["key"] == "header")
    head = find_commit(repository, revision)
    parent = find_commit(repository, header.get("parentCommit") or head.sha)
    opens = _is_pull_request(ask)
    if parent.sha != head.sha and not opens:
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    files = {path: file for line in lines for path, file in _read_line(held, line, read)}
    deleted = [path for line in lines for path in _deleted(line, parent.files)]
    branch, number = revision, _next_number(repository)
    if opens:
        branch = f"refs/pr/{number}"
    prefix = "datasets/" if repository.kind == "datasets" else ""
    page = f"{held.api_url}/{prefix}{repository.id}"
    message = "\n\n".join(filter(None, (header["summary"], header.get("description"))))
    commit = repository.compose(files, parent=parent, message=message, delete=deleted)
    answer = {
        "success": True,
        "commitOid": commit.sha,
        "commitUrl": f"{page}/commit/{commit.sha}",
        "hookOutput": "",
    }
    if opens:
        answer["pullRequestUrl"] = f"{page}/discussions/{number}"
    return Upload(answer_json(answer), partial(repository.move, branch, commit))


def _tag(repository: Repository, revision: str, tag: str) -> Upload:
    ref, commit = f"refs/tags/{tag}", find_commit(repository, revision)
    if ref in repository.refs:
        raise Refusal(409, f"The tag {tag} exists already")
    return Upload(Response(200), partial(repository.refs.__setitem__, ref, commit.sha))


def _read_line(
    held: Holdings, line: Mapping[str, Any], read: ReadFile
) -> Sequence[tuple[str, HubFile]]:
    value = line["value"]
    if line["key"] == "file":
        file = read_file(base64.b64decode(value["content"]), is_large=False)
        return [(value["path"], file)]
    if line["key"] == "lfsFile":
        if value["oid"] not in held.uploads:
            raise Refusal(400, f"The LFS object {value['oid']} was not uploaded")
        return [(value["path"], read_file(held.uploads[value["oid"]], is_large=True))]
    return []


def _deleted(line: Mapping[str, Any], files: Mapping[str, HubFile]) -> list[str]:
    if line["key"] not in ("deletedFile", "deletedFolder"):
        return []
    path = line["value"]["path"]
    gone = [each for each in files if each == path or each.startswith(f"{path.rstrip('/')}/")]
    if not gone:
        raise Refusal(404, "A file with this name doesn't exist", code="EntryNotFound")
    return gone


def _next_number(repository: Repository) -> int:
    """The number of the next pull request."""
    taken = [ref.removeprefix("refs/pr/") for ref in repository.refs if ref.startswith("refs/pr/")]
    return max(map(int, taken), default=0) + 1
