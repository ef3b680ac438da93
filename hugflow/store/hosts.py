"""The hosts that work on one state: what each runs, and how far its clock is off.

    STATE_DIR/hosts/speech1.json

    {"host": "speech1", "hugflow": "0.1.0", "dagster": "1.13.27", "python": "3.11.4",
     "seen_at": "2026-11-29T07:00:00+00:00", "clock_ahead_s": 0.012}

    clock_ahead_s: its clock less that of the file system of STATE_DIR

Each host writes its own card when a run starts on it, and when `hugflow doctor` runs on it.
"""

import platform
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import make_folder
from hugflow.store.layout import Places
from hugflow.store.records import Moment, RecordForm

# A host that was not seen for longer has left.
LEFT_AFTER_S = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class HostCard:
    """One host; see the module. dagster: "none" where it is not installed."""

    host: str
    hugflow: str
    dagster: str
    python: str
    seen_at: Moment
    clock_ahead_s: float


HOST = RecordForm(
    HostCard,
    "the card of a host",
    version=None,
    mend="delete the file: the host writes it again",
    is_compact=True,
)


def write_host_card(places: Places) -> HostCard:
    """Write this host's card, and give it."""
    card = HostCard(
        host=socket.gethostname(),
        hugflow=_version("hugflow"),
        dagster=_version("dagster"),
        python=platform.python_version(),
        seen_at=datetime.now(UTC),
        clock_ahead_s=round(_measure_clock(places.hosts), 3),
    )
    HOST.write_view(places.hosts / f"{card.host}.json", card)
    return card


def read_host_cards(places: Places, now: datetime) -> list[HostCard]:
    """The cards of the hosts that were seen in the last week, by name."""
    if not places.hosts.is_dir():
        return []
    found = [HOST.read(path) for path in sorted(places.hosts.glob("*.json"))]
    return [
        card
        for card in found
        if card is not None and (now - card.seen_at).total_seconds() < LEFT_AFTER_S
    ]


def _measure_clock(folder: Path) -> float:
    """How far ahead this host's clock is of that of the folder's file system, in seconds."""
    make_folder(folder)
    probe = folder / f".clock-{socket.gethostname()}"
    # A file server stamps a file by its own clock.
    probe.touch()
    ahead_s = time.time() - probe.stat().st_mtime
    with suppress(OSError):
        probe.unlink()
    return ahead_s


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
