"""Download of one published file: resumed after a break, and checked against the Hub's hash.

Every attempt starts at the Hub's `resolve` address, because the link that it redirects to expires.
The bytes so far stay in `<target>.part`; the next attempt, also of another process, asks only for
the rest.
"""

import hashlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx2
from huggingface_hub.utils import get_session, hf_raise_for_status

from hugflow.activity import count_kept, count_received
from hugflow.clients.hub_errors import HUB_ERRORS, to_hugflow_error
from hugflow.clients.repository import PublishedFile
from hugflow.clients.session import ATTEMPTS, one_retry, wait_before_retry_s
from hugflow.errors import FileMissing, HubUnavailable, ShardCorrupt
from hugflow.store.atomic import disk_errors, make_folder, sync_folder

log = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20
ATTEMPTS_OF_MISSING = 3


class Hash(Protocol):
    """The part of `hashlib` that is used here."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def hexdigest(self) -> str:
        """The digest of all bytes so far."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file to fetch.

    what: its name in errors, `<hf_id>@<commit>:<path>`.
    """

    what: str
    url: str
    headers: dict[str, str]
    file: PublishedFile


def fetch(download: Download, target: Path, *, durable: bool = True) -> None:
    """Fetch the file to `target`, whole and verified, or raise; then `target` does not exist.

    durable: the file must survive a power cut; False for a file that is read once and deleted. The
        file is verified in both cases.

    Raises ShardCorrupt if the bytes differ from the Hub's hash, also after a second try from the
    start; HubUnavailable if the Hub does not answer now; NotAuthorised, RequestInvalid or
    FileMissing if another try will not help; DiskFull or CannotWrite.
    """
    make_folder(target.parent)
    part = target.with_name(target.name + ".part")
    for last_try in (False, True):
        _fetch_part(download, part)
        with disk_errors(part):
            if is_verified(part, download.file):
                break
            part.unlink(missing_ok=True)
        if last_try:
            raise ShardCorrupt(
                f"{download.what}: the bytes are not those the Hub promises",
                why="size or hash differ from what the Hub lists for this commit, twice",
                mend="run the same command again later; if it happens again, ask the Hub again "
                "(`hugflow plan FILE --update`, then the same command), or report it to the dataset's owner",
            )
        log.warning("%s arrived damaged; fetching it again", download.what)
    with disk_errors(target):
        if durable:
            _sync(part)
        part.rename(target)
    if durable:
        sync_folder(target.parent)


def _fetch_part(download: Download, part: Path) -> None:
    """Complete `part` to the promised size; tries again while bytes keep coming."""
    attempt = 0
    with disk_errors(part):
        part.touch()
    most = _size(part)
    count_kept(most)
    while True:
        before = _size(part)
        if before >= download.file.size_bytes:
            return
        attempt += 1
        try:
            with one_retry():
                _receive(download, part, before)
        except HUB_ERRORS as error:
            cause: Exception = error
        else:
            cause = httpx2.RemoteProtocolError("the connection ended before the file did")
            if _size(part) >= download.file.size_bytes:
                return
        if _size(part) > most:
            most, attempt = _size(part), 0
        failure = to_hugflow_error(cause, download.what)
        # The Hub lists the file at this commit, so a refusal may pass: it is asked a few times.
        may_appear = isinstance(failure, FileMissing) and attempt < ATTEMPTS_OF_MISSING
        if not isinstance(failure, HubUnavailable) and not may_appear:
            raise failure from cause
        wait_s = wait_before_retry_s(cause, max(attempt, 1))
        if attempt >= ATTEMPTS or wait_s is None:
            raise failure from cause
        log.warning("%s (%s); going on in %.1f s", failure.what, failure.why, wait_s)
        time.sleep(wait_s)


def _receive(download: Download, part: Path, start: int) -> None:
    """Append the bytes of one answer; a server that ignores the range starts the file again."""
    headers = dict(download.headers, **{"Accept-Encoding": "identity"})
    if start:
        headers["Range"] = f"bytes={start}-"
    with get_session().stream("GET", download.url, headers=headers) as response:
        if response.status_code == 416:
            with disk_errors(part):
                part.unlink(missing_ok=True)
            return
        hf_raise_for_status(response)
        is_rest = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        with disk_errors(part), part.open("ab" if start and is_rest else "wb") as file:
            left = download.file.size_bytes - file.tell()
            # Bytes as they come: a chunk that is still collected would be lost if the connection breaks.
            for chunk in response.iter_bytes():
                file.write(chunk[:left])
                count_received(len(chunk))
                left -= len(chunk)
                if left < 0:
                    # More bytes than the file has: the hash will not match.
                    file.write(b"\0")
                    return


def is_verified(path: Path, file: PublishedFile) -> bool:
    """Whether size and hash are those of the Hub."""
    if _size(path) != file.size_bytes:
        return False
    digest: Hash
    if file.sha256 is not None:
        digest = hashlib.sha256()
    else:
        # Not for security: git names small files by it, and the Hub gives no other hash of them.
        digest = hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)
    with path.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == file.digest


def _sync(path: Path) -> None:
    """Sync the file's bytes to the disk."""
    with path.open("rb") as opened:
        os.fsync(opened.fileno())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
