"""Reading requests through git: real repositories, a real server, hostile names."""

import base64
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hugflow.clients import git as client
from hugflow.clients.git import fetch_branch_commit, fetch_request_files
from hugflow.clients.git_program import GitFailed, GitTooSlow
from hugflow.clients.remote import Remote, may_take_token, read_origin, resolve_url
from hugflow.errors import NotAuthorised, UsageWrong

ADD = "requests/add/speech.yaml"
TOKEN = "ghp_made_up_for_this_test"


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    command = ["git", *who, *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class World:
    """A bare repository, a work tree that is pushed to it, and a mirror."""

    def __init__(self, folder: Path) -> None:
        self.bare, self.work_tree = folder / "bare.git", folder / "work"
        self.mirror = folder / "state" / "mirror.git"
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        git(folder, "init", "--quiet", "--initial-branch=main", str(self.work_tree))

    def push(self, files: dict[str, str], *, amend: bool = False, branch: str = "main") -> str:
        for name, text in files.items():
            path = self.work_tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(self.work_tree, "add", "--all")
        how = ["--amend"] if amend else []
        git(self.work_tree, "commit", "--quiet", "--allow-empty", "--message", "m", *how)
        git(self.work_tree, "push", "--quiet", "--force", str(self.bare), f"HEAD:{branch}")
        return git(self.work_tree, "rev-parse", "HEAD")

    def fetch(self, *, branch: str = "main") -> client.RequestFiles:
        return fetch_request_files(Remote(str(self.bare), branch), self.mirror)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_requests_on_a_branch_are_read_at_its_last_commit(world: World):
    world.push({ADD: "one", "README.md": "not a request", "src/a.yaml": "neither"})
    commit = world.push({ADD: "two", "requests/remove/old.YML": "three"})
    files = world.fetch()
    assert files.commit == commit
    assert files.data_by_path == {ADD: b"two", "requests/remove/old.YML": b"three"}


def test_a_branch_that_was_forced_is_followed(world: World):
    world.push({ADD: "one"})
    world.fetch()
    commit = world.push({ADD: "two"}, amend=True)
    assert world.fetch().commit == commit


def test_a_main_without_requests_is_an_empty_answer(world: World):
    world.push({"README.md": "nothing"})
    assert world.fetch().data_by_path == {}


def test_another_branch_can_be_the_one_that_counts(world: World):
    world.push({ADD: "one"}, branch="release/1.0")
    assert world.fetch(branch="release/1.0").data_by_path == {ADD: b"one"}


def test_links_submodules_and_huge_files_are_told_and_not_read(world: World):
    world.push({ADD: "good", "requests/add/huge.yaml": "x" * 70_000})
    (world.work_tree / "requests/add/link.yaml").symlink_to("/etc/passwd")
    commit = git(world.work_tree, "rev-parse", "HEAD")
    info = f"160000,{commit},requests/add/module.yaml"
    git(world.work_tree, "add", "--all")
    git(world.work_tree, "update-index", "--add", "--cacheinfo", info)
    git(world.work_tree, "commit", "--quiet", "--message", "m")
    git(world.work_tree, "push", "--quiet", str(world.bare), "HEAD:main")
    files = world.fetch()
    assert files.data_by_path == {ADD: b"good"}
    what_by_path = {problem.path: problem.what for problem in files.problems}
    assert what_by_path == {
        "requests/add/huge.yaml": "is larger than 64 KiB",
        "requests/add/link.yaml": "is a link",
        "requests/add/module.yaml": "is a submodule",
    }


def test_names_of_any_bytes_survive(world: World):
    names = ["requests/add/a b.yaml", "requests/add/-rf.yaml", "requests/add/ü\n.yaml"]
    world.push(dict.fromkeys(names, "x"))
    assert set(world.fetch().data_by_path) == set(names)


def test_a_requests_that_is_no_folder_is_not_an_empty_one(world: World):
    world.push({"README.md": "x"})
    (world.work_tree / "requests").symlink_to("elsewhere")
    world.push({})
    with pytest.raises(GitFailed, match="no folder"):
        world.fetch()


def test_a_remote_that_cannot_be_read_raises_also_when_it_was_read_before(world: World):
    world.push({ADD: "one"})
    world.fetch()
    world.bare.rename(world.bare.with_name("away.git"))
    with pytest.raises(GitFailed, match="cannot be fetched"):
        world.fetch()


def test_a_missing_branch_is_named(world: World):
    world.push({ADD: "one"})
    with pytest.raises(UsageWrong, match=r"branch nope: there is no such branch"):
        world.fetch(branch="nope")


@pytest.mark.parametrize("harm", ["objects", "HEAD", "refs", "config", "all"])
def test_a_damaged_mirror_is_made_anew(world: World, harm: str):
    world.push({ADD: "one"})
    world.fetch()
    harmed = world.mirror if harm == "all" else world.mirror / harm
    subprocess.run(["rm", "-rf", str(harmed)], check=True)
    if harm == "config":
        harmed.write_text("[broken")
    assert world.fetch().data_by_path == {ADD: b"one"}


def test_hooks_and_variables_around_us_do_nothing(world: World, monkeypatch: pytest.MonkeyPatch):
    world.push({ADD: "one"})
    world.fetch()
    trap = world.mirror / "hooks" / "reference-transaction"
    trap.parent.mkdir()
    trap.write_text("#!/bin/sh\ntouch trapped\n")
    trap.chmod(0o755)
    world.push({ADD: "two"})
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    assert world.fetch().data_by_path == {ADD: b"two"}
    assert not list(world.mirror.rglob("trapped"))


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch x",
        "-u",
        "ext::sh -c id",
        "ssh://-oProxyCommand=id/x",
        "ssh://git@-oProxyCommand=id/x",
        "-oProxyCommand=id:x",
        "https://example.org/a\nb",
        "relative/path",
        "fd::3",
        "",
    ],
)
def test_what_git_would_run_or_misread_is_refused(url: str):
    with pytest.raises(UsageWrong, match="REQUESTS_REPO"):
        Remote(url)


