"""The answers of the loopback Hub: plain functions of its holdings and a request.

The shapes are in `render`. The pages of a listing are linked by `Link: <...>; rel="next"`. Errors
carry `X-Error-Code` and `X-Error-Message`:

    401 RepoNotFound       no token, and the repository is unknown or private
    404 RepoNotFound       a token that does not reach it
    401, 403 GatedRepo     no token, or one that is not on the list; metadata stays public
    404 RevisionNotFound   no such branch, tag or commit
    404 EntryNotFound      no such file or folder
    401 without a code     an unknown token
    403 without a code     a repository that the Hub has disabled

A repository that was renamed answers under its old name by a redirect, 307, to the new one.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from typing import Any
from urllib.parse import quote, urlencode

from hugflow.late_dataclass import dataclass
from hugflow.testing.exchange import Ask, Refusal, Response, answer_file, answer_json
from hugflow.testing.render import (
    render_collection,
    render_commit,
    render_entry,
    render_info,
    render_refs,
)
from hugflow.testing.repository import (
    Commit,
    HubFile,
    Kind,
    Repository,
    tree_entry,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """The owner of a token, and the private and gated repositories that it opens.

    reads_gated: whether a fine-grained token may read gated repositories; None for a classic token,
    which does not say. writes: whether it may upload.
    """

    user: str
    repositories: frozenset[str] = frozenset()
    reads_gated: bool | None = None
    writes: bool = False

    def opening(self, repository_id: str) -> "Reader":
        """The same owner, whose token opens one more repository."""
        return replace(self, repositories=self.repositories | {repository_id})


@dataclass(slots=True)
class Holdings:
    """Everything a loopback Hub knows. `link_key` signs its links from the API to the storage.

    uploads: large files that no commit has yet, by their sha256.
    collections: the items of each, as (kind, id), by `owner/title-<24 digits>`.
    """

    page_size: int = 1000
    api_url: str = ""
    storage_url: str = ""
    link_key: str = "loopback"
    repositories: dict[tuple[Kind, str], Repository] = field(default_factory=dict)
    readers: dict[str, Reader] = field(default_factory=dict)
    new_ids: dict[tuple[Kind, str], str] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    collections: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


def answer_api(held: Holdings, ask: Ask) -> Response:
    """The answer to a request on the API's port."""
    try:
        reader = find_reader(held, ask)
        method = "GET" if ask.method == "HEAD" else ask.method
        match (method, *ask.segments):
            case ("GET", "api", "agent-harnesses"):
                return answer_json({"standardEnvVars": [], "harnesses": {}})
            case ("GET", "api", "whoami-v2"):
                return answer_json(render_reader(reader))
            case ("GET", "api", "collections", owner, title):
                slug = f"{owner}/{title}"
                if slug not in held.collections:
                    raise Refusal(404, "Collection not found")
                return answer_json(render_collection(slug, held.collections[slug]))
            case ("GET", owner, name, "resolve", *rest):
                repository = _find_asked(held, "models", f"{owner}/{name}", ask, reader)
                return _answer_resolve(held, repository, rest, ask, reader)
            case ("GET", "datasets", owner, name, "resolve", *rest):
                repository = _find_asked(held, "datasets", f"{owner}/{name}", ask, reader)
                return _answer_resolve(held, repository, rest, ask, reader)
            case (_, "api", "datasets" | "models" as kind, owner, name, *rest):
                repository = _find_asked(held, kind, f"{owner}/{name}", ask, reader)
                return _answer_repository(held, repository, (method, *rest), ask, reader)
            case _:
                raise Refusal(404, "Sorry, we can't find the page you are looking for.")
    except Refusal as refusal:
        return refusal.to_answer()


def is_housekeeping(ask: Ask) -> bool:
    """Whether it is a client's own request, made once per process at an unpredictable time."""
    return ask.segments == ("api", "agent-harnesses")


def answer_storage(held: Holdings, ask: Ask) -> Response:
    """The answer to a request on the storage's port, which serves large files.

    Storage knows no users, only signed links. Like the storage behind the Hub it refuses a
    request that carries an Authorization header: the token was never meant for it.
    """
    try:
        if "authorization" in ask.headers:
            raise Refusal(400, "Only one auth mechanism allowed")
        if ask.method not in {"GET", "HEAD"}:
            raise Refusal(405, "Method not allowed")
        issued = "".join(ask.values("issued"))
        if ask.values("signature") != [sign_link(held, ask.path, issued)]:
            raise Refusal(403, "Access denied")
        return answer_file(_find_stored(held, ask.segments), ask, {})
    except Refusal as refusal:
        return refusal.to_answer()


