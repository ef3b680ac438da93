"""Download of one published file: resumed after a break, and checked against the Hub's hash.

Every attempt starts at the Hub's `resolve` address, because the link that it redirects to expires.
The bytes so far stay in `<target>.part` (`hugflow.clients.part_file`); the next attempt, also of
another process, asks only for the rest.

A file is begun by one connection. While download slots are idle, more connections take half of the
longest range that is left, as long as that is worth a connection: so a large file arrives by all
slots, and a slow connection is left with the last few megabytes only.
"""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Protocol

import httpx2
from huggingface_hub.utils import get_session, hf_raise_for_status

from hugflow.activity import count_kept, count_received
from hugflow.clients.hub_errors import HUB_ERRORS, to_hugflow_error
from hugflow.clients.part_file import PartFile, Range, finished, part_path, remove_part
from hugflow.clients.repository import PublishedFile
from hugflow.clients.session import ATTEMPTS, one_retry, wait_before_retry_s
from hugflow.errors import FileMissing, HubUnavailable, ShardCorrupt
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import disk_errors, make_folder, sync_folder

log = logging.getLogger(__name__)

ATTEMPTS_OF_MISSING = 3
# How often a connection looks for an idle slot; a fast download is over before that.
LOOK_EVERY_S = 0.1


class Slot(Protocol):
    """A connection's place among those of the host."""

    def release(self) -> None:
        """Give it back."""


class SlotSource(Protocol):
    """Gives out slots (`hugflow.store.slots`)."""

    def take(self) -> Slot:
        """Wait for a slot."""

    def take_idle(self) -> Slot | None:
        """A slot that nobody waits for; None if there is none."""


class FetchStopped(Exception):
    """The fetch was told to stop; the bytes so far stay."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file to fetch.

    what: its name in errors, `<hf_id>@<commit>:<path>`.
    """

    what: str
    url: str
    headers: dict[str, str]
    file: PublishedFile


