"""Doing the job of a pull request, and telling of it all along."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from hugflow.ci.planning import Proposal
from hugflow.errors import HugflowError
from hugflow.ledger.journal import Outcome
from hugflow.notify.conversation import Line, PullRequest, Service
from hugflow.notify.courier import Courier
from hugflow.notify.notices import Notice
from hugflow.notify.outbox import finish_conversation, open_conversation
from hugflow.notify.senders import Senders
from hugflow.notify.telling import Clock, utc_now
from hugflow.stages.build import Build
from hugflow.stages.removed import forget_removed
from hugflow.stages.sync import Synced, sync_dataset
from hugflow.stages.tracking import Tracker
from hugflow.store.layout import Places

log = logging.getLogger(__name__)

# What is not told by then lies in the outbox.
LAST_WORDS_S = 30.0
STOPPED_WORDS_S = 3.0

Wake = Callable[[Notice], None]
Watch = Callable[[Build, int], AbstractContextManager[Callable[[Sequence[Outcome]], None]]]


@dataclass(slots=True)
class Made:
    """What became of each build, by the path of its request."""

    synced: dict[str, Synced] = field(default_factory=dict)
    failed: dict[str, HugflowError] = field(default_factory=dict)


def make_all(proposal: Proposal, wake: Wake, watch: Watch) -> Made:
    """Make every build that is not complete; one that fails keeps no other from being made.

    wake: called with each notice. watch: shows how far a build is; given it, and the rows that were
    complete before.
    """
    made = Made()
    for path, build in proposal.builds.items():
        forget_removed(build.places, build.name)
        tracker = Tracker(build, wake)
        try:
            with watch(build, tracker.rows) as on_rows:
                made.synced[path] = sync_dataset(build, tracker, on_rows=on_rows)
        except HugflowError as error:
            made.failed[path] = error
    for path, build in proposal.complete.items():
        log.info("Dataset already exists in storage: %s (%s)", build.folder.root, path)
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
    """Tell of these requests from here to the end of the block, and how it ended.

    Whatever cannot be told is the outbox's: nothing here fails or delays the block. Where it is
    stopped, the conversation goes on with whoever takes up the work.
    """
    keys = []
    for service in services:
        if senders.of(service) is None or (pull is None and service == "github"):
            continue
        key = open_conversation(places, service, lines, clock(), pull=pull, details_url=details_url)
        keys += [key] if key is not None else []
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


def _finish(places: Places, keys: Sequence[str], clock: Clock) -> None:
    for key in keys:
        finish_conversation(places, key, clock())
