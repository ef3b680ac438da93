"""The Hugging Face Hub: the content of a repository at one commit, and its bytes.

A revision is resolved to a commit once. Every later call names that commit, so it does not matter
if the branch moves meanwhile. Addresses: https://huggingface.co/docs/hub/api.
"""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import GatedRepoError
from huggingface_hub.utils import (
    build_hf_headers,
    get_session,
    get_token,
    hf_raise_for_status,
    parse_datetime,
    validate_repo_id,
)

from hugflow.clients.choices import advise, name_choices
from hugflow.clients.fetch import Download, SlotSource, fetch
from hugflow.clients.hub_errors import RevisionMissing, ask, gated, retry
from hugflow.clients.repository import (
    DatedCommit,
    PublishedFile,
    RepoId,
    Repository,
    parse_converted_path,
)
from hugflow.clients.session import one_retry, use_our_client
from hugflow.errors import HugflowError, RequestInvalid, SettingInvalid
from hugflow.late_dataclass import dataclass
from hugflow.redact import remember

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile, RepoFolder

PATHS_PER_CALL = 200
# One request for a parquet footer and, mostly, for the small columns just before it.
TAIL_BYTES = 64 * 1024


class Hub:
    """Read access to the datasets and models of one Hub, as one account.

    endpoint: the Hub's address; None takes HF_ENDPOINT, as the Hub's own client read it.
    token: None takes the token of `hf auth login` on this machine; without one we are anonymous.
    is_local: whether files are read from this machine, so that reading all of one costs no request.
    """

    is_local: ClassVar[bool] = False

    def __init__(self, endpoint: str | None = None, token: str | None = None) -> None:
        """Prepare the client; nothing is sent yet.

        Raises SettingInvalid for a token or an address that cannot be one.
        """
        use_our_client()
        known = _checked_token(token or get_token())
        remember(known)
        self._token: str | bool = known or False
        self._endpoint = endpoint or constants.ENDPOINT
        _check_endpoint(self.endpoint)

    @property
    def endpoint(self) -> str:
        """The Hub's address, without a final slash."""
        return self._endpoint

    def fetch_repository(self, repo: RepoId, revision: str) -> Repository:
        """Resolve `revision`; the Hub's facts about the repository at that commit."""
        what = f"{repo}@{revision}"
        try:
            info = ask(lambda: self._info(repo, revision), what)
        except RevisionMissing as error:
            raise self._name_revisions(repo, revision) or error from error
        if not info.commit:
            raise RequestInvalid(
                f"{what}: the Hub names no commit",
                why="the repository has no commit at this revision",
                mend=f"check revision on {repo.page(self.endpoint)}",
            )
        if info.gate:
            # The facts of a gated repository are public; only reading its files shows whether we may.
            ask(lambda: self._pass_gate(repo, info.gate, what), what)
        return _to_repository(repo, info)

    def list_commits(self, repo: RepoId, revision: str) -> Iterator[DatedCommit]:
        """The commits of a revision, newest first; each page is fetched when it is reached.

        Raises RevisionMissing if there is no such revision.
        """
        # HfApi.list_repo_commits fetches every page of the history before it returns.
        url = f"{self.endpoint}/api/{repo.kind}s/{repo.id}/commits/{quote(revision, safe='')}"
        while url:
            page, url = ask(partial(self._fetch_commits, url), f"{repo}@{revision}")
            yield from page

    def fetch_commit(self, repo: RepoId, revision: str) -> DatedCommit:
        """The commit of a revision, with its date; raises RevisionMissing."""
        for commit in self.list_commits(repo, revision):
            return commit
        raise no_such_revision(repo, revision, ())

    def fetch_collection(self, slug: str) -> list[tuple[str, str]]:
        """The items of a collection in its order, as (`dataset`, `model`, ..., id).

        Raises RequestInvalid if there is none that we may see.
        """
        call = partial(self.api.get_collection, slug)
        try:
            found = ask(call, f"the collection {slug}")
        except RequestInvalid as error:
            raise RequestInvalid(
                f"there is no collection {slug} that we may see",
                why=error.why,
                mend="copy the end of its address on the Hub: owner/title-<24 letters and digits>",
            ) from error
        return [(item.item_type, item.item_id) for item in found.items]

    def find_commit(self, repo: RepoId, revision: str) -> str | None:
        """The commit of a revision; None if there is no such revision."""
        call = partial(self._info, repo, revision)
        try:
            return ask(call, f"{repo}@{revision}").commit or None
        except RevisionMissing:
            return None

    def list_oids(self, repo: RepoId, commit: str, folder: str | None = None) -> dict[str, str]:
        """Git's name of everything directly in a folder, by path; a folder's path ends in `/`."""
        from huggingface_hub.hf_api import RepoFolder

        call = partial(
            self.api.list_repo_tree, repo.id, folder, revision=commit, repo_type=repo.kind
        )
        oids: dict[str, str] = {}
        for entry in ask(lambda: list(call()), f"{repo}@{commit}:{folder or ''}"):
            if isinstance(entry, RepoFolder):
                oids[f"{entry.path}/"] = entry.tree_id
            else:
                oids[entry.path] = entry.blob_id
        return oids

    def list_folders(self, repo: RepoId, commit: str) -> list[str]:
        """Names of the topmost folders, in the Hub's order."""
        from huggingface_hub.hf_api import RepoFolder

        call = partial(self._list_top, repo, commit)
        entries = ask(call, f"{repo}@{commit}")
        return [entry.path for entry in entries if isinstance(entry, RepoFolder)]

    def list_files(self, repo: RepoId, commit: str, folder: str = "") -> list[PublishedFile]:
        """Every file below a folder, however deep, with its size and hash; page by page."""
        # HfApi.list_repo_tree makes several objects of each file, and repeats all pages for one.
        below = f"/{quote(folder.strip('/'))}" if folder.strip("/") else ""
        where = f"{quote(commit, safe='')}{below}?recursive=true"
        url = f"{self.endpoint}/api/{repo.kind}s/{repo.id}/tree/{where}"
        files: list[PublishedFile] = []
        while url:
            page, url = ask(partial(self._fetch_tree, url), f"{repo}@{commit}:{folder}")
            files += page
        return files

    def fetch_files(self, repo: RepoId, commit: str, paths: Sequence[str]) -> list[PublishedFile]:
        """Sizes and hashes of `paths`, in their order.

        Raises RequestInvalid if one of them is not a file of the repository at this commit.
        """
        found = self.find_files(repo, commit, paths)
        missing = [path for path in paths if path not in found]
        if missing:
            raise RequestInvalid(
                f"{repo}@{commit}: {missing[0]!r} is not in the repository",
                why=f"the {repo.kind}'s card names a file that this commit does not hold",
                mend=f"choose another revision, or report it to the {repo.kind}'s owner",
            )
        return [found[path] for path in paths]

    def find_files(
        self, repo: RepoId, commit: str, paths: Sequence[str]
    ) -> dict[str, PublishedFile]:
        """Sizes and hashes of those `paths` that are files of the repository at this commit.

        Folders and missing files are left out.
        """
        from huggingface_hub.hf_api import RepoFile

        found: dict[str, PublishedFile] = {}
        for start in range(0, len(paths), PATHS_PER_CALL):
            call = partial(
                self.api.get_paths_info,
                repo.id,
                list(paths[start : start + PATHS_PER_CALL]),
                revision=commit,
                repo_type=repo.kind,
            )
            for info in ask(call, f"{repo}@{commit}"):
                if isinstance(info, RepoFile):
                    found[info.path] = _to_published_file(info)
        return found

    def fetch_file(
        self,
        repo: RepoId,
        commit: str,
        file: PublishedFile,
        target: Path,
        *,
        durable: bool = True,
        slots: SlotSource | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Fetch one file to `target`, resumed from an earlier attempt, and verified.

        durable: the file must survive a power cut; False for a file that is read once and deleted.
        slots, is_stopped: see `hugflow.clients.fetch.fetch`.
        """
        fetch(
            Download(
                what=f"{repo}@{commit}:{file.path}",
                url=self._url(repo, commit, file.path),
                headers=self._headers(),
                file=file,
            ),
            target,
            durable=durable,
            slots=slots,
            is_stopped=is_stopped,
        )

    def read_small_file(self, repo: RepoId, commit: str, file: PublishedFile) -> bytes:
        """The bytes of a file, whole and verified."""
        with TemporaryDirectory(prefix="hugflow-") as folder:
            target = Path(folder) / "file"
            self.fetch_file(repo, commit, file, target, durable=False)
            return target.read_bytes()

    def open_file(
        self, repo: RepoId, commit: str, file: PublishedFile, budget: "ReadBudget | None" = None
    ) -> io.BufferedIOBase:
        """Open one file for reading a few places of it, by ranged requests.

        budget: how much may be read; a read beyond it raises BudgetSpent.
        """
        what = f"{repo}@{commit}:{file.path}"
        return RangedFile(self._url(repo, commit, file.path), self._headers(), file, what, budget)

    @property
    def api(self) -> "HfApi":
        """The Hub's own client, with our token.

        It is imported here, because that takes as long as most commands.
        """
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.endpoint, token=self._token, library_name="hugflow")

    @property
    def token(self) -> str | bool:
        """The token in the form of the Hub's clients: False for none."""
        return self._token

    def _info(self, repo: RepoId, revision: str) -> "_Info":
        """The Hub's facts about a repository."""
        validate_repo_id(repo.id)
        where = f"{repo.kind}s/{repo.id}/revision/{quote(revision, safe='')}"
        response = get_session().get(f"{self.endpoint}/api/{where}", headers=self._headers())
        hf_raise_for_status(response)
        return _to_info(response.json())

    def _list_top(self, repo: RepoId, commit: str) -> "list[RepoFile | RepoFolder]":
        """The content of the top folder."""
        return list(self.api.list_repo_tree(repo.id, revision=commit, repo_type=repo.kind))

    def _fetch_tree(self, url: str) -> tuple[list[PublishedFile], str]:
        """One page of a listing, and the address of the next one; "" after the last."""
        response = get_session().get(url, headers=self._headers())
        hf_raise_for_status(response)
        page = [_to_file(item) for item in response.json() if item["type"] == "file"]
        return page, response.links.get("next", {}).get("url", "")

    def _fetch_commits(self, url: str) -> tuple[list[DatedCommit], str]:
        """One page of a history, and the address of the next one; "" after the last."""
        response = get_session().get(url, headers=self._headers())
        hf_raise_for_status(response)
        page = [DatedCommit(item["id"], parse_datetime(item["date"])) for item in response.json()]
        return page, response.links.get("next", {}).get("url", "")

    def _pass_gate(self, repo: RepoId, gate: str, what: str) -> None:
        """Check that we may read the files of a gated repository; raises NotAuthorised."""
        try:
            self.api.auth_check(repo.id, repo_type=repo.kind)
        except GatedRepoError as error:
            raise gated(error, what, gate, self._find_account()) from error

    def _find_account(self) -> str | None:
        """The account of our token, if the Hub tells; only for the text of an error."""
        if not self._token:
            return None
        try:
            with one_retry():
                return _plain_word(self.api.whoami()["name"])
        except Exception:  # noqa: BLE001  # the error at hand is the one to tell
            return None

    def _name_revisions(self, repo: RepoId, revision: str) -> RevisionMissing | None:
        """The error that lists the existing revisions; None if they cannot be fetched."""
        call = partial(self.api.list_repo_refs, repo.id, repo_type=repo.kind)
        try:
            refs = ask(call, str(repo))
        except HugflowError:
            return None
        names = [ref.name for ref in (*refs.branches, *refs.tags)]
        names += [ref.ref for ref in refs.converts]
        return no_such_revision(repo, revision, names)

    def _url(self, repo: RepoId, commit: str, path: str) -> str:
        """The address of a file, as `hf_hub_url` makes it."""
        return f"{repo.page(self.endpoint)}/resolve/{quote(commit, safe='')}/{quote(path)}"

    def _headers(self) -> dict[str, str]:
        return dict(build_hf_headers(token=self._token, library_name="hugflow"))


class BudgetSpent(Exception):
    """A read would exceed its budget; nothing of it was requested."""


@dataclass(slots=True)
class ReadBudget:
    """The number of bytes that may still be read."""

    left_bytes: int

    def take(self, size: int) -> None:
        """Take bytes from the budget; raises BudgetSpent, and takes none, if too few are left."""
        if size > self.left_bytes:
            raise BudgetSpent(f"{size:,} bytes where {self.left_bytes:,} are left")
        self.left_bytes -= size


class RangedFile(io.BufferedIOBase):
    """A remote file that downloads only the parts that are read; its last 64 KiB are kept."""

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        file: PublishedFile,
        what: str,
        budget: ReadBudget | None = None,
    ) -> None:
        """Nothing is sent before the first read."""
        super().__init__()
        self._url = url
        self._headers = headers
        self._size = file.size_bytes
        self._what = what
        self._budget = budget
        self._position = 0
        self._tail: bytes | None = None

    def readable(self) -> bool:
        """Always True."""
        return True

    def seekable(self) -> bool:
        """Always True."""
        return True

    def tell(self) -> int:
        """Position of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position; nothing is sent."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """The next `size` bytes, fewer at the end."""
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        data = self._read_range(self._position, wanted) if wanted else b""
        self._position += len(data)
        return data

    def _read_range(self, start: int, size: int) -> bytes:
        tail_start = max(0, self._size - TAIL_BYTES)
        if start < tail_start:
            return self._fetch(start, size)
        if self._tail is None:
            self._tail = self._fetch(tail_start, self._size - tail_start)
        return self._tail[start - tail_start : start - tail_start + size]

    def _fetch(self, start: int, size: int) -> bytes:
        if self._budget is not None:
            self._budget.take(size)
        end = start + size - 1
        headers = dict(self._headers, Range=f"bytes={start}-{end}")
        headers["Accept-Encoding"] = "identity"

        def call() -> bytes:
            with get_session().stream("GET", self._url, headers=headers) as response:
                hf_raise_for_status(response)
                if response.status_code != 206:
                    # A server that ignores ranges sends the whole file.
                    return _skip_and_take(response, start, size)
                _check_range(response, start, end)
                body = response.read()
            if len(body) != size:
                raise httpx2.RemoteProtocolError(f"{len(body)} bytes came where {size} were asked")
            return body

        return retry(call, self._what)


def no_such_revision(repo: RepoId, revision: str, names: Sequence[str]) -> RevisionMissing:
    """The error for a missing revision, with the nearest existing ones."""
    is_commit = re.fullmatch(r"[0-9a-f]{40}", revision) is not None
    return RevisionMissing(
        f"{repo}@{revision}: no such revision",
        why="the repository has no commit of that hash"
        if is_commit
        else "the repository has no branch, tag or commit of that name; it has "
        + name_choices(revision, names),
        mend="leave revision out, which takes the branch main"
        if is_commit
        else advise("revision", revision, names),
    )


def _check_range(response: httpx2.Response, start: int, end: int) -> None:
    """Refuse any other part of the file than the one from byte `start` to byte `end`."""
    got = response.headers.get("Content-Range", "no range")
    if not got.startswith(f"bytes {start}-{end}/"):
        raise httpx2.RemoteProtocolError(f"{got!r} came where bytes {start}-{end} were asked")


def _skip_and_take(response: httpx2.Response, start: int, size: int) -> bytes:
    body = bytearray()
    skipped = 0
    for chunk in response.iter_bytes(1 << 20):
        skip = min(len(chunk), start - skipped)
        skipped += skip
        body += chunk[skip:]
        if len(body) >= size:
            return bytes(body[:size])
    raise httpx2.RemoteProtocolError("the file ended before the bytes that were asked for")


def _checked_token(token: str | None) -> str | None:
    """The token without spaces around it; no error ever repeats it."""
    token = (token or "").strip()
    if not all("!" <= letter <= "~" for letter in token):
        raise SettingInvalid(
            "HF_TOKEN cannot be a token",
            why="it holds a space, a line break, or a letter that no token has",
            mend="copy it again from https://huggingface.co/settings/tokens",
        )
    return token or None


def _check_endpoint(endpoint: str) -> None:
    if not endpoint.startswith(("http://", "https://")):
        raise SettingInvalid(
            f"HF_ENDPOINT cannot be {endpoint!r}",
            why="the address of a Hub begins with https:// or http://",
            mend="set it to an address such as https://huggingface.co, or leave it out",
        )


@dataclass(frozen=True, slots=True)
class _Info:
    """The Hub's facts about a repository; gate: the way to get access, empty if it is open."""

    id: str
    commit: str
    gate: str
    card: dict[str, Any]
    paths: tuple[str, ...]