def fetch(
    download: Download,
    target: Path,
    *,
    durable: bool = True,
    slots: SlotSource | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Fetch the file to `target`, whole and verified, or raise; then `target` does not exist.

    durable: the file must survive a power cut; False for a file that is read once and deleted. The
        file is verified in both cases.
    slots: every connection holds one of them; None fetches by one connection, without a slot.
    is_stopped: asked between pieces; once it is true, the fetch ends with FetchStopped.

    Raises ShardCorrupt if the bytes differ from the Hub's hash, also after a second try from the
    start; HubUnavailable if the Hub does not answer now; NotAuthorised, RequestInvalid or
    FileMissing if another try will not help; DiskFull or CannotWrite.
    """
    make_folder(target.parent)
    for last_try in (False, True):
        with PartFile(part_path(target), download.file) as part:
            count_kept(part.kept_bytes)
            _Connections(download, part, slots or _NoSlots(), is_stopped).run()
            if part.is_verified():
                with finished(part) as whole:
                    if durable:
                        _sync(whole)
                    whole.rename(target)
                break
        with disk_errors(part_path(target)):
            remove_part(target)
        if last_try:
            raise ShardCorrupt(
                f"{download.what}: the bytes are not those the Hub promises",
                why="size or hash differ from what the Hub lists for this commit, twice",
                mend="run the same command again later; if it happens again, ask the Hub again "
                "(`hugflow plan FILE --update`, then the same command), or report it to the dataset's owner",
            )
        log.warning("%s arrived damaged; fetching it again", download.what)
    if durable:
        sync_folder(target.parent)


class _Connections:
    """The connections that fetch one file; the first is the caller's own thread."""

    def __init__(
        self,
        download: Download,
        part: PartFile,
        slots: SlotSource,
        is_stopped: Callable[[], bool],
    ) -> None:
        self._download = download
        self._part = part
        self._slots = slots
        self._is_stopped = is_stopped
        self._failure: BaseException | None = None
        self._others: list[Thread] = []
        self._look_at = time.monotonic() + LOOK_EVERY_S
        # Set once the server has ignored or refused a range: one connection then skips to its place.
        self._is_whole_only = False

    def run(self) -> None:
        """Fetch what is missing; raises the first error of any connection."""
        self._work(None, None)
        for other in self._others:
            # Those that still wait for a dead connection write nothing once the file is closed.
            while other.is_alive() and not self._is_ending:
                other.join(LOOK_EVERY_S)
        if self._failure is not None:
            raise self._failure
        if not self._part.is_whole:
            raise FetchStopped(self._download.what)

    def _work(self, slot: Slot | None, range_: Range | None) -> None:
        """Fetch one range after another, `range_` first, until no more can be had."""
        held = _Held(self._slots, slot)
        try:
            while range_ := range_ or self._take():
                try:
                    self._fetch_range(range_, held)
                finally:
                    self._part.give_back(range_)
                range_ = None
        except BaseException as error:  # noqa: BLE001  # raised by `run`, in the caller's thread
            if self._failure is None:
                self._failure = error
        finally:
            held.release()

    def _take(self) -> Range | None:
        return None if self._is_ending else self._part.take(may_divide=self._may_divide)

    @property
    def _is_ending(self) -> bool:
        return self._failure is not None or self._is_stopped()

    @property
    def _may_divide(self) -> bool:
        return not self._is_whole_only

    def _invite(self) -> None:
        """Begin more connections, as long as a slot is idle and enough is left for another one."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        while self._part.has_work(may_divide=self._may_divide):
            slot = self._slots.take_idle()
            if slot is None:
                return
            try:
                range_ = self._part.take(may_divide=self._may_divide)
                other = Thread(
                    target=self._work, args=(slot, range_), name="connection", daemon=True
                )
                other.start()
            except BaseException:
                slot.release()
                raise
            self._others.append(other)

    def _fetch_range(self, range_: Range, held: "_Held") -> None:
        """Complete a range; tries again while bytes keep coming."""
        what, attempt = self._download.what, 0
        while range_.left and not self._is_ending:
            before = range_.at
            attempt += 1
            try:
                held.take()
                with one_retry():
                    self._receive(range_)
            except HUB_ERRORS as error:
                cause: Exception = error
            else:
                cause = httpx2.RemoteProtocolError("the connection ended before the file did")
            if not range_.left or self._is_ending:
                return
            if range_.at > before:
                attempt = 0
            failure = to_hugflow_error(cause, what)
            # The Hub lists the file at this commit, so a refusal may pass: it is asked a few times.
            may_appear = isinstance(failure, FileMissing) and attempt < ATTEMPTS_OF_MISSING
            if not isinstance(failure, HubUnavailable) and not may_appear:
                raise failure from cause
            wait_s = wait_before_retry_s(cause, max(attempt, 1))
            if attempt >= ATTEMPTS or wait_s is None:
                raise failure from cause
            log.warning("%s (%s); going on in %.1f s", failure.what, failure.why, wait_s)
            # A connection that waits is none: another file may have its slot.
            held.release()
            time.sleep(wait_s)

    def _receive(self, range_: Range) -> None:
        """Write the bytes of one answer."""
        start = range_.at
        headers = dict(self._download.headers, **{"Accept-Encoding": "identity"})
        size = self._download.file.size_bytes
        if (start or range_.stop < size) and not self._is_whole_only:
            headers["Range"] = f"bytes={start}-{range_.stop - 1 if range_.stop < size else ''}"
        with get_session().stream("GET", self._download.url, headers=headers) as response:
            if response.status_code == 416:
                self._is_whole_only = True
            hf_raise_for_status(response)
            skip = start
            if response.status_code == 206:
                got, skip = response.headers.get("Content-Range", "no range"), 0
                if not got.startswith(f"bytes {start}-"):
                    raise httpx2.RemoteProtocolError(f"{got!r:.80} came for bytes {start}-")
            elif "Range" in headers:
                self._is_whole_only = True
            # Bytes as they come: a chunk that is still collected would be lost if the connection breaks.
            for chunk in response.iter_bytes():
                count_received(len(chunk))
                taken, skip = chunk[skip:], max(0, skip - len(chunk))
                if self._is_ending or (taken and not self._part.write(range_, taken)):
                    return
                self._invite()


@dataclass(slots=True)
class _Held:
    """The slot of one connection, while it has one."""

    slots: SlotSource
    slot: Slot | None

    def take(self) -> None:
        if self.slot is None:
            self.slot = self.slots.take()

    def release(self) -> None:
        slot, self.slot = self.slot, None
        if slot is not None:
            slot.release()


class _NoSlots:
    """One connection, which holds no slot."""

    def take(self) -> Slot:
        return self

    def take_idle(self) -> Slot | None:
        return None

    def release(self) -> None:
        pass


def _sync(path: Path) -> None:
    """Sync the file's bytes to the disk."""
    with path.open("rb") as opened:
        os.fsync(opened.fileno())
