"""Fetching a file: one passing fault never fails it, and a wrong byte never passes."""

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from hugflow.clients.fetch import ATTEMPTS_OF_MISSING
from hugflow.clients.hub import Hub
from hugflow.clients.hub_errors import ATTEMPTS
from hugflow.clients.repository import PublishedFile, RepoId
from hugflow.errors import (
    CannotWrite,
    DiskFull,
    FileMissing,
    HubUnavailable,
    HugflowError,
    NotAuthorised,
    RequestInvalid,
    ShardCorrupt,
)
from hugflow.testing.faults import (
    Fault,
    Flip,
    IgnoreRange,
    LinkExpires,
    Match,
    Reset,
    Status,
    Truncate,
    WrongRange,
)
from hugflow.testing.hub import LoopbackHub

HF_ID = "fetch/files"
SIZE = 300_000
CONTENT = random.Random(7).randbytes(SIZE)  # noqa: S311  # no secret
SMALL = b"a few bytes, which git keeps itself"
Fetch = Callable[..., Path]
API, STORAGE = Match(port="api"), Match(port="storage")


@pytest.fixture
def fetch(hub: LoopbackHub, client: Hub, tmp_path: Path) -> Fetch:
    """Fetch a published file: gives where it came to stand."""
    files = {"large.bin": CONTENT, "small.txt": SMALL, "empty.txt": b""}
    commit = hub.publish(HF_ID, files)
    hub.clear_requests()

    def fetch(path: str = "large.bin", client: Hub = client) -> Path:
        [file] = client.fetch_files(RepoId.dataset(HF_ID), commit, [path])
        client.fetch_file(RepoId.dataset(HF_ID), commit, file, tmp_path / "raw" / path)
        return tmp_path / "raw" / path

    return fetch


def fail_with(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def ranges(hub: LoopbackHub) -> list[str | None]:
    return [request.range for request in hub.requests if request.port == "storage"]


@pytest.mark.parametrize(
    ("path", "content"), [("large.bin", CONTENT), ("small.txt", SMALL), ("empty.txt", b"")]
)
def test_a_file_arrives_whole_and_leaves_nothing_beside_it(fetch: Fetch, path: str, content: bytes):
    target = fetch(path)
    assert target.read_bytes() == content
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    "fault",
    [
        Status(500),
        Status(502),
        Status(503),
        Status(503, retry_after_s=2),
        Status(429),
        Status(429, retry_after_s=30),
        Status(408),
        Status(403),
        Status(404),
        Reset(),
        Reset(after_bytes=100_000),
        Truncate(0),
        Truncate(100_000),
        Flip(150_000),
    ],
    ids=repr,
)
def test_one_passing_fault_of_the_storage_never_fails_a_fetch(
    fetch: Fetch, hub: LoopbackHub, slept: list[float], fault: Fault
):
    hub.inject(fault, when=STORAGE)
    assert fetch().read_bytes() == CONTENT


@pytest.mark.parametrize("fault", [Status(500), Status(503, retry_after_s=2), Reset()], ids=repr)
@pytest.mark.parametrize("number", [0, 1])
def test_one_passing_fault_of_the_hub_itself_never_fails_a_fetch(
    fetch: Fetch, hub: LoopbackHub, slept: list[float], fault: Fault, number: int
):
    hub.inject(fault, when=API, after=number)
    assert fetch().read_bytes() == CONTENT


def test_a_file_that_the_hub_lists_and_does_not_know_for_a_moment_is_asked_for_anew(
    fetch: Fetch, hub: LoopbackHub, slept: list[float]
):
    gone = Status(404, error_code="EntryNotFound")
    hub.inject(gone, when=Match(port="api", path="*/resolve/*"), times=2)
    assert fetch().read_bytes() == CONTENT


def test_an_expired_link_to_the_storage_is_asked_for_anew(
    fetch: Fetch, slept: list[float], hub: LoopbackHub
):
    hub.inject(LinkExpires(), times=2)
    assert fetch().read_bytes() == CONTENT
    resolved = [request for request in hub.requests if "/resolve/" in request.path]
    assert len(resolved) == 3


