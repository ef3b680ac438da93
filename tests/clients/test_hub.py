"""Asking the Hub: the right error for each refusal, and none for a fault that passes."""

import pytest

from hugflow.clients.hub import TAIL_BYTES, Hub
from hugflow.errors import HubUnavailable, HugflowError, NotAuthorised, RequestInvalid
from hugflow.testing.hub import LoopbackHub
from tests.clients.faults import Faults, cut, ignore_range, page, refuse

CONTENT = bytes(range(256)) * 1000
READER, STRANGER, WRONG = "hf_test_hub_reader", "hf_test_hub_stranger", "hf_test_nobodys"


@pytest.fixture(autouse=True)
def doors(hub: LoopbackHub) -> None:
    """A private and a gated dataset, and somebody who may read them."""
    hub.publish("doors/private", {"a.bin": CONTENT}, private=True)
    hub.publish("doors/gated", {"a.bin": CONTENT}, gated=True)
    hub.publish("doors/open", {"a.bin": CONTENT, "README.md": b"---\nlicense: mit\n---\n"})
    hub.add_token(READER, "reader", ["doors/private", "doors/gated"])
    hub.add_token(STRANGER, "stranger")
    hub.clear_requests()


@pytest.mark.parametrize(
    ("hf_id", "token", "error", "advice"),
    [
        ("doors/private", None, NotAuthorised, "set HF_TOKEN"),
        ("doors/private", STRANGER, RequestInvalid, "ask its owner"),
        ("doors/private", WRONG, NotAuthorised, "settings/tokens"),
        ("doors/gated", None, NotAuthorised, "accept its conditions"),
        ("doors/gated", STRANGER, NotAuthorised, "accept its conditions"),
        ("doors/gated", WRONG, NotAuthorised, "settings/tokens"),
        ("doors/unknown", None, NotAuthorised, "check the name"),
        ("doors/unknown", STRANGER, RequestInvalid, "check hf_id"),
        ("doors/open", WRONG, NotAuthorised, "settings/tokens"),
    ],
)
def test_a_door_that_stays_shut_says_why_and_what_opens_it(
    hf_id: str, token: str | None, error: type[HugflowError], advice: str, slept: list[float]
):
    with pytest.raises(error) as refused:
        Hub(token=token).fetch_repository(hf_id, "main")
    assert hf_id in refused.value.what
    assert advice in refused.value.mend
    assert refused.value.exit_code == {NotAuthorised: 5, RequestInvalid: 4}[error]
    assert token is None or token not in str(refused.value)
    assert slept == [], "asking again would not help"


@pytest.mark.parametrize("hf_id", ["doors/private", "doors/gated"])
def test_whoever_is_let_in_learns_the_commit(hub: LoopbackHub, hf_id: str):
    repository = Hub(token=READER).fetch_repository(hf_id, "main")
    assert len(repository.commit) == 40
    assert repository.is_gated is (hf_id == "doors/gated")


@pytest.mark.parametrize("revision", ["nope", "refs/pr/7", "f" * 40])
def test_a_revision_that_is_not_there_is_named(client: Hub, revision: str):
    with pytest.raises(RequestInvalid, match="no such revision") as refused:
        client.fetch_repository("doors/open", revision)
    assert revision in refused.value.what


def test_branches_tags_refs_and_commits_are_resolved(hub: LoopbackHub, client: Hub):
    commit = hub.publish("doors/refs", {"a": b"1"})
    hub.tag("doors/refs", "v1")
    converted = hub.publish("doors/refs", {"b": b"2"}, branch="refs/convert/parquet")
    later = hub.publish("doors/refs", {"a": b"3"})
    found = [
        client.fetch_repository("doors/refs", revision).commit
        for revision in ("main", "v1", commit, "refs/convert/parquet")
    ]
    assert found == [later, commit, commit, converted]


