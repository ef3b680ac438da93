"""A loopback Hub comes and goes without leaving anything behind."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest
from huggingface_hub import HfApi

from hugflow.errors import UsageWrong
from hugflow.testing.hub import LoopbackHub


def test_a_hub_starts_at_once_and_leaves_no_thread_and_no_port_behind():
    before = set(threading.enumerate())
    started = time.monotonic()
    with LoopbackHub() as hub:
        assert time.monotonic() - started < 3
        hub.publish("acme/x", {"f": b"1"})
        assert HfApi(endpoint=hub.endpoint, token=False).dataset_info("acme/x").sha
    assert set(threading.enumerate()) <= before
    for url in (hub.endpoint, hub.storage_endpoint):
        address = urlsplit(url)
        assert address.hostname == "127.0.0.1"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address.hostname, address.port))


def test_a_client_that_stopped_reading_does_not_keep_a_hub_open():
    with LoopbackHub(lfs_threshold_bytes=1 << 30) as hub:
        hub.publish("acme/x", {"big": bytes(50_000_000)})
        address = urlsplit(hub.endpoint)
        client = socket.create_connection((address.hostname, address.port))
        client.sendall(b"GET /datasets/acme/x/resolve/main/big HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        leaving = time.monotonic()
    client.close()
    assert time.monotonic() - leaving < 5


def test_two_hubs_stand_side_by_side():
    with LoopbackHub() as one, LoopbackHub() as other:
        one.publish("acme/x", {"f": b"1"})
        other.publish("acme/x", {"f": b"2"})
        commits = {
            HfApi(endpoint=h.endpoint, token=False).dataset_info("acme/x").sha for h in (one, other)
        }
    assert len(commits) == 2


def test_a_port_that_is_taken_is_an_error():
    with LoopbackHub() as hub:
        port = urlsplit(hub.endpoint).port
        assert port
        with pytest.raises(UsageWrong, match="in use"), LoopbackHub(port=port):
            pass


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_hub_in_a_process_of_its_own_says_where_it_is_and_ends_when_told(number: signal.Signals):
    command = [sys.executable, "-m", "hugflow.testing", "--sample", "text", "--token", "hf_t"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as hub:
        assert hub.stdout is not None
        assert hub.stderr is not None
        ready = json.loads(hub.stdout.readline())
        api = HfApi(endpoint=ready["endpoint"], token="hf_t")
        assert ready["datasets"] == {"acme/tiny-text": api.dataset_info("acme/tiny-text").sha}
        hub.send_signal(number)
        assert hub.wait(timeout=10) == 0
        assert hub.stderr.read() == ""
