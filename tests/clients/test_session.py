"""Trying again: each request by itself, told in the log, and given up in good time."""

import logging
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from hugflow.clients.hub import Hub
from hugflow.clients.published import fetch_split_files
from hugflow.clients.repository import PublishedFile, RepoId
from hugflow.clients.session import (
    ATTEMPTS,
    PATIENCE_S,
    TIMEOUT,
    one_retry,
)
from hugflow.errors import HubUnavailable
from hugflow.shards.layouts.registry import can_read
from hugflow.testing.exchange import Ask
from hugflow.testing.faults import Match, Reset, Stall, Status
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text

GIVES_UP_WITHIN_S = 25.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> list[float]:
    """Seconds slept, on a clock that goes on by them."""
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + sum(slept))
    return slept


def resolve(client: Hub, hf_id: str, commit: str) -> None:
    fetch_split_files(client, hf_id, commit, None, "train", can_read=can_read)


def steps(client: Hub, hf_id: str, commit: str, folder: Path) -> list[Callable[[], object]]:
    """Everything that is asked of the Hub for a dataset, one after the other."""
    file = PublishedFile("data/train-00000-of-00001.parquet", 3000, "0" * 64, "0" * 40)
    return [
        lambda: client.fetch_repository(RepoId.dataset(hf_id), "main"),
        lambda: client.fetch_commit(RepoId.dataset(hf_id), "main"),
        lambda: client.list_folders(RepoId.dataset(hf_id), commit),
        lambda: client.list_files(RepoId.dataset(hf_id), commit, "data"),
        lambda: client.find_files(RepoId.dataset(hf_id), commit, [file.path]),
        lambda: resolve(client, hf_id, commit),
        lambda: client.open_file(RepoId.dataset(hf_id), commit, file).read(10),
        lambda: client.fetch_file(RepoId.dataset(hf_id), commit, file, folder / "a.parquet"),
    ]


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("fault", [Status(503), Reset()], ids=repr)
def test_a_hub_that_is_down_is_given_up_soon_whatever_is_asked(
    hub: LoopbackHub, client: Hub, clock: list[float], tmp_path: Path, number: int, fault: Reset
):
    hf_id = f"session/down-{number}-{type(fault).__name__}"
    commit = publish_text(hub, hf_id, shards=1)
    hub.inject(fault, times=None)
    with pytest.raises(HubUnavailable, match=hf_id) as failed:
        steps(client, hf_id, commit, tmp_path)[number]()
    assert failed.value.exit_code == 7
    assert 5 < sum(clock) < GIVES_UP_WITHIN_S
    assert len(hub.requests) == ATTEMPTS


def test_a_hub_that_goes_down_while_datasets_asks_it_is_given_up_as_soon(
    hub: LoopbackHub, client: Hub, clock: list[float]
):
    publish_text(hub, "session/calm", shards=1)
    commit = hub.publish("session/calm", {"a": b"1"})
    hub.clear_requests()
    resolve(client, "session/calm", commit)
    for after in range(len(hub.requests)):
        hf_id = f"session/later-{after}"
        commit = publish_text(hub, hf_id, shards=1)
        clock.clear()
        with hub.faults(Reset(), times=None, after=after), pytest.raises(HubUnavailable):
            resolve(client, hf_id, commit)
        assert sum(clock) < GIVES_UP_WITHIN_S


@pytest.mark.slow
def test_a_refused_connection_is_given_up_within_seconds_of_a_real_clock(
    hub: LoopbackHub, client: Hub
):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        began = time.monotonic()
        with pytest.raises(HubUnavailable, match="cannot be reached"):
            Hub(endpoint=f"http://127.0.0.1:{taken.getsockname()[1]}").fetch_repository(
                RepoId.dataset("a/b"), "x"
            )
    assert time.monotonic() - began < GIVES_UP_WITHIN_S


def test_every_wait_is_told_with_its_length_and_its_reason(
    hub: LoopbackHub, client: Hub, slept: list[float], caplog: pytest.LogCaptureFixture
):
    hub.publish("session/told", {"a": b"1"})
    hub.inject(Status(429, retry_after_s=40), Status(429, rate_limit_s=50), Status(502), Reset())
    with caplog.at_level(logging.WARNING):
        client.fetch_repository(RepoId.dataset("session/told"), "main")
    told = [float(wait_s) for wait_s in re.findall(r"again in ([\d.]+) s", caplog.text)]
    assert told == slept == [40, 50, 2, 4]
    assert "/api/datasets/session/told" in caplog.text
    assert "it answered 429" in caplog.text


