"""Asking the Hub: the right error for each refusal, and none for a fault that passes."""

from dataclasses import replace
from pathlib import Path

import pytest

from hugflow.clients.hub import TAIL_BYTES, Hub
from hugflow.clients.repository import RepoId
from hugflow.errors import (
    HubUnavailable,
    HugflowError,
    NotAuthorised,
    RequestInvalid,
    SettingInvalid,
)
from hugflow.testing.exchange import Response
from hugflow.testing.faults import (
    Encounter,
    Fault,
    IgnoreRange,
    LinkExpires,
    Match,
    Page,
    Reset,
    Status,
    Truncate,
    WrongRange,
)
from hugflow.testing.hub import LoopbackHub

CONTENT = bytes(range(256)) * 1000
READER, STRANGER, WRONG = "hf_test_hub_reader", "hf_test_hub_stranger", "hf_test_nobodys"


def refusal_of(hf_id: str, token: str | None = None) -> HugflowError:
    """What somebody with this token is told who asks for a dataset."""
    with pytest.raises(HugflowError) as refused:
        Hub(token=token).fetch_repository(RepoId.dataset(hf_id), "main")
    assert token is None or token not in str(refused.value)
    return refused.value


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
        Hub(token=token).fetch_repository(RepoId.dataset(hf_id), "main")
    assert hf_id in refused.value.what
    assert advice in refused.value.mend
    assert refused.value.exit_code == {NotAuthorised: 5, RequestInvalid: 4}[error]
    assert token is None or token not in str(refused.value)
    assert slept == [], "asking again would not help"


def test_a_missing_token_is_told_apart_from_a_wrong_one_and_from_another_accounts():
    missing, wrong, others = (
        refusal_of("doors/private", token=token) for token in (None, WRONG, STRANGER)
    )
    assert "HF_TOKEN is not set" in missing.why
    assert "mistyped, expired or revoked" in wrong.why
    assert "private to another account" in others.why


@pytest.mark.parametrize("token", [None, STRANGER])
def test_a_gate_names_whose_click_on_which_page_opens_it_and_what_the_token_needs(
    hub: LoopbackHub, token: str | None
):
    refused = refusal_of("doors/gated", token=token)
    assert f"{hub.endpoint}/datasets/doors/gated" in refused.mend
    assert "accept its conditions" in refused.mend
    assert "Read access to contents of all public gated repos you can access" in refused.mend
    assert ("'stranger'" in refused.mend) is (token == STRANGER)


@pytest.mark.parametrize("token", [None, STRANGER])
def test_a_gate_that_the_owner_opens_by_hand_says_so(hub: LoopbackHub, token: str | None):
    hub.publish("doors/by-hand", {"a.bin": CONTENT}, gated="manual")
    assert "until the owner has approved" in refusal_of("doors/by-hand", token=token).mend
    assert "approved" not in refusal_of("doors/gated", token=token).mend


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("Your request to access dataset x is awaiting a review from the repo authors.", "wait"),
        ("Please enable access to public gated repositories in your fine-grained token", "give"),
    ],
)
def test_what_the_hub_says_of_a_gate_decides_the_advice(hub: LoopbackHub, words: str, advice: str):
    says = Status(403, error_code="GatedRepo", headers={"X-Error-Message": words})
    hub.inject(says, when=Match(path="*/auth-check"))
    refused = refusal_of("doors/gated", token=STRANGER)
    assert words in refused.why
    assert refused.mend.startswith(advice)


def test_a_gate_is_told_even_where_the_account_cannot_be_named(
    hub: LoopbackHub, slept: list[float]
):
    hub.inject(Status(500), when=Match(path="*/whoami-v2"), times=None)
    assert "the account of the token" in refusal_of("doors/gated", token=STRANGER).mend


def test_a_gate_that_closes_before_a_file_is_fetched_is_no_passing_fault(
    hub: LoopbackHub, slept: list[float], tmp_path: Path
):
    commit = hub.publish("doors/gated", {"b.bin": CONTENT})
    client = Hub(token=STRANGER)
    [file] = client.fetch_files(RepoId.dataset("doors/gated"), commit, ["b.bin"])
    with pytest.raises(NotAuthorised, match="/datasets/doors/gated") as refused:
        client.fetch_file(RepoId.dataset("doors/gated"), commit, file, tmp_path / "b")
    assert refused.value.exit_code == 5
    assert slept == []