def _to_info(told: dict[str, Any]) -> _Info:
    """The facts as the Hub sends them."""
    card = told.get("cardData")
    return _Info(
        id=told["id"],
        commit=told.get("sha") or "",
        gate=str(told["gated"]) if told.get("gated") else "",
        card={key: of for key, of in card.items() if of is not None}
        if isinstance(card, dict)
        else {},
        paths=tuple(sibling["rfilename"] for sibling in told.get("siblings") or ()),
    )


def _to_repository(repo: RepoId, info: _Info) -> Repository:
    paths = {*info.paths} - {".gitattributes"}
    script = f"{repo.id.partition('/')[2]}.py"
    return Repository(
        repo=repo,
        commit=info.commit,
        licence=_plain_word(info.card.get("license")),
        is_gated=bool(info.gate),
        script=script if repo.kind == "dataset" and script in paths else None,
        new_id=_plain_word(info.id) if info.id != repo.id else None,
        is_conversion=bool(paths) and all(map(parse_converted_path, paths)),
        paths=info.paths,
        card=info.card,
    )


def _plain_word(value: object) -> str | None:
    """A short word from the card, which is foreign text; None for anything else."""
    is_plain = isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable()
    return str(value) if is_plain else None


def _to_file(item: dict[str, Any]) -> PublishedFile:
    """A file of a listing; `oid` is git's, that of `lfs` is a sha256."""
    lfs = item.get("lfs") or {}
    return PublishedFile(item["path"], item["size"], lfs.get("oid"), item["oid"])


def _to_published_file(info: "RepoFile") -> PublishedFile:
    return PublishedFile(
        path=info.path,
        size_bytes=info.size,
        sha256=info.lfs.sha256 if info.lfs is not None else None,
        git_oid=info.blob_id,
    )
