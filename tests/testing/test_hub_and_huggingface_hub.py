"""The real `huggingface_hub` takes the loopback Hub for the real one."""

import hashlib
from pathlib import Path

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi, HfFileSystem
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile, RepoFolder
from huggingface_hub.utils import get_session

from hugflow.testing.faults import Status
from hugflow.testing.hub import LoopbackHub

READER = "hf_test_reader"
STRANGER = "hf_test_stranger"
SMALL = b"# hello\n"
LARGE = bytes(range(256)) * 100
FILES = {"README.md": SMALL, "data/train.bin": LARGE, "data/deep/notes.txt": b"notes"}
DATASET = {"repo_id": "acme/x", "repo_type": "dataset"}


def test_a_dataset_is_described_at_its_commit(hub: LoopbackHub, api: HfApi):
    card = b"---\nlicense: mit\nlanguage: [ms, en]\n---\n# Title\n"
    commit = hub.publish("acme/x", {**FILES, "README.md": card})
    info = api.dataset_info("acme/x")
    assert info.id == "acme/x"
    assert info.sha == commit
    assert (info.private, info.gated, info.disabled) == (False, False, False)
    assert info.card_data is not None
    assert info.card_data["language"] == ["ms", "en"]
    assert info.tags == ["language:ms", "language:en", "license:mit"]
    assert info.siblings is not None
    assert [sibling.rfilename for sibling in info.siblings] == sorted(FILES)


@pytest.mark.parametrize(
    "card", [b"", b"# No card", b"---\na: [\n---\n", b"---\n- a\n---\n", b"\xff"]
)
def test_a_dataset_without_a_readable_card_is_described_all_the_same(
    card: bytes, hub: LoopbackHub, api: HfApi
):
    commit = hub.publish("acme/x", {"README.md": card})
    assert api.dataset_info("acme/x").sha == commit


def test_a_card_may_hold_a_date(hub: LoopbackHub, api: HfApi):
    hub.publish("acme/x", {"README.md": b"---\nreleased: 2026-02-03\n---\n"})
    card = api.dataset_info("acme/x").card_data
    assert card is not None
    assert card["released"] == "2026-02-03"


def test_sizes_and_hashes_come_when_they_are_asked_for(hub: LoopbackHub, api: HfApi):
    hub.publish("acme/x", FILES)
    info = api.dataset_info("acme/x", files_metadata=True)
    by_name = {sibling.rfilename: sibling for sibling in info.siblings or []}
    assert by_name["README.md"].size == len(SMALL)
    assert by_name["README.md"].lfs is None
    lfs = by_name["data/train.bin"].lfs
    assert lfs is not None
    assert lfs.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert lfs.size == len(LARGE)


def test_models_are_repositories_too(hub: LoopbackHub, api: HfApi, tmp_path: Path):
    commit = hub.publish("acme/flow", {"flow.py": b"print()"}, kind="models")
    assert api.model_info("acme/flow").sha == commit
    file = api.hf_hub_download("acme/flow", "flow.py", cache_dir=tmp_path)
    assert Path(file).read_bytes() == b"print()"
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("acme/flow")


def test_a_models_files_are_listed_described_and_read_by_ranges(hub: LoopbackHub, api: HfApi):
    commit = hub.publish("acme/flow-files", FILES, kind="models")
    hub.tag("acme/flow-files", "v1", kind="models")
    tree = list(api.list_repo_tree("acme/flow-files", recursive=True, revision="v1"))
    assert {entry.path for entry in tree} == {*FILES, "data", "data/deep"}
    [info] = api.get_paths_info("acme/flow-files", ["data/train.bin"], revision=commit)
    assert isinstance(info, RepoFile)
    assert info.size == len(LARGE)
    refs = api.list_repo_refs("acme/flow-files")
    assert [(ref.name, ref.target_commit) for ref in refs.tags] == [("v1", commit)]
    files = HfFileSystem(endpoint=hub.endpoint, token=False, skip_instance_cache=True)
    with files.open("acme/flow-files/data/train.bin", revision=commit, block_size=256) as file:
        file.seek(1000)
        assert file.read(100) == LARGE[1000:1100]