def test_a_token_that_lacks_a_permission_is_refused_in_the_hubs_own_words(hub: LoopbackHub):
    says = "This token has no access to that organization"
    hub.inject(Status(403, headers={"X-Error-Message": says}))
    refused = refusal_of("doors/open", token=STRANGER)
    assert refused.exit_code == 5
    assert says in refused.why


def test_a_token_that_the_hubs_words_repeat_is_not_shown(hub: LoopbackHub):
    token = "hf_" + "x" * 30
    hub.inject(Status(403, headers={"X-Error-Message": f"The token {token} has no access"}))
    assert token not in str(refusal_of("doors/open", token=STRANGER))


@pytest.mark.parametrize("token", ["hf_" + "one\ntwo", "hf_" + "one two", "hf_" + "\u00e9"])
def test_a_token_that_cannot_be_one_is_refused_before_anything_is_sent(
    hub: LoopbackHub, token: str
):
    with pytest.raises(SettingInvalid, match="HF_TOKEN") as refused:
        Hub(token=token)
    assert token not in str(refused.value)
    assert hub.requests == ()


def test_spaces_around_a_token_are_none_of_it(hub: LoopbackHub):
    assert (
        Hub(token=f" {READER}\n").fetch_repository(RepoId.dataset("doors/private"), "main").commit
    )


@pytest.mark.parametrize("endpoint", ["ftp://127.0.0.1", "huggingface.co", "127.0.0.1:1"])
def test_an_address_that_cannot_be_a_hubs_is_refused(endpoint: str):
    with pytest.raises(SettingInvalid, match="HF_ENDPOINT"):
        Hub(endpoint=endpoint)


def test_a_disabled_dataset_is_named(hub: LoopbackHub):
    hub.publish("doors/disabled", {"a": b"1"})
    hub.restrict("doors/disabled", disabled=True)
    refused = refusal_of("doors/disabled")
    assert "disabled" in refused.what
    assert refused.exit_code == 4


@pytest.mark.parametrize("status", [400, 410, 418, 451])
def test_a_refusal_without_a_name_is_the_requests_and_not_waited_for(
    hub: LoopbackHub, slept: list[float], status: int
):
    hub.inject(Status(status), times=None)
    refused = refusal_of("doors/open")
    assert refused.exit_code == 4
    assert str(status) in refused.why
    assert slept == []


def test_a_dataset_that_was_renamed_is_found_and_its_new_name_is_told(
    hub: LoopbackHub, client: Hub
):
    commit = hub.publish("doors/old", {"a": b"1"})
    assert client.fetch_repository(RepoId.dataset("doors/old"), "main").new_id is None
    hub.rename("doors/old", "doors/new")
    repository = client.fetch_repository(RepoId.dataset("doors/old"), "main")
    assert (repository.commit, repository.new_id) == (commit, "doors/new")


@pytest.mark.parametrize(("token", "is_advised"), [(None, True), (STRANGER, False)])
def test_a_rate_limit_that_lasts_is_named_with_its_time_and_what_lifts_it(
    hub: LoopbackHub, slept: list[float], token: str | None, is_advised: bool
):
    hub.inject(Status(429, rate_limit_s=240), times=None)
    refused = refusal_of("doors/open", token=token)
    assert refused.exit_code == 7
    assert "240 s" in refused.why
    assert ("HF_TOKEN" in refused.mend) is is_advised
    assert slept == []


