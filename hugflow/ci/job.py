"""The job of a pull request, with reports from beginning to end."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import field
from typing import Protocol

from hugflow.ci.planning import Proposal
from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import Outcome
from hugflow.notify.conversation import Line, PullRequest, Service, pull_key
from hugflow.notify.courier import Courier
from hugflow.notify.notices import Notice
from hugflow.notify.on_github import has_spoken
from hugflow.notify.outbox import finish_conversation, open_conversation
from hugflow.notify.senders import Senders
from hugflow.notify.telling import Clock, utc_now
from hugflow.requests.problems import show_path
from hugflow.stages.standing.removal_records import forget_removed
from hugflow.stages.sync import Synced, sync_dataset
from hugflow.stages.telling.tracker import Tracker
from hugflow.store.layout import Places

log = logging.getLogger(__name__)

# What is not sent by then stays in the outbox.
LAST_WORDS_S = 30.0
STOPPED_WORDS_S = 3.0

Wake = Callable[[Notice], None]


class Shown(Protocol):
    """Shows the progress of one dataset."""

    @property
    def on_rows(self) -> Callable[[Sequence[Outcome]], None]:
        """Called with each committed batch."""

    @property
    def on_step_rows(self) -> Callable[[str, int], None]:
        """Called with the name of a row step, and with the rows of each commit."""


Watch = Callable[[Tracker], AbstractContextManager[Shown]]


@dataclass(slots=True)
class Made:
    """Result of each build, by path of its request."""

    synced: dict[str, Synced] = field(default_factory=dict)
    failed: dict[str, HugflowError] = field(default_factory=dict)


def make_all(proposal: Proposal, wake: Wake, watch: Watch, *, retry_failed: bool = False) -> Made:
    """Make every incomplete build; the failure of one does not stop the others.

    wake: called with each notice.
    watch: shows the progress of a build, whose rows the tracker counts.
    retry_failed: try the failed rows of complete datasets too.
    """
    made = Made()
    for path, build in proposal.builds.items():
        forget_removed(build.places, build.name)
        tracker = Tracker(build, wake)
        try:
            with watch(tracker) as shown:
                made.synced[path] = sync_dataset(
                    build,
                    tracker,
                    retry_failed=retry_failed,
                    on_rows=shown.on_rows,
                    on_step_rows=shown.on_step_rows,
                )
        except HugflowError as error:
            made.failed[path] = error
    for path, build in proposal.complete.items():
        log.info("Dataset already exists in storage: %s (%s)", build.folder.root, show_path(path))
    return made


@contextmanager
def telling(
    places: Places,
    senders: Senders,
    services: Sequence[Service],
    lines: Sequence[Line],
    pull: PullRequest | None,
    *,
    details_url: str | None = None,
    clock: Clock = utc_now,
) -> Iterator[Wake]:
    """Report on these requests until the block ends, then report the result.

    What cannot be sent stays in the outbox; the block is never failed or delayed by it. If the
    block is stopped, the conversation continues when the work is resumed.
    """
    keys = _open_all(places, senders, services, lines, pull, details_url, clock)
    with Courier(places, senders, keys) as courier:
        courier.wake()
        try:
            yield courier.wake
        except Exception:
            _finish(places, keys, clock)
            courier.flush(LAST_WORDS_S)
            raise
        except BaseException:
            courier.flush(STOPPED_WORDS_S)
            raise
        _finish(places, keys, clock)
        courier.flush(LAST_WORDS_S)


def tell_nothing_is_asked(
    places: Places, senders: Senders, pull: PullRequest, *, clock: Clock = utc_now
) -> None:
    """Update the comment on a pull request that has no requests any more.

    If there is no comment, none is made. Errors are logged.
    """
    github = senders.github
    key = pull_key("github", pull.repository, pull.number)
    try:
        if github is None or not has_spoken(places, github, pull):
            return
        open_conversation(places, "github", (), clock(), pull=pull, is_begun=True)
    except (HugflowError, OSError) as error:
        log.warning("nothing is posted on %s#%d: %s", pull.repository, pull.number, error)
        return
    with Courier(places, senders, [key]) as courier:
        _finish(places, [key], clock)
        courier.flush(LAST_WORDS_S)


def _open_all(
    places: Places,
    senders: Senders,
    services: Sequence[Service],
    lines: Sequence[Line],
    pull: PullRequest | None,
    details_url: str | None,
    clock: Clock,
) -> list[str]:
    """Open the conversations, one for each dataset if there is no pull request; their keys."""
    keys: list[str] = []
    for service in services:
        if senders.of(service) is None or (pull is None and service == "github"):
            continue
        for told in [lines] if pull is not None else [[line] for line in lines if line.dataset]:
            try:
                key = open_conversation(
                    places, service, told, clock(), pull=pull, details_url=details_url
                )
            except (HugflowError, OSError) as error:
                log.warning("nothing is posted about %s: %s", service, error)
                continue
            keys += [key] if key is not None else []
    return keys


def _finish(places: Places, keys: Sequence[str], clock: Clock) -> None:
    for key in keys:
        try:
            finish_conversation(places, key, clock())
        except (HugflowError, OSError) as error:
            log.warning("%s cannot be finished: %s", key, error)