def test_a_link_that_is_always_refused_is_the_storages_fault_and_not_the_tokens(
    fetch: Fetch, hub: LoopbackHub, slept: list[float]
):
    hub.inject(LinkExpires(), times=None)
    with pytest.raises(HubUnavailable, match="link") as failed:
        fetch()
    assert failed.value.exit_code == 7


def test_after_a_break_only_the_rest_is_asked_for(
    fetch: Fetch, slept: list[float], hub: LoopbackHub
):
    hub.inject(Truncate(100_000), Truncate(50_000), when=STORAGE)
    assert fetch().read_bytes() == CONTENT
    assert ranges(hub) == [None, "bytes=100000-", "bytes=150000-"]


def test_what_a_killed_process_had_fetched_is_not_fetched_again(
    fetch: Fetch, hub: LoopbackHub, tmp_path: Path
):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "large.bin.part").write_bytes(CONTENT[:200_000])
    assert fetch().read_bytes() == CONTENT
    assert ranges(hub) == ["bytes=200000-"]


@pytest.mark.parametrize("left", [b"x" * 200_000, CONTENT + b"more", b"x" * SIZE])
def test_a_wrong_part_that_was_left_behind_is_thrown_away(
    fetch: Fetch, tmp_path: Path, left: bytes
):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "large.bin.part").write_bytes(left)
    assert fetch().read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_still_gives_the_file(
    fetch: Fetch, hub: LoopbackHub, slept: list[float]
):
    hub.inject(Truncate(100_000), when=STORAGE)
    hub.inject(IgnoreRange(), when=STORAGE, times=None)
    assert fetch().read_bytes() == CONTENT


@pytest.mark.parametrize("shift", [-7, 7])
def test_a_server_that_goes_on_at_another_place_still_gives_the_file(
    fetch: Fetch, hub: LoopbackHub, slept: list[float], shift: int
):
    hub.inject(Truncate(100_000), when=STORAGE)
    wrong = hub.inject(WrongRange(shift), when=STORAGE)
    assert fetch().read_bytes() == CONTENT
    assert wrong.struck == 1


def test_a_link_that_breaks_again_and_again_gets_there_as_long_as_bytes_keep_coming(
    fetch: Fetch, slept: list[float], hub: LoopbackHub
):
    hub.inject(Truncate(20_000), when=STORAGE, times=3 * ATTEMPTS)
    assert fetch().read_bytes() == CONTENT
    assert len(ranges(hub)) == SIZE // 20_000


def test_a_link_that_breaks_and_never_gets_further_is_given_up(
    fetch: Fetch, hub: LoopbackHub, slept: list[float]
):
    hub.inject(IgnoreRange(), when=STORAGE, times=None)
    breaks = hub.inject(Truncate(90_000), Truncate(40_000), when=STORAGE, times=None)
    with pytest.raises(HubUnavailable):
        fetch()
    assert breaks.struck < 4 * ATTEMPTS


def test_a_byte_that_is_wrong_twice_is_refused_and_nothing_stands_at_the_target(
    fetch: Fetch, hub: LoopbackHub, slept: list[float], tmp_path: Path
):
    flips = hub.inject(Flip(123), when=STORAGE, times=None)
    with pytest.raises(ShardCorrupt, match=r"fetch/files@[0-9a-f]{40}:large\.bin") as corrupt:
        fetch()
    assert corrupt.value.exit_code == 7
    assert list((tmp_path / "raw").iterdir()) == []
    assert flips.struck == 2


def test_a_wrong_byte_of_a_file_that_git_keeps_is_refused_too(
    fetch: Fetch, hub: LoopbackHub, slept: list[float]
):
    hub.inject(Flip(3), when=Match(path="*/resolve/*"), times=None)
    with pytest.raises(ShardCorrupt):
        fetch("small.txt")


def test_more_bytes_than_were_promised_are_refused(fetch: Fetch, hub: LoopbackHub, tmp_path: Path):
    promised = PublishedFile("large.bin", SIZE - 10, "0" * 64, "0" * 40)
    with pytest.raises(ShardCorrupt):
        Hub().fetch_file(RepoId.dataset(HF_ID), "main", promised, tmp_path / "raw" / "a")
    assert not (tmp_path / "raw" / "a").exists()