@pytest.mark.parametrize(
    "branch", ["", "-f", "a b", "a..b", "a:b", "*", "a~1", "@{-1}", "a\nb", "a.lock", "/a"]
)
def test_names_that_no_branch_has_are_refused(branch: str):
    with pytest.raises(UsageWrong, match="REQUESTS_BRANCH"):
        Remote("/somewhere", branch)


def test_paths_are_resolved_and_urls_are_not(tmp_path: Path):
    for url in ("https://example.org/a", "git@example.org:a/b", "host:a", "file:///a"):
        assert resolve_url(url, tmp_path) == url
    assert resolve_url("../a", tmp_path) == str(tmp_path / "../a")
    assert resolve_url("/a", tmp_path) == "/a"


def test_the_origin_of_a_work_tree_is_found(world: World, tmp_path: Path):
    assert read_origin(world.work_tree) is None
    git(world.work_tree, "remote", "add", "origin", "https://example.org/a.git")
    assert read_origin(world.work_tree) == "https://example.org/a.git"


def test_a_token_goes_to_hosts_that_are_trusted_and_never_in_clear_text():
    assert may_take_token("https://github.com/a/b", is_named=False)
    assert may_take_token("https://git.example.org/a/b", is_named=True)
    assert not may_take_token("https://git.example.org/a/b", is_named=False)
    assert not may_take_token("http://git.example.org/a/b", is_named=True)
    assert not may_take_token("git@github.com:a/b", is_named=True)
    assert not may_take_token("/a/b", is_named=True)


def test_a_private_repository_is_read_with_the_token_in_a_header_and_nowhere_else(
    world: World, private_server: "PrivateServer", monkeypatch: pytest.MonkeyPatch
):
    world.push({ADD: "one"})
    commands: list[str] = []
    popen = subprocess.Popen

    def watch(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        commands.append(" ".join(command))
        return popen(command, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(subprocess, "Popen", watch)
    url = f"{private_server.url}/bare.git"
    with pytest.raises(NotAuthorised, match="not let in"):
        fetch_request_files(Remote(url), world.mirror)
    files = fetch_request_files(Remote(url, token=TOKEN), world.mirror)
    assert files.data_by_path == {ADD: b"one"}
    assert TOKEN not in " ".join(commands)
    assert not any(
        TOKEN.encode() in path.read_bytes() for path in world.mirror.rglob("*") if path.is_file()
    )


def test_a_wrong_token_says_that_we_are_not_let_in(world: World, private_server: "PrivateServer"):
    world.push({ADD: "one"})
    with pytest.raises(NotAuthorised) as refused:
        fetch_request_files(
            Remote(f"{private_server.url}/bare.git", token="ghp_wrong"), world.mirror
        )
    assert "ghp_wrong" not in str(refused.value)
    assert "GITHUB_TOKEN" in refused.value.mend


def test_the_end_of_a_branch_is_told_without_bringing_anything(
    world: World, private_server: "PrivateServer"
):
    commit = world.push({ADD: "one"})
    assert fetch_branch_commit(Remote(str(world.bare))) == commit
    assert not world.mirror.exists()
    with pytest.raises(UsageWrong, match="no such branch"):
        fetch_branch_commit(Remote(str(world.bare), "trunk"))
    url = f"{private_server.url}/bare.git"
    with pytest.raises(NotAuthorised, match="not let in"):
        fetch_branch_commit(Remote(url))
    assert fetch_branch_commit(Remote(url, token=TOKEN)) == commit


def test_a_remote_that_never_answers_is_given_up_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client, "FETCH_TIMEOUT_S", 1.0)
    with _silent_server() as url, pytest.raises(GitTooSlow, match="took longer"):
        fetch_request_files(Remote(f"{url}/a.git"), world.mirror)


class PrivateServer(ThreadingHTTPServer):
    """Git's own server behind a door that one token opens."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Backend)
        self.folder = folder

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Backend(BaseHTTPRequestHandler):
    """The CGI program `git http-backend`: https://git-scm.com/docs/git-http-backend."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        expected = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Basic {expected}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        assert isinstance(self.server, PrivateServer)
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, check=True
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def private_server(tmp_path: Path) -> Iterator[PrivateServer]:
    with PrivateServer(tmp_path) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def _silent_server() -> Iterator[str]:
    """A port that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
