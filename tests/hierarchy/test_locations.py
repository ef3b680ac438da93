"""Locations: what may be fetched, from whom, and who is told which token."""

import re
import socket
from pathlib import Path

import pytest

from hugflow.hierarchy import ConfigError, UnsafeArchiveError, UnsafeLocationError, lock_project
from hugflow.hierarchy.access import Access, read_access
from hugflow.hierarchy.errors import ParentUnavailable
from hugflow.hierarchy.hosts import check_host, refuse_address
from hugflow.hierarchy.location import Declarer, is_branch_archive, parse_location, with_ref
from tests.hierarchy.worlds import Server, at, commit_all, git, served, write_repository, zip_folder

LEAF = {"sources": {}}
COMMIT = "a" * 40


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(tmp_path / "cache")


@pytest.mark.parametrize(
    "location",
    [
        "../elsewhere",
        "/etc",
        "~/secrets",
        "file:///etc",
        "FILE:///etc",
        "git+file:///srv/repository@main",
        "./parent.zip",
    ],
)
def test_a_remote_parent_may_not_name_what_is_on_this_machine(
    tmp_path: Path, server: Server, location: str
):
    parent = write_repository(tmp_path / "parent", at(LEAF, g=location))
    zip_folder(parent, tmp_path / "www" / "parent.zip")
    policy = {"policy": {"parent_hosts": [server.host]}}
    child = write_repository(
        tmp_path / "child", {**at(LEAF, p=f"{server.url}/parent.zip"), **policy}
    )
    with pytest.raises(UnsafeLocationError, match=r"p: hugflow\.json:\d+: parents\.g\.location"):
        lock_project(child)
    assert not (child / "hugflow.lock").exists()


@pytest.mark.parametrize("path", ["/grandparent.zip", "/elsewhere.zip"])
def test_a_private_host_is_refused_unless_the_root_allows_it(
    tmp_path: Path, server: Server, path: str
):
    zip_folder(write_repository(tmp_path / "g", LEAF), tmp_path / "www" / "grandparent.zip")
    server.redirects["/elsewhere.zip"] = f"{server.url}/grandparent.zip"
    config = at(LEAF, g=f"{server.url}{path}")
    child = write_repository(tmp_path / "child", config)
    with pytest.raises(UnsafeLocationError, match=f"g: .*{server.host} is a loopback, private"):
        lock_project(child)
    assert server.asked == []
    # A parent cannot allow it for the root.
    allowed = {**config, "policy": {"parent_hosts": [server.host]}}
    parent = write_repository(tmp_path / "parent", allowed)
    other = write_repository(tmp_path / "other", at(LEAF, p=str(parent)))
    with pytest.raises(UnsafeLocationError, match="p/g: "):
        lock_project(other)
    assert lock_project(write_repository(tmp_path / "child", allowed))["nodes"]["g"]["sha256"]


def test_a_redirect_to_a_private_host_is_refused(tmp_path: Path, server: Server):
    for target in ("http://169.254.169.254/latest", "http://[::1]:1/x", "http://10.0.0.1/x"):
        server.redirects["/x.zip"] = target
        config = {
            **at(LEAF, g=f"{server.url}/x.zip"),
            "policy": {"parent_hosts": [server.host]},
        }
        with pytest.raises(UnsafeLocationError, match="is a loopback, private or link-local host"):
            lock_project(write_repository(tmp_path / "child", config))
    server.redirects["/x.zip"] = "file:///etc/passwd"
    with pytest.raises(UnsafeLocationError, match="redirects to file"):
        lock_project(tmp_path / "child")
    server.redirects["/x.zip"] = "/x.zip"
    with pytest.raises(UnsafeLocationError, match="redirects more than"):
        lock_project(tmp_path / "child")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.1", "::1",
     "fe80::1", "fc00::1", "::ffff:127.0.0.1", "224.0.0.1", "100.64.0.1", "2002:7f00:1::"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str):
    with pytest.raises(UnsafeLocationError):
        refuse_address(address, "host:443")