@pytest.mark.parametrize("page_size", [1, 2, 3, 1000])
def test_a_tree_is_listed_whole_whatever_the_length_of_a_page(page_size: int):
    paths = {f"data/{folder}/{number}.txt" for folder in "abc" for number in range(4)}
    with LoopbackHub(page_size=page_size) as hub:
        hub.publish("acme/x", dict.fromkeys(paths, b"x"))
        api = HfApi(endpoint=hub.endpoint, token=False)
        entries = list(api.list_repo_tree(**DATASET, recursive=True))
        pages = len(hub.requests)
    assert {entry.path for entry in entries if isinstance(entry, RepoFile)} == paths
    folders = [entry.path for entry in entries if isinstance(entry, RepoFolder)]
    assert folders == ["data", "data/a", "data/b", "data/c"]
    assert pages == -(-16 // page_size)


def test_a_tree_tells_sizes_hashes_and_the_last_commit(hub: LoopbackHub, api: HfApi):
    first = hub.publish("acme/x", FILES, message="First")
    hub.publish("acme/x", {"README.md": b"new"}, message="Second")
    tree = list(api.list_repo_tree(**DATASET, path_in_repo="data", expand=True))
    folder, file = tree
    assert isinstance(folder, RepoFolder)
    assert isinstance(file, RepoFile)
    assert file.size == len(LARGE)
    assert file.lfs is not None
    assert file.lfs.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert file.last_commit is not None
    assert (file.last_commit.oid, file.last_commit.title) == (first, "First")


def test_paths_info_answers_for_what_exists_and_is_silent_on_the_rest(hub: LoopbackHub, api: HfApi):
    hub.publish("acme/x", FILES)
    infos = api.get_paths_info(**DATASET, paths=["data", "README.md", "nowhere"], expand=True)
    assert [info.path for info in infos] == ["data", "README.md"]


def test_refs_are_branches_tags_and_converted_ones(hub: LoopbackHub, api: HfApi):
    main = hub.publish("acme/x", FILES)
    dev = hub.publish("acme/x", {"new": b"1"}, branch="dev/next")
    parquet = hub.publish("acme/x", {"0.parquet": b"P"}, branch="refs/convert/parquet")
    hub.tag("acme/x", "v1.0", revision=main)
    refs = api.list_repo_refs(**DATASET, include_pull_requests=True)
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": main, "dev/next": dev}
    assert [(ref.name, ref.target_commit) for ref in refs.tags] == [("v1.0", main)]
    assert [(ref.ref, ref.target_commit) for ref in refs.converts] == [
        ("refs/convert/parquet", parquet)
    ]
    assert refs.pull_requests == []


@pytest.mark.parametrize("revision", ["main", "v1.0", "dev/next", "refs/convert/parquet"])
def test_every_kind_of_revision_is_resolved_listed_and_fetched(
    revision: str, hub: LoopbackHub, api: HfApi, tmp_path: Path
):
    commits = {"main": hub.publish("acme/x", {"f": b"main"})}
    hub.tag("acme/x", "v1.0")
    commits["v1.0"] = commits["main"]
    for branch in ("dev/next", "refs/convert/parquet"):
        commits[branch] = hub.publish("acme/x", {"f": branch.encode()}, branch=branch)
    resolved = api.resolve_revision(**DATASET, revision=revision, cache_dir=tmp_path)
    assert resolved.resolved == commits[revision]
    assert [entry.path for entry in api.list_repo_tree(**DATASET, revision=revision)] == ["f"]
    file = api.hf_hub_download(**DATASET, filename="f", revision=revision, cache_dir=tmp_path)
    assert Path(file).parent.name == commits[revision]


def test_commits_are_listed_youngest_first(hub: LoopbackHub, api: HfApi):
    first = hub.publish("acme/x", FILES, message="First\n\nwith a body")
    second = hub.publish("acme/x", {"a": b"1"}, message="Second")
    commits = api.list_repo_commits(**DATASET)
    assert [commit.commit_id for commit in commits] == [second, first]
    assert [(commit.title, commit.message) for commit in commits] == [
        ("Second", ""),
        ("First", "with a body"),
    ]
    assert commits[0].created_at > commits[1].created_at


def test_a_branch_moves_while_its_old_commit_can_still_be_read(
    hub: LoopbackHub, api: HfApi, tmp_path: Path
):
    old = hub.publish("acme/x", {"data.bin": LARGE})
    new = hub.publish("acme/x", {"data.bin": LARGE[::-1]})
    assert api.resolve_revision(**DATASET, cache_dir=tmp_path).resolved == new
    for commit, content in ((old, LARGE), (new, LARGE[::-1])):
        file = api.hf_hub_download(
            **DATASET, filename="data.bin", revision=commit, cache_dir=tmp_path
        )
        assert Path(file).read_bytes() == content


def test_a_file_on_disk_is_served_from_there(hub: LoopbackHub, api: HfApi, tmp_path: Path):
    (tmp_path / "big").write_bytes(LARGE * 100)
    hub.publish("acme/x", {"big.bin": tmp_path / "big"})
    file = api.hf_hub_download(**DATASET, filename="big.bin", cache_dir=tmp_path / "cache")
    assert Path(file).read_bytes() == LARGE * 100


def test_a_snapshot_downloads_and_its_checksums_hold(hub: LoopbackHub, api: HfApi, tmp_path: Path):
    commit = hub.publish("acme/x", FILES)
    folder = Path(api.snapshot_download(**DATASET, revision=commit, cache_dir=tmp_path))
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert found == set(FILES)
    checked = api.verify_repo_checksums(**DATASET, revision=commit, cache_dir=tmp_path)
    assert not checked.mismatches


def test_the_file_system_lists_reads_parts_and_opens_parquet(
    hub: LoopbackHub, file_system: HfFileSystem
):
    table = pa.table({"n": range(1000)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=100)
    commit = hub.publish("acme/x", {**FILES, "data/t.parquet": sink.getvalue().to_pybytes()})
    root = f"datasets/acme/x@{commit}"
    assert file_system.ls(f"{root}/data", detail=False) == [
        f"{root}/data/deep",
        f"{root}/data/t.parquet",
        f"{root}/data/train.bin",
    ]
    assert file_system.cat_file(f"{root}/data/train.bin", start=100, end=300) == LARGE[100:300]
    with file_system.open(f"{root}/data/t.parquet", block_size=4096) as file:
        assert pq.ParquetFile(file).read_row_group(3)["n"].to_pylist() == [*range(300, 400)]
    assert {request.status for request in hub.requests if request.range} == {302, 206}


def test_the_file_system_finds_everything_below_a_folder_page_by_page():
    with LoopbackHub(page_size=2) as hub:
        hub.publish("acme/x", {f"{a}/{b}/{c}": b"1" for a in "xy" for b in "uvw" for c in "12345"})
        file_system = HfFileSystem(endpoint=hub.endpoint, token=False, skip_instance_cache=True)
        assert len(file_system.find("datasets/acme/x")) == 30


def test_a_token_names_its_owner_and_a_wrong_one_is_refused(hub: LoopbackHub, api: HfApi):
    hub.add_token(READER, "ana")
    assert api.whoami(token=READER)["name"] == "ana"
    hub.publish("acme/x", FILES)
    with pytest.raises(HfHubHTTPError) as refused:
        api.whoami(token="hf_wrong")
    assert refused.value.response.status_code == 401
    with pytest.raises(HfHubHTTPError) as refused:
        api.dataset_info("acme/x", token="hf_wrong")
    assert refused.value.response.status_code == 401
    assert not isinstance(refused.value, RepositoryNotFoundError)
    hub.remove_token(READER)
    with pytest.raises(HfHubHTTPError):
        api.whoami(token=READER)


def test_an_unknown_repository_is_not_found_with_or_without_a_token(hub: LoopbackHub, api: HfApi):
    hub.add_token(READER, "ana")
    for token, status in ((False, 401), (READER, 404)):
        with pytest.raises(RepositoryNotFoundError) as refused:
            api.dataset_info("acme/nowhere", token=token)
        assert refused.value.response.status_code == status


def test_a_private_repository_is_there_only_for_those_who_may_read_it(
    hub: LoopbackHub, api: HfApi, tmp_path: Path
):
    hub.publish("acme/x", FILES, private=True)
    hub.add_token(READER, "ana", repos=["acme/x"])
    hub.add_token(STRANGER, "ben")
    for token in (False, STRANGER):
        with pytest.raises(RepositoryNotFoundError):
            api.dataset_info("acme/x", token=token)
        with pytest.raises(RepositoryNotFoundError):
            api.hf_hub_download(**DATASET, filename="README.md", token=token, cache_dir=tmp_path)
    assert api.dataset_info("acme/x", token=READER).private
    file = api.hf_hub_download(
        **DATASET, filename="data/train.bin", token=READER, cache_dir=tmp_path
    )
    assert Path(file).read_bytes() == LARGE


def test_a_repository_can_become_private_and_be_removed(hub: LoopbackHub, api: HfApi):
    hub.publish("acme/x", FILES)
    hub.restrict("acme/x", private=True)
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("acme/x")
    hub.publish("acme/x", {"more": b"1"})
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("acme/x")
    hub.restrict("acme/x", private=False)
    assert not api.dataset_info("acme/x").private
    hub.remove("acme/x")
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("acme/x")


def test_a_gated_repository_shows_what_it_has_but_not_its_files(
    hub: LoopbackHub, api: HfApi, tmp_path: Path
):
    hub.publish("acme/x", FILES, gated="manual")
    hub.add_token(READER, "ana", repos=["acme/x"])
    hub.add_token(STRANGER, "ben")
    assert api.dataset_info("acme/x").gated == "manual"
    assert list(api.list_repo_tree(**DATASET, recursive=True))
    for token, status in ((False, 401), (STRANGER, 403)):
        with pytest.raises(GatedRepoError) as refused:
            api.hf_hub_download(**DATASET, filename="README.md", token=token, cache_dir=tmp_path)
        assert refused.value.response.status_code == status
        with pytest.raises(GatedRepoError):
            api.auth_check(**DATASET, token=token)
    api.auth_check(**DATASET, token=READER)
    file = api.hf_hub_download(**DATASET, filename="README.md", token=READER, cache_dir=tmp_path)
    assert Path(file).read_bytes() == SMALL


def test_a_revision_or_a_file_that_is_not_there_is_told_apart(
    hub: LoopbackHub, api: HfApi, tmp_path: Path
):
    hub.publish("acme/x", FILES)
    for revision in ("nowhere", "0" * 40):
        with pytest.raises(RevisionNotFoundError):
            api.dataset_info("acme/x", revision=revision)
    with pytest.raises(RevisionNotFoundError):
        api.hf_hub_download(**DATASET, filename="f", revision="nowhere", cache_dir=tmp_path)
    with pytest.raises(RemoteEntryNotFoundError):
        api.hf_hub_download(**DATASET, filename="nowhere", cache_dir=tmp_path)
    with pytest.raises(RemoteEntryNotFoundError):
        list(api.list_repo_tree(**DATASET, path_in_repo="nowhere"))


def test_the_storage_never_sees_a_token(hub: LoopbackHub, tmp_path: Path):
    hub.publish("acme/x", FILES, private=True)
    hub.add_token(READER, "ana", repos=["acme/x"])
    api = HfApi(endpoint=hub.endpoint, token=READER)
    api.hf_hub_download(**DATASET, filename="data/train.bin", cache_dir=tmp_path)
    file_system = HfFileSystem(endpoint=hub.endpoint, token=READER, skip_instance_cache=True)
    assert file_system.cat_file("datasets/acme/x/data/train.bin") == LARGE
    seen = {(request.port, request.has_authorization) for request in hub.requests}
    assert seen == {("api", True), ("storage", False)}


def test_the_storage_refuses_a_token_and_a_link_that_was_not_handed_out(hub: LoopbackHub):
    hub.publish("acme/x", FILES)
    session = get_session()
    url = f"{hub.endpoint}/datasets/acme/x/resolve/main/data/train.bin"
    link = session.get(url, follow_redirects=False).headers["Location"]
    assert link.startswith(hub.storage_endpoint)
    assert hub.storage_endpoint != hub.endpoint
    assert session.get(link).content == LARGE
    assert session.get(link, headers={"Authorization": f"Bearer {READER}"}).status_code == 400
    assert session.get(link.partition("?")[0]).status_code == 403


@pytest.mark.parametrize("path", ["README.md", "data/train.bin"])
def test_parts_of_a_file_are_served_and_a_part_past_its_end_is_refused(path: str, hub: LoopbackHub):
    hub.publish("acme/x", FILES)
    content = FILES[path]
    url = f"{hub.endpoint}/datasets/acme/x/resolve/main/{path}"

    def get(range_: str):
        return get_session().get(url, headers={"Range": range_}, follow_redirects=True)

    part = get("bytes=2-4")
    assert (part.status_code, part.content) == (206, content[2:5])
    assert part.headers["Content-Range"] == f"bytes 2-4/{len(content)}"
    assert get("bytes=-3").content == content[-3:]
    past = get(f"bytes={len(content)}-")
    assert past.status_code == 416
    assert past.headers["Content-Range"] == f"bytes */{len(content)}"


def test_a_head_tells_everything_but_the_content(hub: LoopbackHub):
    commit = hub.publish("acme/x", FILES)
    url = f"{hub.endpoint}/datasets/acme/x/resolve/main"
    small = get_session().head(f"{url}/README.md")
    assert small.headers["X-Repo-Commit"] == commit
    assert small.headers["Content-Length"] == str(len(SMALL))
    assert small.headers["Accept-Ranges"] == "bytes"
    large = get_session().head(f"{url}/data/train.bin", follow_redirects=False)
    assert large.status_code == 302
    assert large.headers["X-Repo-Commit"] == commit
    assert large.headers["X-Linked-Size"] == str(len(LARGE))
    assert large.headers["X-Linked-Etag"] == f'"{hashlib.sha256(LARGE).hexdigest()}"'
    missing = get_session().head(f"{url}/nowhere")
    assert missing.status_code == 404
    assert missing.headers["X-Repo-Commit"] == commit


def test_what_the_hub_does_not_speak_is_not_found(hub: LoopbackHub):
    assert get_session().get(f"{hub.endpoint}/parquet?dataset=acme/x").status_code == 404
    assert (
        get_session().post(f"{hub.endpoint}/api/spaces/acme/x/restart", json={}).status_code == 404
    )


def test_every_request_is_logged_until_the_log_is_cleared(hub: LoopbackHub, api: HfApi):
    hub.publish("acme/x", FILES)
    api.dataset_info("acme/x", files_metadata=True)
    (request,) = hub.requests
    assert (request.method, request.path) == ("GET", "/api/datasets/acme/x")
    assert (request.query, request.status, request.port) == ("blobs=true", 200, "api")
    assert "hf_hub/" in request.user_agent
    assert not request.has_authorization
    hub.clear_requests()
    assert hub.requests == ()


def test_what_a_client_asks_for_its_own_sake_is_answered_neither_logged_nor_struck(
    hub: LoopbackHub,
):
    hub.inject(Status(500), times=None)
    answer = get_session().get(f"{hub.endpoint}/api/agent-harnesses")
    assert answer.json() == {"standardEnvVars": [], "harnesses": {}}
    assert hub.requests == ()


@pytest.mark.parametrize("revision", ["", "%20", "%0A", "%E2%82%AC", "%00"])
def test_a_revision_that_no_header_can_carry_is_refused_like_others(
    hub: LoopbackHub, revision: str
):
    hub.publish("acme/x", FILES)
    answer = httpx2.get(f"{hub.endpoint}/api/datasets/acme/x/revision/{revision}/")
    assert answer.status_code == 404
    assert answer.headers["X-Error-Code"] == "RevisionNotFound"


def test_a_header_of_your_own_is_sent_as_far_as_headers_go(hub: LoopbackHub):
    hub.inject(Status(429, headers={"Retry-After": " so\non \u20ac "}))
    assert httpx2.get(f"{hub.endpoint}/api/whoami-v2").headers["Retry-After"] == "so?on ?"