def sign_link(held: Holdings, path: str, issued: str) -> str:
    """The signature of a link to the storage; it proves that the API gave it, and when."""
    return hashlib.sha256(f"{held.link_key} {issued} {path}".encode()).hexdigest()[:32]


def find_repository(
    held: Holdings, kind: Kind, repository_id: str, reader: Reader | None
) -> Repository:
    """A repository that the reader may see; others do not exist for them.

    An old name finds a renamed repository, whose `id` differs.
    """
    while new_id := held.new_ids.get((kind, repository_id)):
        repository_id = new_id
    repository = held.repositories.get((kind, repository_id))
    if repository is None or (repository.private and not _may_open(repository, reader)):
        status = 401 if reader is None else 404
        raise Refusal(status, "Repository not found", code="RepoNotFound")
    if repository.disabled:
        raise Refusal(403, "Access to this resource is disabled.")
    return repository


def find_commit(repository: Repository, revision: str) -> Commit:
    """The commit of a revision."""
    commit = repository.find_commit(revision)
    if commit is None:
        raise Refusal(404, f"Invalid rev id: {quote(revision)}", code="RevisionNotFound")
    return commit


def render_reader(reader: Reader | None) -> dict[str, Any]:
    """The owner of a token as `whoami-v2` describes them."""
    if reader is None:
        raise Refusal(401, "Invalid username or password.")
    token: dict[str, Any] = {"displayName": "loopback", "createdAt": "2026-01-01T00:00:00.000Z"}
    if reader.reads_gated is None:
        token["role"] = "write" if reader.writes else "read"
    else:
        granted = {"canReadGatedRepos": reader.reads_gated, "scoped": []}
        token |= {"role": "fineGrained", "fineGrained": granted}
    return {
        "type": "user",
        "id": hashlib.sha256(reader.user.encode()).hexdigest()[:24],
        "name": reader.user,
        "fullname": reader.user,
        "isPro": False,
        "orgs": [],
        "auth": {"type": "access_token", "accessToken": token},
    }


def find_reader(held: Holdings, ask: Ask) -> Reader | None:
    """The owner of the token that a request shows; None without one. Raises Refusal."""
    if ask.token is None:
        return None
    reader = held.readers.get(ask.token)
    if reader is None:
        raise Refusal(401, "Invalid credentials in Authorization header")
    return reader


def _find_asked(
    held: Holdings, kind: Kind, repository_id: str, ask: Ask, reader: Reader | None
) -> Repository:
    """The repository of that name; for an old name, a redirect to the new one."""
    repository = find_repository(held, kind, repository_id, reader)
    if repository.id != repository_id:
        path = ask.path.replace(f"/{repository_id}", f"/{repository.id}", 1)
        location = f"{path}?{ask.query}" if ask.query else path
        message = f"Temporary Redirect. Redirecting to {location}"
        raise Refusal(307, message, headers={"Location": location})
    return repository


def _may_open(repository: Repository, reader: Reader | None) -> bool:
    return reader is not None and repository.id in reader.repositories


def _answer_repository(
    held: Holdings,
    repository: Repository,
    question: Sequence[str],
    ask: Ask,
    reader: Reader | None,
) -> Response:
    """The answer to a request about one repository: a method, then the path below its name."""
    match question:
        case ("GET",):
            commit = find_commit(repository, "main")
            return answer_json(render_info(repository, commit, with_blobs=ask.is_set("blobs")))
        case ("GET", "revision", *rest):
            commit = find_commit(repository, "/".join(rest))
            return answer_json(render_info(repository, commit, with_blobs=ask.is_set("blobs")))
        case ("GET", "tree", *rest):
            revision, path = _split_revision(rest)
            return _answer_tree(held, find_commit(repository, revision), path, ask)
        case ("POST", "paths-info", *rest):
            commit = find_commit(repository, "/".join(rest))
            found = [path for path in ask.values("paths") if tree_entry(commit.files, path)]
            expand = ask.is_set("expand")
            return answer_json([render_entry(commit, path, expand=expand) for path in found])
        case ("GET", "refs"):
            with_pull_requests = ask.is_set("include_prs")
            return answer_json(render_refs(repository, with_pull_requests=with_pull_requests))
        case ("GET", "commits", *rest):
            history = {c.sha: c for c in find_commit(repository, "/".join(rest)).history()}
            return _answer_page(held, ask, list(history), lambda sha: render_commit(history[sha]))
        case ("GET", "auth-check"):
            _check_gate(repository, reader)
            return answer_json({})
        case _:
            raise Refusal(404, "Sorry, we can't find the page you are looking for.")


