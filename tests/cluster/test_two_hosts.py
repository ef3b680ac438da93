"""Two hosts on one folder: names, processes and clocks of their own, and locks that hold nothing.

A host is a name space of processes and of the host's name, with a clock by `clock.c`. Both see the
same files, whose times are those of the file server, and every `flock` succeeds for both.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hugflow.stages.tree.manifest import read_manifest
from hugflow.store.locks import HEARTBEAT_S, SILENT_S
from hugflow.testing.faults import Match, Stall
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.builds import raw_fetches
from tests.crash.disk import find_compiler
from tests.projects import Project
from tests.runners import name_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]

SHARDS = 8
# What a command of hugflow does on such a host. Heartbeats come as often as its arguments say.
PROGRAM = """
import os, sys
from filelock import FileLock
from hugflow.store import locks
FileLock._acquire = lambda lock: os.open(lock.lock_file, os.O_RDONLY | os.O_CREAT)
FileLock.is_locked = property(lambda lock: True)
FileLock.release = lambda lock, force=False: None
locks.HEARTBEAT_S, locks.SILENT_S = map(float, sys.argv[1:3])
del sys.argv[1:3]
from hugflow.cli.main import main
main()
"""
OWN = ["unshare", *([] if os.getuid() == 0 else ["-Ur"])]
OWN += ["--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]
NAMED = ["sh", "-c", 'hostname "$0" && exec "$@"']


@dataclass
class Hosts:
    """Starts commands on hosts; heartbeat_s, silent_s: see `hugflow.store.locks`."""

    project: Project
    clock: Path
    heartbeat_s: float = HEARTBEAT_S
    silent_s: float = SILENT_S
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def start(self, host: str, ahead_s: int, *arguments: str | Path) -> "subprocess.Popen[str]":
        """Start a command on a host whose clock is ahead."""
        beats = [str(self.heartbeat_s), str(self.silent_s)]
        command = [*OWN, *NAMED, host, sys.executable, "-c", PROGRAM, *beats]
        own = {"LD_PRELOAD": str(self.clock), "CLOCK_AHEAD_S": str(ahead_s), "WORKERS": "1"}
        process = subprocess.Popen(
            [*command, *map(str, arguments)],
            cwd=self.project.root,
            env=self.project.environment | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process


@pytest.fixture
def hosts(project: Project, tmp_path: Path) -> Iterator[Hosts]:
    """Hosts of a project; skipped where there can be none."""
    compiler, clock = find_compiler(), tmp_path / "clock.so"
    if compiler is None:
        pytest.skip("this machine has no C compiler")
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", clock, source], check=True)
    if shutil.which("unshare") is None or subprocess.run([*OWN, "true"], check=False).returncode:
        pytest.skip("this system allows no name spaces")
    hosts = Hosts(project, clock)
    yield hosts
    for process in hosts.started:
        process.kill()
        process.communicate()


def end(process: "subprocess.Popen[str]") -> None:
    _, talk = process.communicate(timeout=280)
    assert process.returncode == 0, talk


def count_lines(project: Project, name: str) -> Counter[int]:
    """How often each row is in the journals of a dataset."""
    journals = project.places.state_dir.glob(f"ledger/{name}/*/*.jsonl")
    lines = (line for journal in journals for line in journal.read_text().splitlines()[1:])
    # After the checksum comes the row's number.
    return Counter(json.loads(line.partition(" ")[2])[0] for line in lines)


def test_two_hosts_with_clocks_ten_seconds_apart_make_no_shard_twice(
    hosts: Hosts, hub: LoopbackHub
):
    publish_speech(hub, "hosts/two", rows=2 * SHARDS, shards=SHARDS, seconds=0.3)
    command = ["local-sync", hosts.project.request("hosts/two"), "--wait", "120"]
    hub.clear_requests()
    for process in [hosts.start("one", 0, *command), hosts.start("two", 10, *command)]:
        end(process)
    assert raw_fetches(hub) == SHARDS
    assert count_lines(hosts.project, name_of("hosts/two")) == Counter(range(2 * SHARDS))
    manifest = read_manifest(hosts.project.dataset(name_of("hosts/two")).manifest)
    assert manifest is not None
    assert manifest.rows.made == 2 * SHARDS


@pytest.mark.parametrize(
    ("heartbeat_s", "silent_s"),
    [(1.0, 4.0), pytest.param(HEARTBEAT_S, SILENT_S, marks=pytest.mark.soak)],
)
def test_the_shards_of_a_host_that_is_gone_without_a_word_are_taken_over_within_three_minutes(
    hosts: Hosts, hub: LoopbackHub, heartbeat_s: float, silent_s: float
):
    hosts.heartbeat_s, hosts.silent_s = heartbeat_s, silent_s
    name = name_of("hosts/gone")
    publish_speech(hub, "hosts/gone", rows=4, shards=2, seconds=0.3)
    command = ["local-sync", hosts.project.request("hosts/gone"), "--wait", "180"]
    locks = hosts.project.places.state_dir / "locks" / name
    shard = Match(port="storage", method="GET", has_range=False)
    with hub.faults(Stall(60.0), when=shard, times=None):
        gone = hosts.start("gone", 10, *command)
        wait_until(lambda: len(list(locks.glob("*-of-*.lock.holder"))) == 2, 60.0)
        # All of its processes, as in a power cut.
        gone.kill()
        gone.communicate()
    killed_at = time.monotonic()
    assert len(list(locks.glob("*-of-*.lock.holder"))) == 2
    end(hosts.start("two", 0, *command))
    assert silent_s / 2 < time.monotonic() - killed_at < 180.0
    assert count_lines(hosts.project, name) == Counter(range(4))
