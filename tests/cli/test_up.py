"""`hugflow up` before it starts anything, and the words it prints afterwards."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hugflow.activity import Step, current_step
from hugflow.cli import up
from hugflow.cli.ports import (
    describe_process,
    find_free_port,
    find_listener,
    refuse_taken_port,
)
from hugflow.cli.running_up import describe_running, only_one_up
from hugflow.cli.up import service_environment
from hugflow.cli.up_report import answers_http, render_datasets, render_look, render_report
from hugflow.errors import Locked, UsageWrong
from hugflow.settings import load_settings
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.projects import Project

# Nothing listens there.
NOWHERE = "http://127.0.0.1:9"
RUNNING = {"status": "RUNNING", "nextTick": {"timestamp": 100.0}}


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which this process listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "datasets", tmp_path / "processed", tmp_path / "state")


def test_a_taken_port_is_refused_with_its_process_and_a_free_port(taken: int):
    free = find_free_port("127.0.0.1", taken + 1)
    with pytest.raises(UsageWrong, match=f"port {taken} .*is taken") as refused:
        refuse_taken_port("127.0.0.1", taken)
    assert find_listener(taken) == os.getpid()
    assert f"process {os.getpid()} (" in refused.value.why
    assert f"--port {free}" in refused.value.mend
    refuse_taken_port("127.0.0.1", free)


def test_a_process_is_named_in_one_line_whatever_its_command_line_holds(
    monkeypatch: pytest.MonkeyPatch,
):
    command = b"python\0-c\0\nimport time\n\ttime.sleep(30)\n\0"
    monkeypatch.setattr(Path, "read_bytes", lambda path: command)
    assert describe_process(7) == "process 7 (python -c import time time.sleep(30))"


def test_an_address_of_another_host_is_refused():
    with pytest.raises(UsageWrong, match=r"192\.0\.2\.1"):
        refuse_taken_port("192.0.2.1", 3000)


def test_a_taken_port_is_told_before_anything_is_started(project: Project, taken: int):
    (project.root / "dagster.yaml").unlink(missing_ok=True)
    done = project.run("up", "--port", str(taken))
    assert done.returncode == 2
    assert f"port {taken} of 127.0.0.1 is taken" in done.stderr
    assert "starting" not in done.stderr
    assert not (project.root / ".hugflow-state" / "dagster").exists()


def test_its_processes_may_send_each_other_ten_thousand_datasets_unless_it_is_set(tmp_path: Path):
    size = "DAGSTER_GRPC_MAX_SEND_BYTES"
    assert int(service_environment(tmp_path, {})[size]) > 500_000_000
    assert service_environment(tmp_path, {size: "7"})[size] == "7"


def test_a_second_one_is_told_where_the_first_listens(places: Places):
    with only_one_up(places, "http://127.0.0.1:3000"):
        with pytest.raises(Locked), only_one_up(places, "http://127.0.0.1:3001"):
            pass
        said = describe_running(places)
    assert said.startswith("hugflow is up already at http://127.0.0.1:3000")
    assert f"process {os.getpid()} on" in said
    with only_one_up(places, "http://127.0.0.1:3001"):
        assert "http://127.0.0.1:3001" in describe_running(places)


def test_a_request_that_is_refused_is_counted_as_that(project: Project, hub: LoopbackHub):
    publish_text(hub, "up/refused", rows=1)
    file = project.request("up/refused", "split: nope")
    assert project.run("plan", file).returncode == 4
    report = render_report(load_settings(project.root), "http://here", NOWHERE, "hugflow", None)
    assert report[2] == "  datasets  1: 1 refused"


def test_datasets_are_counted_by_their_state():
    assert render_datasets([]).startswith("none yet")
    states = ["completed", "pending", "completed"]
    assert render_datasets(states) == "3: 2 completed, 1 pending"


def test_the_next_look_at_main_is_told_or_why_there_is_none():
    sensor = {"minIntervalSeconds": 10, "sensorState": RUNNING}
    assert "every 10 s, next at " in render_look(sensor, 99.0)
    assert render_look(sensor, 101.0).endswith("next now")
    is_new = {"minIntervalSeconds": 10, "sensorState": RUNNING | {"nextTick": None}}
    assert render_look(is_new, 0.0).endswith("next now")
    is_off = {"minIntervalSeconds": 10, "sensorState": RUNNING | {"status": "STOPPED"}}
    assert "is off" in render_look(is_off, 0.0)
    assert "not loaded" in render_look(None, 0.0)


def test_only_a_server_of_http_counts_as_an_answer(taken: int):
    assert not answers_http(f"http://127.0.0.1:{find_free_port('127.0.0.1', taken + 1)}")


def test_until_all_processes_are_ready_a_step_says_what_is_started(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    shown: list[Step | None] = []

    class Ready:
        def __init__(self, services: object, *, on_ready: Callable[[], None], **options: object):
            self.on_ready = on_ready

        def run(self, stop: threading.Event) -> None:
            shown.append(current_step())
            self.on_ready()
            shown.append(current_step())

    monkeypatch.setattr(up, "open_project", lambda: load_settings(project.root))
    monkeypatch.setattr(up, "stop_on_signals", threading.Event)
    monkeypatch.setattr(up, "prepare_dagster", lambda root: None)
    monkeypatch.setattr(up, "render_report", lambda *about: [])
    monkeypatch.setattr(up, "Supervisor", Ready)
    up.up(port=find_free_port("127.0.0.1", 3000))
    assert "starting the code server" in str(shown[0])
    assert shown[1] is None