def _answer_tree(held: Holdings, commit: Commit, folder: str, ask: Ask) -> Response:
    paths = commit.list_paths(folder, recursive=ask.is_set("recursive"))
    if folder and not paths:
        message = f"{quote(folder)} does not exist on {commit.sha}"
        raise Refusal(404, message, code="EntryNotFound")
    expand = ask.is_set("expand")
    return _answer_page(held, ask, paths, lambda path: render_entry(commit, path, expand=expand))


def _answer_page(
    held: Holdings, ask: Ask, names: Sequence[str], render: Callable[[str], Any]
) -> Response:
    """The items that follow the one named by the cursor, and a link to the page after them."""
    first = 0
    if cursor := ask.values("cursor"):
        try:
            first = names.index(urlsafe_b64decode(cursor[0]).decode()) + 1
        except ValueError as error:
            raise Refusal(400, "Invalid cursor") from error
    page = names[first : first + held.page_size]
    headers = {}
    if first + held.page_size < len(names):
        flags = {name: "true" for name in ("recursive", "expand") if ask.is_set(name)}
        cursor_of_next = urlsafe_b64encode(page[-1].encode()).decode()
        query = urlencode({**flags, "cursor": cursor_of_next})
        headers["Link"] = f'<{held.api_url}{ask.path}?{query}>; rel="next"'
    return answer_json([render(name) for name in page], headers=headers)


def _answer_resolve(
    held: Holdings,
    repository: Repository,
    rest: Sequence[str],
    ask: Ask,
    reader: Reader | None,
) -> Response:
    """A small file directly; a large one by a redirect to the storage."""
    _check_gate(repository, reader)
    revision, path = _split_revision(rest)
    commit = find_commit(repository, revision)
    headers = {"X-Repo-Commit": commit.sha}
    file = commit.files.get(path)
    if file is None:
        raise Refusal(404, "Entry not found", code="EntryNotFound", headers=headers)
    if file.sha256 is None:
        return answer_file(file, ask, headers)
    target = f"/{repository.kind}/{repository.id}/{file.sha256}/{quote(path)}"
    issued = f"{ask.received_at:.6f}"
    signature = sign_link(held, target, issued)
    location = f"{held.storage_url}{target}?issued={issued}&signature={signature}"
    headers |= {
        "Location": location,
        "X-Linked-Etag": f'"{file.sha256}"',
        "X-Linked-Size": str(file.size_bytes),
        "Accept-Ranges": "bytes",
        "Content-Type": "text/plain; charset=utf-8",
    }
    return Response(302, headers, f"Found. Redirecting to {location}".encode())


def _check_gate(repository: Repository, reader: Reader | None) -> None:
    if not repository.gated or _may_open(repository, reader):
        return
    what = f"Access to {repository.kind.removesuffix('s')} {repository.id} is restricted"
    if reader is None:
        message = f"{what}. You must be authenticated to access it."
        raise Refusal(401, message, code="GatedRepo")
    message = f"{what} and you are not in the authorized list."
    raise Refusal(403, message, code="GatedRepo")


def _split_revision(rest: Sequence[str]) -> tuple[str, str]:
    """A revision and the path after it; `refs/convert/parquet` may have unescaped slashes."""
    length = 3 if rest[:1] == ["refs"] else 1
    return "/".join(rest[:length]), "/".join(rest[length:])


def _find_stored(held: Holdings, segments: Sequence[str]) -> HubFile:
    """The large file that a link to the storage names, in any commit of its repository.

    `datasets/<owner>/<name>/<sha256>/<path of the file>`: the last is there for people to read.
    """
    kind, owner, name, sha256 = segments[:4]
    for repository in held.repositories.values():
        if (repository.kind, repository.id) != (kind, f"{owner}/{name}"):
            continue
        for commit in repository.commits.values():
            for file in commit.files.values():
                if file.sha256 == sha256:
                    return file
    raise Refusal(404, "Not found")