def test_a_log_line_of_a_wait_never_holds_a_signed_link(
    hub: LoopbackHub,
    client: Hub,
    slept: list[float],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
):
    commit = hub.publish("session/link", {"a.parquet": b"x" * 20_000})
    [file] = client.fetch_files(RepoId.dataset("session/link"), commit, ["a.parquet"])
    hub.inject(Status(500), when=Match(port="storage"))
    client.fetch_file(RepoId.dataset("session/link"), commit, file, tmp_path / "a")
    assert slept
    assert "signature" not in caplog.text


def test_a_server_that_never_answers_is_tried_twice_and_no_more(
    hub: LoopbackHub, client: Hub, clock: list[float], monkeypatch: pytest.MonkeyPatch
):
    hub.publish("session/silent", {"a": b"1"})

    def never(*_: object, **__: object) -> httpx2.Response:
        clock.append(TIMEOUT.read or 0)
        raise httpx2.ReadTimeout("nothing came")

    monkeypatch.setattr(httpx2.Client, "send", never)
    with pytest.raises(HubUnavailable, match="ReadTimeout"):
        client.fetch_repository(RepoId.dataset("session/silent"), "main")
    assert clock.count(TIMEOUT.read or 0) == 2
    assert (TIMEOUT.read or 0) > PATIENCE_S


def test_a_stalled_connection_ends_by_our_timeout_also_where_the_library_has_none(
    hub: LoopbackHub, client: Hub, slept: list[float], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow.clients.session.TIMEOUT", httpx2.Timeout(0.2))
    hub.publish("session/stalled", {"a": b"1"})
    with hub.faults(Stall(3.0)), one_retry():
        assert client.api.dataset_info("session/stalled").sha
    assert len(slept) == 1


def test_a_question_that_alters_something_is_sent_once(hub: LoopbackHub, client: Hub):
    hub.publish("session/post", {"a": b"1"})
    hub.inject(Status(503), when=Match(method="POST"), times=None)
    with one_retry(), pytest.raises(HfHubHTTPError):
        HfApi(endpoint=hub.endpoint).get_paths_info("session/post", ["a"], repo_type="dataset")
    assert len(hub.requests) == 1


def test_other_users_of_the_library_meet_its_own_errors(hub: LoopbackHub, client: Hub):
    hub.publish("session/others", {"a": b"1"})
    hub.inject(Status(503), times=None)
    with pytest.raises(HfHubHTTPError):
        HfApi(endpoint=hub.endpoint).dataset_info("session/others")
    assert len(hub.requests) == 1


def test_offline_nothing_is_sent_whatever_is_asked(
    hub: LoopbackHub,
    client: Hub,
    slept: list[float],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    commit = publish_text(hub, "session/offline", shards=1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    hub.clear_requests()
    for step in steps(client, "session/offline", commit, tmp_path):
        with pytest.raises(HubUnavailable, match="HF_HUB_OFFLINE"):
            step()
    assert hub.requests == ()
    assert slept == []


def test_nobody_but_the_hub_is_told_which_dataset_is_read(
    hub: LoopbackHub, client: Hub, monkeypatch: pytest.MonkeyPatch
):
    commit = publish_text(hub, "session/private", shards=1)
    hosts: set[str] = set()
    send = httpx2.Client.send

    def note(self: httpx2.Client, request: httpx2.Request, **options: object) -> httpx2.Response:
        hosts.add(request.url.netloc.decode())
        return send(self, request, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(httpx2.Client, "send", note)
    resolve(client, "session/private", commit)
    assert hosts == {hub.endpoint.removeprefix("http://")}


def test_a_storage_is_asked_anew_by_way_of_the_hub(
    hub: LoopbackHub, client: Hub, slept: list[float], tmp_path: Path
):
    commit = hub.publish("session/anew", {"a.parquet": b"x" * 20_000})
    [file] = client.fetch_files(RepoId.dataset("session/anew"), commit, ["a.parquet"])

    def is_storage(ask: Ask) -> bool:
        return ask.port == "storage"

    hub.clear_requests()
    hub.inject(Status(500), Status(503), when=is_storage)
    client.fetch_file(RepoId.dataset("session/anew"), commit, file, tmp_path / "a")
    assert [request.port for request in hub.requests] == ["api", "storage"] * 3