def test_the_licence_is_the_cards_word(client: Hub):
    assert client.fetch_repository("doors/open", "main").licence == "mit"
    assert Hub(token=READER).fetch_repository("doors/private", "main").licence is None


@pytest.mark.parametrize("fault", [refuse(500), refuse(429, Retry_After="1"), cut(0), page])
def test_one_passing_fault_is_not_noticed(
    client: Hub, faults: Faults, slept: list[float], fault: object
):
    faults.by_number = {0: fault}  # type: ignore[dict-item]
    assert client.fetch_repository("doors/open", "main").licence == "mit"


def test_a_proxy_that_answers_with_its_own_page_is_named_as_no_hub(
    client: Hub, faults: Faults, slept: list[float]
):
    faults.always = page
    with pytest.raises(HubUnavailable, match="HF_ENDPOINT"):
        client.fetch_repository("doors/open", "main")


def test_a_hub_that_nobody_answers_for_is_named(slept: list[float]):
    with pytest.raises(HubUnavailable, match="cannot be reached") as failed:
        Hub(endpoint="http://127.0.0.1:9").fetch_repository("doors/open", "main")
    assert failed.value.exit_code == 7


def test_offline_mode_is_named_and_not_waited_for(
    client: Hub, slept: list[float], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HubUnavailable, match="HF_HUB_OFFLINE"):
        client.fetch_repository("doors/open", "main")
    assert slept == []


def test_files_come_with_size_and_hash_in_the_order_asked_for(hub: LoopbackHub, client: Hub):
    names = [f"{number:03d}.bin" for number in range(450)]
    commit = hub.publish("doors/many", {name: name.encode() for name in names})
    wanted = names[::-1]
    files = client.fetch_files("doors/many", commit, wanted)
    assert [file.path for file in files] == wanted
    assert {file.size_bytes for file in files} == {7}


def test_a_file_that_the_commit_does_not_hold_is_named(hub: LoopbackHub, client: Hub):
    commit = hub.publish("doors/one", {"data/a": b"1"})
    for path in ("b", "data"):
        with pytest.raises(RequestInvalid, match=f"'{path}' is not in the repository"):
            client.fetch_files("doors/one", commit, ["data/a", path])


def test_a_file_is_read_in_places_and_its_end_only_once(hub: LoopbackHub, client: Hub):
    commit = hub.publish("doors/ranges", {"a.bin": CONTENT})
    [file] = client.fetch_files("doors/ranges", commit, ["a.bin"])
    hub.clear_requests()
    remote = client.open_file("doors/ranges", commit, file)
    for start, size in ((-8, 8), (-1000, 900), (10, 20), (0, 1)):
        remote.seek(start, 2 if start < 0 else 0)
        assert remote.read(size) == CONTENT[start:][:size]
    sent = [request for request in hub.requests if request.port == "storage"]
    assert [request.body_bytes for request in sent] == [TAIL_BYTES, 20, 1]
    remote.seek(5, 2)
    assert remote.read() == b""


@pytest.mark.parametrize("fault", [refuse(403), refuse(500), cut(100), ignore_range])
def test_reading_in_places_survives_a_passing_fault(
    hub: LoopbackHub, client: Hub, faults: Faults, slept: list[float], fault: object
):
    commit = hub.publish("doors/faulty", {"a.bin": CONTENT})
    [file] = client.fetch_files("doors/faulty", commit, ["a.bin"])
    faults.counts = lambda ask: ask.port == "storage"
    faults.by_number = {0: fault}  # type: ignore[dict-item]
    remote = client.open_file("doors/faulty", commit, file)
    remote.seek(300)
    assert remote.read(500) == CONTENT[300:800]


def test_a_second_client_does_not_cut_the_connections_of_the_first(hub: LoopbackHub, client: Hub):
    from huggingface_hub.utils import get_session

    session = get_session()
    Hub()
    assert get_session() is session
    assert not session.is_closed