@pytest.mark.parametrize("port", [API, STORAGE])
@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("as_date", [False, True])
def test_a_wait_of_an_hour_is_named_and_not_slept_through(
    fetch: Fetch, hub: LoopbackHub, slept: list[float], port: Match, code: int, as_date: bool
):
    hub.inject(Status(code, retry_after_s=3600, as_date=as_date), when=port, times=None)
    # A date has no parts of a second, and some time has passed when it is read.
    with pytest.raises(HubUnavailable, match=r"to wait 3(600|59\d) s") as failed:
        fetch()
    assert failed.value.exit_code == 7
    assert slept == []


@pytest.mark.parametrize(
    ("fault", "waited_s"),
    [
        (Status(429, retry_after_s=2), 2.0),
        (Status(429, retry_after_s=60), 60.0),
        (Status(429, rate_limit_s=33), 33.0),
        (Status(429, headers={"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}), 0.1),
        (Status(429, headers={"Retry-After": "soon"}), 0.5),
        (Status(429), 0.5),
    ],
)
def test_a_wait_that_the_hub_asks_for_is_honoured(
    fetch: Fetch, hub: LoopbackHub, slept: list[float], fault: Fault, waited_s: float
):
    hub.inject(fault, when=STORAGE)
    fetch()
    assert slept == [waited_s]


def test_a_wait_until_a_date_is_honoured(fetch: Fetch, hub: LoopbackHub, slept: list[float]):
    hub.inject(Status(503, retry_after_s=40, as_date=True), when=STORAGE)
    fetch()
    [waited_s] = slept
    assert 30 < waited_s <= 40


def test_a_hub_that_stays_down_is_named_after_some_attempts(
    fetch: Fetch, hub: LoopbackHub, slept: list[float]
):
    refusals = hub.inject(Status(503), when=STORAGE, times=None)
    with pytest.raises(HubUnavailable, match=r"large\.bin"):
        fetch()
    assert refusals.struck == ATTEMPTS
    assert sum(slept) < 30


def test_a_file_that_is_not_there_is_asked_for_a_few_times(
    hub: LoopbackHub, client: Hub, slept: list[float], tmp_path: Path
):
    commit = hub.publish("fetch/gone", {"a.txt": b"x"})
    with pytest.raises(FileMissing, match="no such file") as missing:
        client.fetch_file(
            RepoId.dataset("fetch/gone"),
            commit,
            PublishedFile("b.txt", 1, None, "0" * 40),
            tmp_path / "b",
        )
    assert missing.value.exit_code == 4
    assert len(slept) == ATTEMPTS_OF_MISSING - 1


@pytest.mark.parametrize("path", ["large.bin", "small.txt"])
@pytest.mark.parametrize(
    ("is_withdrawn", "has_token", "error"),
    [
        (True, False, NotAuthorised),
        (True, True, RequestInvalid),
        (False, False, NotAuthorised),
        (False, True, RequestInvalid),
    ],
)
def test_a_dataset_that_is_withdrawn_or_made_private_meanwhile_is_no_missing_file(
    hub: LoopbackHub,
    slept: list[float],
    tmp_path: Path,
    path: str,
    is_withdrawn: bool,
    has_token: bool,
    error: type[HugflowError],
):
    hub.add_token("hf_test_other", "other")
    commit = hub.publish("fetch/closing", {"large.bin": CONTENT, "small.txt": SMALL}, private=False)
    client = Hub(token="hf_test_other" if has_token else None)
    [file] = client.fetch_files(RepoId.dataset("fetch/closing"), commit, [path])
    if is_withdrawn:
        hub.remove("fetch/closing")
    else:
        hub.restrict("fetch/closing", private=True)
    for ask in (
        lambda: client.fetch_file(RepoId.dataset("fetch/closing"), commit, file, tmp_path / "a"),
        lambda: client.find_files(RepoId.dataset("fetch/closing"), commit, [path]),
    ):
        with pytest.raises(error, match="fetch/closing") as refused:
            ask()
        assert not isinstance(refused.value, FileMissing)
    assert slept == []


def test_a_token_that_is_lost_meanwhile_is_no_missing_file(
    hub: LoopbackHub, slept: list[float], tmp_path: Path
):
    hub.add_token("hf_test_lost", "somebody", ["fetch/lost"])
    commit = hub.publish("fetch/lost", {"large.bin": CONTENT}, private=True)
    client = Hub(token="hf_test_lost")
    [file] = client.fetch_files(RepoId.dataset("fetch/lost"), commit, ["large.bin"])
    hub.remove_token("hf_test_lost")
    with pytest.raises(NotAuthorised):
        client.fetch_file(RepoId.dataset("fetch/lost"), commit, file, tmp_path / "a")
    with pytest.raises(NotAuthorised):
        client.find_files(RepoId.dataset("fetch/lost"), commit, ["large.bin"])
    assert slept == []


@pytest.mark.parametrize(
    ("number", "error", "exit_code"),
    [
        (errno.ENOSPC, DiskFull, 6),
        (errno.EDQUOT, DiskFull, 6),
        (errno.EACCES, CannotWrite, 1),
        (errno.EROFS, CannotWrite, 1),
    ],
)
@pytest.mark.parametrize("call", ["touch", "open", "unlink", "fsync", "rename"])
def test_a_disk_that_refuses_is_told_apart_and_named_whatever_was_to_be_done(
    fetch: Fetch,
    hub: LoopbackHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    error: type[HugflowError],
    exit_code: int,
):
    (tmp_path / "raw").mkdir()
    if call == "unlink":
        hub.inject(Flip(3), when=STORAGE)
    with monkeypatch.context() as patch:
        patch.setattr(os if call == "fsync" else Path, call, fail_with(number))
        with pytest.raises(error, match=r"large\.bin") as refused:
            fetch()
    assert refused.value.exit_code == exit_code
    assert not (tmp_path / "raw" / "large.bin").exists()
    hub.clear_faults()
    assert fetch().read_bytes() == CONTENT


@pytest.mark.parametrize("durable", [True, False])
def test_only_what_is_to_survive_a_power_cut_is_synced(
    hub: LoopbackHub,
    client: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    durable: bool,
):
    commit = hub.publish("fetch/synced", {"a.bin": CONTENT})
    [file] = client.fetch_files(RepoId.dataset("fetch/synced"), commit, ["a.bin"])
    synced: list[Path] = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink())
    )
    client.fetch_file(
        RepoId.dataset("fetch/synced"), commit, file, tmp_path / "a.bin", durable=durable
    )
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert synced == ([tmp_path / "a.bin.part", tmp_path] if durable else [])


def test_what_need_not_survive_a_power_cut_is_verified_all_the_same(
    hub: LoopbackHub, client: Hub, tmp_path: Path
):
    commit = hub.publish("fetch/unsynced", {"a.bin": CONTENT})
    [file] = client.fetch_files(RepoId.dataset("fetch/unsynced"), commit, ["a.bin"])
    hub.inject(Flip(123), when=STORAGE, times=None)
    with pytest.raises(ShardCorrupt):
        client.fetch_file(
            RepoId.dataset("fetch/unsynced"), commit, file, tmp_path / "a.bin", durable=False
        )
    assert list(tmp_path.iterdir()) == []


def test_the_token_goes_to_the_hub_and_never_to_the_storage(
    hub: LoopbackHub, tmp_path: Path, slept: list[float]
):
    hub.add_token("hf_test_fetcher", "somebody", ["fetch/private"])
    commit = hub.publish("fetch/private", {"large.bin": CONTENT}, private=True)
    client = Hub(token="hf_test_fetcher")
    [file] = client.fetch_files(RepoId.dataset("fetch/private"), commit, ["large.bin"])
    hub.clear_requests()
    client.fetch_file(RepoId.dataset("fetch/private"), commit, file, tmp_path / "a")
    assert {(r.port, r.has_authorization) for r in hub.requests} == {
        ("api", True),
        ("storage", False),
    }


def test_no_error_holds_the_token(hub: LoopbackHub, tmp_path: Path, slept: list[float]):
    token = "hf_test_leaky_0123456789"
    hub.publish("fetch/closed", {"a.txt": b"x"}, private=True)
    client = Hub(token=token)
    with pytest.raises(NotAuthorised) as refused:
        client.fetch_file(
            RepoId.dataset("fetch/closed"),
            "main",
            PublishedFile("a.txt", 1, None, "0" * 40),
            tmp_path / "a",
        )
    error: BaseException | None = refused.value
    while error is not None:
        assert token not in f"{error} {error!r}"
        error = error.__cause__