def test_public_addresses_are_not_refused():
    for address in ("140.82.121.4", "2606:50c0:8000::153"):
        refuse_address(address, "host:443")


def test_every_address_of_a_name_is_looked_at(access: Access, monkeypatch: pytest.MonkeyPatch):
    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (address, 443)) for address in ("140.82.121.4", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(UnsafeLocationError):
        check_host("https://two-faced.example/x.zip", access)


def test_a_name_that_means_another_address_a_moment_later_is_refused(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
):
    zip_folder(write_repository(tmp_path / "g", LEAF), tmp_path / "www" / "g.zip")
    monkeypatch.setattr("hugflow.hierarchy.url_source.check_host", lambda *_: ["140.82.121.4"])
    child = write_repository(tmp_path / "child", at(LEAF, g=f"{server.url}/g.zip"))
    with pytest.raises(UnsafeLocationError, match="loopback, private"):
        lock_project(child)


def test_git_connects_to_the_addresses_that_were_checked(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
):
    parent = write_repository(tmp_path / "p", LEAF)
    commit_all(parent)
    git(tmp_path, "clone", "--quiet", "--bare", str(parent), str(tmp_path / "www" / "p.git"))
    git(tmp_path / "www" / "p.git", "update-server-info")
    url = f"http://parents.example:{server.server_port}/p.git"
    monkeypatch.setattr(
        "hugflow.hierarchy.git_source.check_host", lambda *_: ["127.0.0.2", "127.0.0.1"]
    )
    child = write_repository(tmp_path / "child", at(LEAF, p=f"git+{url}@main"))
    assert lock_project(child)["nodes"]["p"]["rev"] == git(parent, "rev-parse", "HEAD")


def test_the_token_of_github_goes_to_github_only(tmp_path: Path):
    access = read_access({"GITHUB_TOKEN": "ghp_secret", "HUGFLOW_CACHE_DIR": str(tmp_path)})
    assert access.token_for("https://github.com/org/repo.git") == "ghp_secret"
    for url in (
        "https://github.com.evil.example/x",
        "http://github.com/x",
        "https://evil.example/",
    ):
        assert access.token_for(url) is None


def test_a_redirect_does_not_take_the_token_along(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GITHUB_SERVER_URL", server.url)
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_secret_of_the_user")
    zip_folder(write_repository(tmp_path / "g", LEAF), tmp_path / "www2" / "g.zip")
    with served(tmp_path / "www2") as other:
        server.redirects["/g.zip"] = f"{other.url}/g.zip"
        config = {**at(LEAF, g=f"{server.url}/g.zip"), "policy": {"parent_hosts": [other.host]}}
        lock_project(write_repository(tmp_path / "child", config))
        [(_, first)], [(_, second)] = server.asked, other.asked
    assert "ghp_secret" in first["Authorization"]
    assert "Authorization" not in second


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "https://github.com/org/repo.git"),
        ({"GITHUB_SERVER_URL": "https://git.example/"}, "https://git.example/org/repo.git"),
        ({"GITHUB_API_URL": "https://ghe.example/api/v3"}, "https://ghe.example/org/repo.git"),
        ({"GITHUB_API_URL": "https://api.github.com"}, "https://github.com/org/repo.git"),
    ],
)
def test_github_is_where_the_environment_says(environ: dict[str, str], url: str):
    location = parse_location("github:org/repo@refs/tags/1", Declarer(Path()), read_access(environ))
    assert (location.kind, location.url, location.ref) == ("git", url, "refs/tags/1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://user:secret@example.org/x.zip", "user or a password"),
        ("git+https://token@example.org/x.git", "user or a password"),
        ("git+ssh://git:secret@example.org/x.git", "user or a password"),
        ("git+ext::sh -c evil", "space|git takes"),
        ("git+ssh://-oProxyCommand=evil/x", "no host"),
        ("git+https://example.org/x.git@--upload-pack=evil", "no such ref"),
        ("git+https://example.org/x.git@a..b", "no such ref"),
        ("ftp://example.org/x.zip", "no kind of location"),
        ("github:org", "github:org/repo@ref"),
        ("hf://models/org/name", "hf://datasets"),
        ("hf://datasets/org/name@main/../x", "inside the repository"),
        ("https://example.org/a b.zip", "space"),
    ],
)
def test_a_location_that_is_none_is_named(access: Access, text: str, said: str):
    with pytest.raises(ConfigError) as told:
        parse_location(text, Declarer(Path()), access)
    assert re.search(said, str(told.value))
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("git+ssh://git@example.org/x.git@main", "git+ssh://git@example.org/x.git@new"),
        ("git+ssh://git@example.org/x.git", "git+ssh://git@example.org/x.git@new"),
        ("github:org/repo@refs/heads/a", "github:org/repo@new"),
        ("github:org/repo", "github:org/repo@new"),
        ("hf://datasets/org/name@v1/sub/dir", "hf://datasets/org/name@new/sub/dir"),
        (
            "https://github.com/o/r/archive/refs/heads/main.zip",
            "https://github.com/o/r/archive/new.zip",
        ),
        ("../folder", None),
    ],
)
def test_a_location_takes_another_ref(text: str, after: str | None):
    assert with_ref(text, "new") == after


