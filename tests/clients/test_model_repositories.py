"""Flow modules are model repositories: the Hub is asked for them as for datasets."""

from pathlib import Path

import pytest

from hugflow.clients.hub import Hub
from hugflow.clients.repository import RepoId
from hugflow.errors import NotAuthorised, RequestInvalid
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.repository import Kind

LARGE = bytes(range(256)) * 400
FILES = {"flow.py": b"print()", "weights/model.bin": LARGE, "weights/small.txt": b"small"}
FLOW = RepoId.model("acme/flow")
TOKEN = "hf_test_models_stranger"


@pytest.fixture
def commit(hub: LoopbackHub) -> str:
    """A model, and a dataset of the same id with other files."""
    hub.publish("acme/flow", {"data.txt": b"rows"})
    commit = hub.publish(
        "acme/flow", {**FILES, "README.md": b"---\nlicense: mit\n---\n"}, kind="models"
    )
    hub.add_token(TOKEN, "stranger")
    return commit


def test_a_model_is_resolved_to_its_own_commit(commit: str):
    repository = Hub().fetch_repository(FLOW, "main")
    assert (repository.repo, repository.commit, repository.licence) == (FLOW, commit, "mit")
    assert Hub().fetch_commit(FLOW, "main").id == Hub().find_commit(FLOW, "main") == commit
    assert Hub().fetch_commit(RepoId.dataset("acme/flow"), "main").id != commit


def test_a_models_files_are_listed_fetched_and_read_in_places(commit: str, tmp_path: Path):
    client = Hub()
    assert client.list_folders(FLOW, commit) == ["weights"]
    listed = client.list_files(FLOW, commit, "weights")
    assert [file.path for file in listed] == ["weights/model.bin", "weights/small.txt"]
    assert client.fetch_files(FLOW, commit, [listed[0].path]) == listed[:1]
    for file in listed:
        client.fetch_file(FLOW, commit, file, tmp_path / file.path)
        assert (tmp_path / file.path).read_bytes() == FILES[file.path]
    remote = client.open_file(FLOW, commit, listed[0])
    remote.seek(1000)
    assert remote.read(300) == LARGE[1000:1300]


def test_errors_about_a_model_call_it_one_and_name_its_page(hub: LoopbackHub, commit: str):
    with pytest.raises(RequestInvalid, match=r"models/acme/none@main: no such model"):
        Hub(token=TOKEN).fetch_repository(RepoId.model("acme/none"), "main")
    with pytest.raises(RequestInvalid, match=r"models/acme/flow@nope: no such revision"):
        Hub().fetch_repository(FLOW, "nope")
    hub.publish("acme/gated", FILES, kind="models", gated=True)
    with pytest.raises(NotAuthorised) as gated:
        Hub().fetch_repository(RepoId.model("acme/gated"), "main")
    assert f"open {hub.endpoint}/acme/gated while logged in" in gated.value.mend


@pytest.mark.parametrize(
    ("kind", "repo", "page"),
    [
        ("datasets", RepoId.dataset("acme/shut"), "datasets/acme/shut"),
        ("models", RepoId.model("acme/shut"), "acme/shut"),
    ],
)
def test_the_page_of_a_gated_file_is_that_of_its_repository(
    hub: LoopbackHub, tmp_path: Path, kind: Kind, repo: RepoId, page: str
):
    commit = hub.publish("acme/shut", {"a.txt": b"a"}, kind=kind)
    [file] = Hub().fetch_files(repo, commit, ["a.txt"])
    hub.restrict("acme/shut", kind=kind, gated=True)
    with pytest.raises(NotAuthorised) as gated:
        Hub().fetch_file(repo, commit, file, tmp_path / "a.txt")
    assert f"open {hub.endpoint}/{page} while logged in" in gated.value.mend


def test_a_dataset_and_a_model_of_one_id_are_told_apart():
    assert RepoId.dataset("a/b") != RepoId.model("a/b")
    assert (str(RepoId.dataset("a/b")), str(RepoId.model("a/b"))) == ("a/b", "models/a/b")
    assert RepoId.dataset("a/b").page("https://hf.co") == "https://hf.co/datasets/a/b"
    assert RepoId.model("a/b").page("https://hf.co") == "https://hf.co/a/b"
