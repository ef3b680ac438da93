"""Fetching one published file: resumed after a break, and checked against the Hub's own hash.

Every attempt starts at the Hub's `resolve` address, because the link it redirects to expires.
What has arrived stays in `<target>.part`; the next attempt, also of another process, asks for
the rest only.
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

from hugflow.clients.hub_errors import HUB_ERRORS, to_hugflow_error
from hugflow.clients.repository import PublishedFile
from hugflow.clients.session import ATTEMPTS, one_retry, wait_before_retry_s
from hugflow.errors import FileMissing, HubUnavailable, ShardCorrupt
from hugflow.store.atomic import disk_errors, make_folder, sync_folder

log = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20
ATTEMPTS_OF_MISSING = 3


class Hash(Protocol):
    """What of `hashlib` is used here."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""

    def hexdigest(self) -> str:
        """Give the digest of all bytes so far."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file to fetch.

    what: how errors name it, `<hf_id>@<commit>:<path>`.
    """

    what: str
    url: str
    headers: dict[str, str]
    file: PublishedFile


def fetch(download: Download, target: Path, *, durable: bool = True) -> None:
    """Bring the file to `target`, whole and verified, or raise; then nothing stands there.

    durable: whether a power cut must not undo it; a file that is read once and dropped needs
    none of that, and is verified all the same.

    Raises ShardCorrupt when the bytes are not those the Hub names, after a second try from the
    start; HubUnavailable when it cannot be had now; NotAuthorised or RequestInvalid when asking
    again will not help, FileMissing among them; DiskFull or CannotWrite.
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
                "(`hugflow plan FILE --update`, then the same command), or tell the dataset's owner",
            )
        log.warning("%s arrived damaged; fetching it again", download.what)
    with disk_errors(target):
        if durable:
            _sync(part)
        part.rename(target)
    if durable:
        sync_folder(target.parent)


def _fetch_part(download: Download, part: Path) -> None:
    """Complete `part` to the promised size, trying again as long as bytes keep coming."""
    attempt = 0
    with disk_errors(part):
        part.touch()
    most = _size(part)
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
        # The Hub lists the file at this commit: it is asked for a few times.
        may_appear = isinstance(failure, FileMissing) and attempt < ATTEMPTS_OF_MISSING
        if not isinstance(failure, HubUnavailable) and not may_appear:
            raise failure from cause
        wait_s = wait_before_retry_s(cause, max(attempt, 1))
        if attempt >= ATTEMPTS or wait_s is None:
            raise failure from cause
        log.warning("%s (%s); going on in %.1f s", failure.what, failure.why, wait_s)
        time.sleep(wait_s)


def _receive(download: Download, part: Path, start: int) -> None:
    """Append what one answer carries; a server that ignores the range starts the file anew."""
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
            # As they come: a chunk still being gathered would be lost when the connection breaks.
            for chunk in response.iter_bytes():
                file.write(chunk[:left])
                left -= len(chunk)
                if left < 0:
                    # More than the file has: whatever this is, the hash will not agree.
                    file.write(b"\0")
                    return


def is_verified(path: Path, file: PublishedFile) -> bool:
    """Whether size and hash are those the Hub names."""
    if _size(path) != file.size_bytes:
        return False
    digest: Hash
    if file.sha256 is not None:
        digest = hashlib.sha256()
    else:
        # Not for security: it is how git names small files, and all the Hub tells of them.
        digest = hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)
    with path.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == file.digest


def _sync(path: Path) -> None:
    """Bring the file's bytes to the disk."""
    with path.open("rb") as opened:
        os.fsync(opened.fileno())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
