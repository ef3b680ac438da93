"""Checks of several hosts: the set of packages, broker, database, shared folders, clocks, versions.

Nothing is checked in a project of one host.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from hugflow.cluster import (
    ADDRESSES,
    BROKER,
    ENV_FILE,
    POSTGRES,
    POSTGRES_SCHEME,
    RESULTS,
    is_cluster,
    read_addresses,
    split_address,
)
from hugflow.doctor.findings import Finding, Patient, ok, problem, warning
from hugflow.errors import HugflowError
from hugflow.store.hosts import HostCard, read_host_cards, write_host_card
from hugflow.store.layout import Places

INSTALL: Final = "pip install 'hugflow[cluster]'"
CONNECT_S: Final = 5
# Heartbeats are compared over hosts, and allow for a minute.
MOST_APART_S: Final = 20.0
# Mount options of network file systems whose locks only this host sees.
_OWN_LOCKS: Final = frozenset({"nolock", "local_lock=all", "local_lock=flock", "localflocks"})
_SET: Final = ("dagster", "dagster-postgres", "dagster-celery", "redis", "psycopg2-binary")
_TRY_LOCK: Final = (
    "import fcntl, sys\n"
    "try: fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    "except OSError: sys.exit(3)"
)


def check_cluster(patient: Patient) -> Iterator[Finding]:
    """What several hosts share works: docs/cluster.md."""
    root = patient.project.root
    if root is None or not is_cluster(root):
        return
    yield _check_set()
    known = read_addresses(root, patient.environ)
    missing = [name for name in ADDRESSES if name not in known]
    if missing:
        what = f"{', '.join(missing)} not filled in"
        yield problem("cluster", what, f"write the addresses into {ENV_FILE}")
    if not patient.is_offline:
        if POSTGRES in known:
            yield from _ask_database(known[POSTGRES])
        for name in (BROKER, RESULTS):
            if name in known:
                yield _ask_redis(name, known[name])
    try:
        places = patient.project.places
        for name in ("STATE_DIR", "STORAGE_ROOT"):
            yield _try_locks(name, patient.project.resolve(name))
        yield from _compare_hosts(write_host_card(places), places)
    except HugflowError as error:
        yield problem("shared folder", error.what, error.mend)


def _check_set() -> Finding:
    """The packages of the extra are installed, in versions that belong together."""
    found: dict[str, str] = {}
    for name in _SET:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            return problem("cluster", f"{name} is not installed", INSTALL)
    minor, patch = found["dagster"].split(".")[1:3]
    # dagster 1.13.27 belongs to 0.29.27 of its integrations.
    fitting = f"0.{int(minor) + 16}.{patch}"
    unfit = [name for name in ("dagster-postgres", "dagster-celery") if found[name] != fitting]
    if unfit:
        what = f"dagster {found['dagster']} with {', '.join(f'{n} {found[n]}' for n in unfit)}"
        return problem("cluster", what, INSTALL)
    return ok("cluster", f"dagster {found['dagster']}, its integrations {fitting}")


def _ask_database(url: str) -> Iterator[Finding]:
    scheme = url.partition("://")[0]
    host = split_address(url)[1]
    if scheme != POSTGRES_SCHEME:
        mend = f"begin {POSTGRES} with {POSTGRES_SCHEME}://"
        yield problem("database", f"{POSTGRES} begins with {scheme}://, which does not work", mend)
        return
    try:
        import psycopg2
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError:
        return
    mend = f"check {POSTGRES}, and that the server lets this host in"
    try:
        # As Dagster takes the address: libpq ends a password at a slash, and says a part of it.
        parts = make_url(url)
        told = parts.translate_connect_args(username="user", database="dbname")
        connection = psycopg2.connect(**{"connect_timeout": CONNECT_S, **told, **parts.query})
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp()), version()")
            at, words = cursor.fetchone()
        connection.close()
    except (psycopg2.Error, ArgumentError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        yield problem("database", f"{host} refuses: {reason}", mend)
        return
    yield ok("database", f"{host} is {' '.join(words.split()[:2])}")
    ahead_s = datetime.now(UTC).timestamp() - float(at)
    if abs(ahead_s) > MOST_APART_S:
        what = f"this host's clock is {ahead_s:+.0f} s from the database's"
        yield warning("clock", what, "let all hosts follow a time server")


def _ask_redis(name: str, url: str) -> Finding:
    check = "broker" if name == BROKER else "results"
    host = split_address(url)[1]
    try:
        import redis
    except ImportError:
        return problem(check, "redis is not installed", INSTALL)
    try:
        with redis.Redis.from_url(url, socket_timeout=CONNECT_S) as server:
            policy = server.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
    except redis.ResponseError:
        return ok(check, f"{host} answers")
    except (redis.RedisError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        return problem(check, f"{host} does not answer: {reason}", f"check {name} and the server")
    if policy != "noeviction":
        what = f"{host} forgets what is queued when its memory is full ({policy})"
        return warning(check, what, "set maxmemory-policy to noeviction")
    return ok(check, f"{host} answers")


def _try_locks(name: str, folder: Path) -> Finding:
    """Whether a lock in a folder keeps out another process."""
    check = f"locks in {name}"
    mend = (
        "mount it with locks (NFS 4, without local_lock); without them heartbeat files alone keep "
        "two hosts from making one shard"
    )
    import fcntl

    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        command = [sys.executable, "-c", _TRY_LOCK, file.name]
        other = subprocess.run(command, check=False, timeout=10)  # noqa: S603  # this Python
    if other.returncode != 3:
        return warning(check, "two processes got the same lock", mend)
    options = _mount_options(folder) & _OWN_LOCKS
    if options:
        what = f"other hosts do not see them: it is mounted with {', '.join(sorted(options))}"
        return warning(check, what, mend)
    return ok(check, "a second process is kept out")


def _mount_options(folder: Path) -> frozenset[str]:
    """The mount options of a folder's file system; none where /proc does not say."""
    resolved = folder.resolve()
    options, longest = "", 0
    try:
        lines = Path("/proc/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        _, point, _, found, *_ = line.split(" ")
        if resolved.is_relative_to(point) and len(point) >= longest:
            options, longest = found, len(point)
    return frozenset(options.split(","))


def _compare_hosts(own: HostCard, places: Places) -> Iterator[Finding]:
    """Every host runs the same versions, and the clocks agree."""
    cards = read_host_cards(places, own.seen_at)
    for card in cards:
        versions = f"hugflow {card.hugflow}, dagster {card.dagster}, Python {card.python}"
        if (card.hugflow, card.dagster) != (own.hugflow, own.dagster):
            mend = "install the same version of hugflow on every host, then restart its services"
            yield problem(f"host {card.host}", f"{versions}; {own.host} has others", mend)
        elif abs(card.clock_ahead_s) > MOST_APART_S:
            what = f"its clock is {card.clock_ahead_s:+.0f} s from the shared folder's"
            yield warning(f"host {card.host}", what, "let all hosts follow a time server")
        else:
            yield ok(f"host {card.host}", f"{versions}, seen {card.seen_at:%d %b %H:%M} UTC")
