"""A server of flows for all tests here, and users of it who serve the classes in `served_classes`."""

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hugflow.serving import CoLink, run_dispatch_worker_thread, run_get_instance_worker_thread
from hugflow.serving.colink import Project
from hugflow.serving.server import FlowServer

HERE = Path(__file__).parent
CLASSES = "served_classes"
_numbers = itertools.count()

MakeUser = Callable[..., CoLink]


@pytest.fixture(scope="session", autouse=True)
def _importable() -> Iterator[None]:
    sys.path.insert(0, str(HERE))
    yield
    sys.path.remove(str(HERE))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowServer]:
    found = FlowServer(tmp_path_factory.mktemp("flows"))
    found.start()
    yield found
    found.stop()


@pytest.fixture
def new_user(server: FlowServer) -> Iterator[MakeUser]:
    """Makes a user of its own, with both workers unless `works` is False."""
    clients: list[CoLink] = []

    def make(*, works: bool = True, ack_wait_s: float = 2.0) -> CoLink:
        name = f"user{next(_numbers)}"
        server.make_user(name)
        server.apply()
        seed = server.read_seed(server.seed_file(name))
        cl = CoLink(server.url, seed, project=Project(HERE), ack_wait_s=ack_wait_s)
        clients.append(cl)
        if works:
            run_dispatch_worker_thread(cl)
            run_get_instance_worker_thread(cl)
        return cl

    yield make
    for cl in reversed(clients):
        cl.close()
