"""The real `huggingface_hub` uploads to the loopback Hub."""

from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from hugflow.testing.faults import Status
from hugflow.testing.hub import LoopbackHub

# The library gives a large file to httpx2 in a way that httpx2 no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

WRITER = "hf_test_writer"
READER = "hf_test_reader"
LARGE = bytes(range(256)) * 100


@pytest.fixture
def writer(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> HfApi:
    """A client of the user `alice`, who may upload."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    hub.add_token(WRITER, "alice", writes=True)
    return HfApi(endpoint=hub.endpoint, token=WRITER)


def add(path: str, content: bytes) -> CommitOperationAdd:
    return CommitOperationAdd(path, content)


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_a_repository_is_created_and_committed_to(hub: LoopbackHub, writer: HfApi, kind: str):
    url = writer.create_repo("alice/tools", repo_type=kind)
    assert url.repo_id == "alice/tools"
    assert writer.create_repo("alice/tools", repo_type=kind, exist_ok=True) == url
    operations = [add("README.md", b"# Hi\n"), add("deep/large.bin", LARGE), add("empty", b"")]
    done = writer.create_commit("alice/tools", operations, commit_message="first", repo_type=kind)
    info = writer.repo_info("alice/tools", repo_type=kind, files_metadata=True)
    assert info.sha == done.oid
    by_path = {each.rfilename: each for each in info.siblings or []}
    assert by_path.keys() == {"README.md", "deep/large.bin", "empty"}
    assert by_path["deep/large.bin"].lfs is not None
    assert by_path["README.md"].lfs is None


def test_large_files_come_back_as_they_were_sent(hub: LoopbackHub, writer: HfApi, tmp_path: Path):
    writer.create_repo("alice/tools", private=True)
    writer.create_commit("alice/tools", [add("a.bin", LARGE)], commit_message="first")
    file = writer.hf_hub_download("alice/tools", "a.bin", cache_dir=tmp_path)
    assert Path(file).read_bytes() == LARGE


def test_a_commit_deletes_files(hub: LoopbackHub, writer: HfApi):
    hub.publish("alice/tools", {"a": b"1", "b/c": b"2", "b/d": b"3"}, kind="models")
    operations = [CommitOperationDelete("b/", is_folder=True), add("a", b"4")]
    writer.create_commit("alice/tools", operations, commit_message="less")
    assert writer.list_repo_files("alice/tools") == ["a"]


def test_a_pull_request_begins_at_its_parent_and_leaves_main_alone(hub: LoopbackHub, writer: HfApi):
    old = hub.publish("bob/tools", {"a": b"1"}, kind="models")
    new = hub.publish("bob/tools", {"later": b"2"}, kind="models")
    options = {"commit_message": "mine", "create_pr": True, "parent_commit": old}
    done = writer.create_commit("bob/tools", [add("a", b"3")], **options)
    assert (done.pr_num, done.pr_revision) == (1, "refs/pr/1")
    assert done.pr_url == f"{hub.endpoint}/bob/tools/discussions/1"
    assert writer.list_repo_files("bob/tools", revision="refs/pr/1") == ["a"]
    assert writer.model_info("bob/tools").sha == new
    again = writer.create_commit("bob/tools", [add("a", b"4")], **options)
    assert again.pr_num == 2


def test_a_commit_on_a_branch_that_has_moved_is_refused(hub: LoopbackHub, writer: HfApi):
    old = hub.publish("alice/tools", {"a": b"1"}, kind="models")
    new = hub.publish("alice/tools", {"a": b"2"}, kind="models")
    with pytest.raises(HfHubHTTPError) as refused:
        writer.create_commit(
            "alice/tools", [add("a", b"3")], commit_message="late", parent_commit=old
        )
    assert refused.value.response.status_code == 412
    assert writer.model_info("alice/tools").sha == new


@pytest.mark.parametrize("token", [False, READER, WRITER])
def test_only_those_who_may_write_upload(hub: LoopbackHub, writer: HfApi, token: bool | str):
    hub.add_token(READER, "bob")
    head = hub.publish("bob/tools", {"a": b"1"}, kind="models")
    stranger = HfApi(endpoint=hub.endpoint, token=token)
    for upload in (
        lambda: stranger.create_repo("bob/more"),
        lambda: stranger.create_commit("bob/tools", [add("a", b"2")], commit_message="mine"),
    ):
        with pytest.raises(HfHubHTTPError) as refused:
            upload()
        assert refused.value.response.status_code in (401, 403)
    assert writer.model_info("bob/tools").sha == head
    with pytest.raises(RepositoryNotFoundError):
        writer.model_info("bob/more")


def test_a_commit_whose_answer_is_lost_changes_nothing_or_everything(
    hub: LoopbackHub, writer: HfApi
):
    head = hub.publish("alice/tools", {"a": b"1"}, kind="models")
    for with_effect in (False, True):
        with (
            hub.faults(
                Status(500), when=lambda ask: "/commit/" in ask.path, with_effect=with_effect
            ),
            pytest.raises(HfHubHTTPError),
        ):
            writer.create_commit("alice/tools", [add("a", b"2")], commit_message="two")
        assert (writer.model_info("alice/tools").sha != head) is with_effect
