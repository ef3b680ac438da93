"""The sensor that reports the state of requests on main to GitHub and Slack.

Each run writes notices; a notice is the latest state of its dataset. The sensor reads all notices,
begins and ends conversations, corrects the stale notices of killed runs, and delivers messages.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

import dagster as dg

from hugflow.errors import HugflowError
from hugflow.notify.conversation import Line, PullRequest, Service
from hugflow.notify.deliver import Delivery, deliver_all
from hugflow.notify.follow import follow
from hugflow.notify.lines import to_lines
from hugflow.notify.notices import notice_times
from hugflow.requests.catalog import ArrivalOnMain, Catalog, read_catalog
from hugflow.requests.collect import ParsedFiles, RequestSet, parse_files
from hugflow.shards.plans import read_current_plan
from hugflow.stages.planning.estimate import read_estimate
from hugflow.stages.standing.settled_requests import read_asked
from hugflow.stages.telling.idle_notices import correct_notice, plan_facts
from hugflow.store.layout import Places
from hugflow_resources.notices import Notices
from hugflow_resources.storage import Storage
from hugflow_resources.surprises import no_secret_in_errors

INTERVAL_S = 15
DELIVERING_S = 20.0
SERVICES: tuple[Service, ...] = ("github", "slack")


def build_outcomes() -> dg.SensorDefinition:
    """Give the sensor; it starts no runs."""
    known = _Known()

    @dg.sensor(
        name="outcomes",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports the state of requests on main to pull requests and Slack.",
    )
    @no_secret_in_errors()
    def outcomes(
        context: dg.SensorEvaluationContext, storage: Storage, notices: Notices
    ) -> dg.SkipReason:
        places, now = storage.places, datetime.now(UTC)
        news = known.find_news(places, now)
        with notices.open() as senders:
            services = [each for each in SERVICES if senders.of(each) is not None]
            if not services:
                return dg.SkipReason("nothing is sent: neither GitHub nor Slack is set up")
            catalog = _read_catalog(places) if news else None
            if catalog is not None:
                requests = read_asked(places, known.parse(catalog))
                groups = group_lines(requests, catalog, news.keys())
                _follow_all(places, services, groups, notices.repository, now)
                known.take_as_followed(news)
            deliveries = deliver_all(places, senders, budget_s=DELIVERING_S)
        return dg.SkipReason(_tell(deliveries))

    return outcomes


@dataclass(slots=True)
class _Known:
    """What a process remembers from tick to tick; without it every notice is read.

    seen: for each notice that was read, when it was written.
    followed: the same for notices that a conversation follows.
    underway: names of datasets whose notice says that they are being made.
    """

    seen: dict[str, int] = field(default_factory=dict)
    followed: dict[str, int] = field(default_factory=dict)
    underway: set[str] = field(default_factory=set)
    _parsed: tuple[str, ParsedFiles] | None = None

    def find_news(self, places: Places, now: datetime) -> dict[str, int]:
        """Notices that no conversation follows yet: the time of writing by the dataset's name.

        A stale notice of a killed run is corrected first.
        """
        times = notice_times(places)
        for name in sorted(self.underway & times.keys()):
            # A killed run leaves a notice that still says "downloading".
            correct_notice(places, name, now)
        times = notice_times(places)
        for name in [name for name, at in times.items() if self.seen.get(name) != at]:
            is_underway = correct_notice(places, name, now) == "downloading"
            (self.underway.add if is_underway else self.underway.discard)(name)
        self.seen = times
        self.followed = {name: at for name, at in self.followed.items() if name in times}
        return {name: at for name, at in times.items() if self.followed.get(name) != at}

    def take_as_followed(self, news: Mapping[str, int]) -> None:
        """Skip these notices until they are written again."""
        self.followed |= news

    def parse(self, catalog: Catalog) -> ParsedFiles:
        """Read the request files of a catalogue; the same catalogue is read only once."""
        if self._parsed is None or self._parsed[0] != catalog.digest:
            self._parsed = catalog.digest, parse_files(catalog.data_by_path)
        return self._parsed[1]


@dataclass(frozen=True, slots=True)
class Group:
    """Requests that came with one pull request.

    number: of the pull request; None for a request that came without one.
    commit: the commit of main that brought them.
    """

    number: int | None
    commit: str
    lines: tuple[Line, ...]


def group_lines(requests: RequestSet, catalog: Catalog, names: AbstractSet[str]) -> list[Group]:
    """The groups that contain a named dataset; a group is the requests of one pull request.

    A request that came without a pull request is a group by itself.
    """
    by_pull: defaultdict[int | str, list[Line]] = defaultdict(list)
    for line in to_lines(requests):
        asked = _arrival(catalog, line)
        number = asked.pull_request if asked is not None else None
        by_pull[line.path if number is None else number].append(line)
    return [
        Group(key if isinstance(key, int) else None, _commit(catalog, lines), tuple(lines))
        for key, lines in by_pull.items()
        if any(line.dataset in names for line in lines)
    ]


def _commit(catalog: Catalog, lines: list[Line]) -> str:
    asked = _arrival(catalog, lines[0])
    return (asked.commit or asked.since) if asked is not None else catalog.commit


def _follow_all(
    places: Places,
    services: Iterable[Service],
    groups: Iterable[Group],
    repository: str | None,
    now: datetime,
) -> None:
    add_facts = partial(_add_facts, places)
    for group in groups:
        pull = None
        if group.number is not None and repository is not None:
            pull = PullRequest(repository, group.number, group.commit)
        for service in services:
            if pull is not None:
                follow(places, service, group.lines, now, pull=pull, add_facts=add_facts)
            elif service == "slack":
                for line in group.lines:
                    follow(places, service, [line], now, add_facts=add_facts)


def _add_facts(places: Places, line: Line) -> Line:
    """The line of a request, with the plan of its dataset."""
    try:
        plan = read_current_plan(places, line.dataset) if line.dataset is not None else None
    except HugflowError:
        return line
    if plan is None:
        return line
    return replace(line, facts=plan_facts(plan, estimated=read_estimate(places, plan)))


def _read_catalog(places: Places) -> Catalog | None:
    try:
        return read_catalog(places)
    except HugflowError:
        # The sensor requests_on_main reports and fixes it.
        return None


def _tell(deliveries: Iterable[Delivery]) -> str:
    """The result of the deliveries, in one line."""
    found = list(deliveries)
    troubles = [f"{each.key}: {each.trouble}" for each in found if each.trouble is not None]
    told = len(found) - len(troubles)
    words = [f"{told} conversations are up to date"] if told else []
    return "; ".join([*words, *troubles]) or "there is nothing to tell"


def _arrival(catalog: Catalog, line: Line) -> ArrivalOnMain | None:
    """How the file of a line came to main; `<path>#<dataset>` is one of several of a file."""
    asked = catalog.asked_by_path
    return asked.get(line.path) or asked.get(line.path.rpartition("#")[0])