def test_only_an_archive_of_a_tag_or_commit_stays_as_it_is():
    start = "https://github.com/org/repo/archive"
    assert is_branch_archive(f"{start}/refs/heads/main.zip")
    assert is_branch_archive(f"{start}/main.zip")
    assert not is_branch_archive(f"{start}/refs/tags/1.0.0.zip")
    assert not is_branch_archive(f"{start}/{COMMIT}.zip")
    assert not is_branch_archive("https://example.org/parent-1.0.0.zip")


def test_a_folder_that_is_not_there_and_a_host_that_is_not_there_are_named(
    tmp_path: Path, access: Access
):
    with pytest.raises(ConfigError, match=r"p: \.\./nowhere is no folder") as told:
        lock_project(write_repository(tmp_path / "a", at(LEAF, p="../nowhere")))
    assert (told.value.trail, told.value.file) == (("p",), "hugflow.json")
    assert "parents.p.location in hugflow.json:" in told.value.why
    with pytest.raises(ParentUnavailable, match=r"nowhere\.invalid has no address"):
        check_host("https://nowhere.invalid/x.zip", access)


def test_links_and_submodules_in_the_data_of_a_git_repository_are_refused(tmp_path: Path):
    parent = write_repository(tmp_path / "p", {"sources": {"s": {"format": "json"}}})
    (parent / "elsewhere").symlink_to("/etc/passwd")
    commit_all(parent)
    child = write_repository(tmp_path / "c", at(LEAF, p=f"git+file://{parent}@main"))
    lock_project(child)
    (parent / "input" / "s").mkdir(exist_ok=True, parents=True)
    (parent / "input" / "s" / "x.json").symlink_to("/etc/passwd")
    commit_all(parent)
    (child / "hugflow.lock").unlink()
    with pytest.raises(ConfigError, match=r"input/s/x\.json' is a link or a submodule"):
        lock_project(child)
    assert git(parent, "status", "--short") == ""


def test_an_archive_that_is_too_large_is_not_fetched_to_its_end(
    tmp_path: Path, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "www" / "large.zip").write_bytes(bytes(300_000))
    monkeypatch.setattr("hugflow.hierarchy.url_source.MOST_BYTES", 100_000)
    config = {**at(LEAF, g=f"{server.url}/large.zip"), "policy": {"parent_hosts": [server.host]}}
    with pytest.raises(UnsafeArchiveError, match=r"g: .*too large"):
        lock_project(write_repository(tmp_path / "child", config))
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_host_without_a_port_in_the_policy_is_named(tmp_path: Path):
    config = {**LEAF, "policy": {"parent_hosts": ["git.example.org"]}}
    with pytest.raises(ConfigError, match=r"policy\.parent_hosts: .*is no host with a port"):
        lock_project(write_repository(tmp_path / "child", config))