def test_a_rate_limit_with_calls_left_is_not_what_a_429_waits_for(
    hub: LoopbackHub, client: Hub, slept: list[float]
):
    left = {"RateLimit": '"api";r=12;t=300', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
    hub.inject(Status(429, headers=left))
    client.fetch_repository(RepoId.dataset("doors/open"), "main")
    assert slept == [0.5]


@pytest.mark.parametrize("hf_id", ["doors/private", "doors/gated"])
def test_whoever_is_let_in_learns_the_commit(hub: LoopbackHub, hf_id: str):
    repository = Hub(token=READER).fetch_repository(RepoId.dataset(hf_id), "main")
    assert len(repository.commit) == 40
    assert repository.is_gated is (hf_id == "doors/gated")


@pytest.mark.parametrize("revision", ["nope", "refs/pr/7", "f" * 40])
def test_a_revision_that_is_not_there_is_named(client: Hub, revision: str):
    with pytest.raises(RequestInvalid, match="no such revision") as refused:
        client.fetch_repository(RepoId.dataset("doors/open"), revision)
    assert revision in refused.value.what


def test_a_revision_that_is_not_there_is_answered_with_those_that_are(
    hub: LoopbackHub, client: Hub
):
    hub.publish("doors/revisions", {"a": b"1"})
    hub.publish("doors/revisions", {"a": b"2"}, branch="refs/convert/parquet")
    hub.tag("doors/revisions", "v1.0")
    hub.tag("doors/revisions", "v2.0")
    with pytest.raises(RequestInvalid) as refused:
        client.fetch_repository(RepoId.dataset("doors/revisions"), "v1")
    assert "'v1.0', 'v2.0'" in refused.value.why
    assert "'refs/convert/parquet'" in refused.value.why
    assert refused.value.mend == 'set revision: "v1.0"'


def test_a_commit_that_is_not_there_is_called_a_commit(client: Hub):
    with pytest.raises(RequestInvalid, match="no commit of that hash"):
        client.fetch_repository(RepoId.dataset("doors/open"), "f" * 40)


def test_a_revision_that_is_not_there_is_named_also_where_the_others_cannot_be_listed(
    hub: LoopbackHub, client: Hub, slept: list[float]
):
    hub.inject(Status(500), when=Match(path="*/refs"), times=None)
    with pytest.raises(RequestInvalid, match="no such revision"):
        client.fetch_repository(RepoId.dataset("doors/open"), "nope")


def test_branches_tags_refs_and_commits_are_resolved(hub: LoopbackHub, client: Hub):
    commit = hub.publish("doors/refs", {"a": b"1"})
    hub.tag("doors/refs", "v1")
    converted = hub.publish("doors/refs", {"b": b"2"}, branch="refs/convert/parquet")
    later = hub.publish("doors/refs", {"a": b"3"})
    found = [
        client.fetch_repository(RepoId.dataset("doors/refs"), revision).commit
        for revision in ("main", "v1", commit, "refs/convert/parquet")
    ]
    assert found == [later, commit, commit, converted]


def test_the_licence_is_the_cards_word(client: Hub):
    assert client.fetch_repository(RepoId.dataset("doors/open"), "main").licence == "mit"
    assert (
        Hub(token=READER).fetch_repository(RepoId.dataset("doors/private"), "main").licence is None
    )


@pytest.mark.parametrize(
    "fault", [Status(500), Status(429, retry_after_s=1), Reset(), Truncate(0), Page()], ids=repr
)
def test_one_passing_fault_is_not_noticed(
    client: Hub, hub: LoopbackHub, slept: list[float], fault: Fault
):
    hub.inject(fault)
    assert client.fetch_repository(RepoId.dataset("doors/open"), "main").licence == "mit"


def test_a_proxy_that_answers_with_its_own_page_is_named_as_no_hub(
    client: Hub, hub: LoopbackHub, slept: list[float]
):
    hub.inject(Page(), times=None)
    with pytest.raises(HubUnavailable, match="HF_ENDPOINT"):
        client.fetch_repository(RepoId.dataset("doors/open"), "main")


def test_a_hub_that_nobody_answers_for_is_named(slept: list[float]):
    with pytest.raises(HubUnavailable, match="cannot be reached") as failed:
        Hub(endpoint="http://127.0.0.1:9").fetch_repository(RepoId.dataset("doors/open"), "main")
    assert failed.value.exit_code == 7


def test_offline_mode_is_named_and_not_waited_for(
    client: Hub, slept: list[float], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HubUnavailable, match="HF_HUB_OFFLINE"):
        client.fetch_repository(RepoId.dataset("doors/open"), "main")
    assert slept == []


def test_files_come_with_size_and_hash_in_the_order_asked_for(hub: LoopbackHub, client: Hub):
    names = [f"{number:03d}.bin" for number in range(450)]
    commit = hub.publish("doors/many", {name: name.encode() for name in names})
    wanted = names[::-1]
    files = client.fetch_files(RepoId.dataset("doors/many"), commit, wanted)
    assert [file.path for file in files] == wanted
    assert {file.size_bytes for file in files} == {7}


def test_a_file_that_the_commit_does_not_hold_is_named(hub: LoopbackHub, client: Hub):
    commit = hub.publish("doors/one", {"data/a": b"1"})
    for path in ("b", "data"):
        with pytest.raises(RequestInvalid, match=f"'{path}' is not in the repository"):
            client.fetch_files(RepoId.dataset("doors/one"), commit, ["data/a", path])


def test_paths_that_are_no_files_are_absent_from_what_is_found(hub: LoopbackHub, client: Hub):
    names = [f"data/{number:03d}.bin" for number in range(250)]
    commit = hub.publish("doors/found", dict.fromkeys(names[::2], b"1"))
    hub.clear_requests()
    found = client.find_files(
        RepoId.dataset("doors/found"), commit, [*names, "data", "none", "../x", ""]
    )
    assert list(found) == names[::2]
    assert all(file.path == path for path, file in found.items())
    assert len(hub.requests) == 2
    assert client.find_files(RepoId.dataset("doors/found"), commit, []) == {}


def test_folders_and_what_is_in_them_are_listed_over_all_pages(hub: LoopbackHub, client: Hub):
    names = [f"b c/train/{number:04d}.bin" for number in range(1005)]
    commit = hub.publish("doors/listed", {**dict.fromkeys(names, b"1"), "a/x": b"2", "top": b"3"})
    assert client.list_folders(RepoId.dataset("doors/listed"), commit) == ["a", "b c"]
    assert [
        file.path for file in client.list_files(RepoId.dataset("doors/listed"), commit, "b c")
    ] == names


def test_a_file_is_read_in_places_and_its_end_only_once(hub: LoopbackHub, client: Hub):
    commit = hub.publish("doors/ranges", {"a.bin": CONTENT})
    [file] = client.fetch_files(RepoId.dataset("doors/ranges"), commit, ["a.bin"])
    hub.clear_requests()
    remote = client.open_file(RepoId.dataset("doors/ranges"), commit, file)
    for start, size in ((-8, 8), (-1000, 900), (10, 20), (0, 1)):
        remote.seek(start, 2 if start < 0 else 0)
        assert remote.read(size) == CONTENT[start:][:size]
    sent = [request for request in hub.requests if request.port == "storage"]
    assert [request.body_bytes for request in sent] == [TAIL_BYTES, 20, 1]
    remote.seek(5, 2)
    assert remote.read() == b""


@pytest.mark.parametrize(
    "fault",
    [
        LinkExpires(),
        Status(500),
        Truncate(100),
        IgnoreRange(),
        WrongRange(-7),
        WrongRange(7),
    ],
    ids=repr,
)
def test_reading_in_places_survives_a_passing_fault(
    hub: LoopbackHub, client: Hub, slept: list[float], fault: Fault
):
    commit = hub.publish("doors/faulty", {"a.bin": CONTENT})
    [file] = client.fetch_files(RepoId.dataset("doors/faulty"), commit, ["a.bin"])
    hub.inject(fault, when=Match(port="storage"))
    remote = client.open_file(RepoId.dataset("doors/faulty"), commit, file)
    remote.seek(300)
    assert remote.read(500) == CONTENT[300:800]


def test_another_part_of_the_file_than_the_one_asked_for_is_never_taken_for_it(
    hub: LoopbackHub, client: Hub, slept: list[float]
):
    commit = hub.publish("doors/shifted", {"a.bin": CONTENT})
    [file] = client.fetch_files(RepoId.dataset("doors/shifted"), commit, ["a.bin"])
    wrong = hub.inject(WrongRange(-7), when=Match(port="storage"), times=None)
    remote = client.open_file(RepoId.dataset("doors/shifted"), commit, file)
    for start, asked in ((300, "300-307"), (len(CONTENT) - 8, "190464-255999")):
        remote.seek(start)
        with pytest.raises(HubUnavailable, match=f"where bytes {asked} were asked"):
            remote.read(8)
    assert wrong.struck > 2


def test_a_second_client_does_not_cut_the_connections_of_the_first(hub: LoopbackHub, client: Hub):
    from huggingface_hub.utils import get_session

    session = get_session()
    Hub()
    assert get_session() is session
    assert not session.is_closed


def test_an_answer_that_makes_no_sense_is_a_hub_that_cannot_answer(
    hub: LoopbackHub, client: Hub, slept: list[float]
):
    hub.inject(Odd(), times=None)
    with pytest.raises(HubUnavailable, match="doors/open@main") as failed:
        client.fetch_repository(RepoId.dataset("doors/open"), "main")
    assert "makes no sense" in failed.value.why
    hub.clear_faults()
    hub.inject(Odd())
    assert client.fetch_repository(RepoId.dataset("doors/open"), "main").repo == RepoId.dataset(
        "doors/open"
    )


class Odd:
    """JSON that is none of the Hub's."""

    def strike(self, met: Encounter) -> Response:
        return replace(met.answer, body=b'[{"lastModified": "yesterday"}]')
