"""The Hugging Face Hub: what a dataset repository holds at one commit, and its bytes.

A revision is resolved to a commit once; every later call names that commit, so a branch that
moves meanwhile changes nothing. Addresses: https://huggingface.co/docs/hub/api.
"""

import io
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, get_token, hf_hub_url, set_client_factory
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status
from huggingface_hub.utils._http import default_client_factory

from hugflow.clients.fetch import Download, fetch
from hugflow.clients.hub_errors import refuse_long_wait, retry
from hugflow.clients.repository import PublishedFile, Repository
from hugflow.errors import RequestInvalid

# The Hub's client waits for ever by default; a stalled connection must end and be tried again.
TIMEOUT = httpx2.Timeout(60.0, connect=15.0)
PATHS_PER_CALL = 200
# One request for a parquet footer and, mostly, for the small columns just before it.
TAIL_BYTES = 64 * 1024


class Hub:
    """Read access to the datasets of one Hub, as one account.

    endpoint: the Hub's address; None takes HF_ENDPOINT, as the Hub's own client read it.
    token: None takes that of `hf auth login` on this machine; without one we are anonymous.
    """

    def __init__(self, endpoint: str | None = None, token: str | None = None) -> None:
        """Prepare the client; nothing is sent yet."""
        _be_patient()
        self._token: str | bool = token or get_token() or False
        self._api = HfApi(endpoint=endpoint, token=self._token, library_name="hugflow")

    @property
    def endpoint(self) -> str:
        """The Hub's address, without a final slash."""
        return str(self._api.endpoint)

    def fetch_repository(self, hf_id: str, revision: str) -> Repository:
        """Resolve `revision` and tell what the Hub says of the repository there."""
        what = f"{hf_id}@{revision}"
        info = retry(lambda: self._api.dataset_info(hf_id, revision=revision), what)
        if not info.sha:
            raise RequestInvalid(
                f"{what}: the Hub names no commit",
                why="the repository has no commit at this revision",
                mend="check revision on the dataset's page",
            )
        if info.gated:
            # What a gated dataset is about is public; only its files tell who may read them.
            retry(lambda: self._api.auth_check(hf_id, repo_type="dataset"), what)
        licence = info.card_data.get("license") if info.card_data is not None else None
        return Repository(
            hf_id=hf_id,
            commit=info.sha,
            licence=_plain_word(licence),
            is_gated=bool(info.gated),
        )

    def fetch_files(self, hf_id: str, commit: str, paths: Sequence[str]) -> list[PublishedFile]:
        """Sizes and hashes of `paths`, in their order.

        Raises RequestInvalid when one of them is no file of the repository at this commit.
        """
        found: dict[str, PublishedFile] = {}
        for start in range(0, len(paths), PATHS_PER_CALL):
            call = partial(
                self._api.get_paths_info,
                hf_id,
                list(paths[start : start + PATHS_PER_CALL]),
                revision=commit,
                repo_type="dataset",
            )
            infos = retry(call, f"{hf_id}@{commit}")
            for info in infos:
                if isinstance(info, RepoFile):
                    found[info.path] = _to_published_file(info)
        missing = [path for path in paths if path not in found]
        if missing:
            raise RequestInvalid(
                f"{hf_id}@{commit}: {missing[0]!r} is not in the repository",
                why="the dataset's card names a file that this commit does not hold",
                mend="choose another revision, or tell the dataset's owner",
            )
        return [found[path] for path in paths]

    def fetch_file(self, hf_id: str, commit: str, file: PublishedFile, target: Path) -> None:
        """Bring one file to `target`, resumed where an earlier attempt stopped, and verified."""
        fetch(
            Download(
                what=f"{hf_id}@{commit}:{file.path}",
                url=self._url(hf_id, commit, file.path),
                headers=self._headers(),
                file=file,
            ),
            target,
        )

    def open_file(self, hf_id: str, commit: str, file: PublishedFile) -> io.BufferedIOBase:
        """Open one file for reading a few places of it, by ranged requests."""
        what = f"{hf_id}@{commit}:{file.path}"
        return RangedFile(self._url(hf_id, commit, file.path), self._headers(), file, what)

    @property
    def token(self) -> str | bool:
        """The token as the Hub's clients take it: False for none."""
        return self._token

    def _url(self, hf_id: str, commit: str, path: str) -> str:
        return hf_hub_url(hf_id, path, repo_type="dataset", revision=commit, endpoint=self.endpoint)

    def _headers(self) -> dict[str, str]:
        return dict(build_hf_headers(token=self._token, library_name="hugflow"))


class RangedFile(io.BufferedIOBase):
    """A remote file that reads only what is asked for; its last 64 KiB are kept once read."""

    def __init__(self, url: str, headers: dict[str, str], file: PublishedFile, what: str) -> None:
        """Nothing is sent before the first read."""
        super().__init__()
        self._url = url
        self._headers = headers
        self._size = file.size_bytes
        self._what = what
        self._position = 0
        self._tail: bytes | None = None

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it can be sought: yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a place; nothing is sent."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Give `size` bytes from here on, fewer at the end."""
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
        end = start + size - 1
        headers = dict(self._headers, Range=f"bytes={start}-{end}")
        headers["Accept-Encoding"] = "identity"

        def call() -> bytes:
            with get_session().stream("GET", self._url, headers=headers) as response:
                hf_raise_for_status(response)
                if response.status_code != 206:
                    # A server that ignores ranges sends the file from its start.
                    return _skip_and_take(response, start, size)
                body = response.read()
            if len(body) != size:
                raise httpx2.RemoteProtocolError(f"{len(body)} bytes came where {size} were asked")
            return body

        return retry(call, self._what)


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


def _plain_word(value: object) -> str | None:
    """A short word from the card, which anybody may have written; None for anything else."""
    is_plain = isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable()
    return str(value) if is_plain else None


def _to_published_file(info: RepoFile) -> PublishedFile:
    return PublishedFile(
        path=info.path,
        size_bytes=info.size,
        sha256=info.lfs.sha256 if info.lfs is not None else None,
        git_oid=info.blob_id,
    )


@cache
def _be_patient() -> None:
    """Let the Hub's library use our timeouts; once, because it closes the connections in use."""
    set_client_factory(_patient_client)


def _patient_client() -> httpx2.Client:
    client = default_client_factory()
    client.timeout = TIMEOUT
    hooks = client.event_hooks
    client.event_hooks = {**hooks, "response": [*hooks["response"], refuse_long_wait]}
    return client
