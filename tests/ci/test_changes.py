"""What a pull request changes, out of git's objects and out of GitHub's API: the same answer."""

import os
import subprocess
from pathlib import Path

import pytest

from hugflow.ci.changes import Changes, fetch_changes, find_changes, read_changes
from hugflow.ci.event import PullEvent
from hugflow.clients.github import GitHub
from hugflow.clients.services import ServiceUnavailable
from hugflow.errors import PlanOutOfDate, UsageWrong
from hugflow.testing.faults import Match, Status
from hugflow.testing.github import LoopbackGitHub
from tests.testing.githubs import REPO, TOKEN

ADD = b'hf_id: "a/b"\ndescription: "c"\n'


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Bob", "-c", "user.email=bob@example.org")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def commit(folder: Path, files: dict[str, bytes | None]) -> str:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "change")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository whose main has two requests."""
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, {"requests/add/old.yaml": ADD, "requests/add/gone.yaml": ADD, "a.txt": b"a"})
    git(folder, "switch", "--quiet", "--create", "branch")
    return folder


def test_only_what_the_branch_changed_counts_whatever_main_did_meanwhile(clone: Path):
    commit(
        clone,
        {
            "requests/add/new.yaml": ADD,
            "requests/add/old.yaml": ADD + b'owner: "x"\n',
            "requests/add/gone.yaml": None,
            "hugflow.yaml": b"settings: {}\n",
        },
    )
    git(clone, "switch", "--quiet", "main")
    commit(clone, {"requests/add/meanwhile.yaml": ADD})
    changes = read_changes(clone, "main", "branch")
    assert set(changes.data_by_path) == {"requests/add/new.yaml", "requests/add/old.yaml"}
    assert changes.deleted == {"requests/add/gone.yaml"}
    assert changes.others == {"hugflow.yaml"}
    assert changes.commit == git(clone, "rev-parse", "branch")


def test_a_link_and_a_file_too_large_are_problems_and_are_not_followed(clone: Path):
    (clone / "requests/add/link.yaml").symlink_to("/etc/passwd")
    commit(clone, {"requests/add/large.yaml": b"#" * 10_000_000})
    changes = read_changes(clone, "main", "branch")
    assert not changes.data_by_path
    assert {problem.path for problem in changes.problems} == {
        "requests/add/link.yaml",
        "requests/add/large.yaml",
    }


@pytest.mark.parametrize("name", ["nothing", "--output=x", "", "HEAD:requests"])
def test_a_name_that_is_no_commit_is_refused_and_is_no_option(clone: Path, name: str):
    with pytest.raises(UsageWrong, match="is no commit here"):
        read_changes(clone, "main", name)
    assert not (clone / "x").exists()


def test_two_branches_that_have_nothing_in_common_are_refused(clone: Path):
    git(clone, "switch", "--quiet", "--orphan", "orphan")
    commit(clone, {"requests/add/a.yaml": ADD})
    with pytest.raises(UsageWrong, match="no common beginning"):
        read_changes(clone, "main", "orphan")


def test_no_program_that_a_repository_names_is_run(clone: Path, tmp_path: Path):
    ran = tmp_path / "ran"
    git(clone, "config", "diff.evil.textconv", f"touch {ran}; cat")
    git(clone, "config", "diff.external", f"touch {ran}")
    git(clone, "config", "filter.evil.smudge", f"touch {ran}")
    commit(clone, {".gitattributes": b"* diff=evil filter=evil\n", "requests/add/new.yaml": ADD})
    ran.unlink(missing_ok=True)
    assert set(read_changes(clone, "main", "branch").data_by_path) == {"requests/add/new.yaml"}
    assert not ran.exists()


@pytest.fixture
def event(github: LoopbackGitHub) -> PullEvent:
    """A pull request on GitHub that changes all sorts of files."""
    github.add_token(TOKEN, "ana")
    github.push(REPO, {"requests/add/old.yaml": ADD, "requests/add/gone.yaml": ADD, "a.txt": b"a"})
    files = {"requests/add/new.yaml": ADD, "requests/add/old.yaml": b"hf_id: 1\n", "a.txt": b"b"}
    github.push(REPO, files, branch="branch", delete=["requests/add/gone.yaml"])
    github.open_pull(REPO, "branch", title="Change", author="bob")
    pull = github.pull(REPO, 1)
    return PullEvent(REPO, 1, pull.head_sha, "0" * 40, "main", is_fork=False)


def ask(github: LoopbackGitHub, event: PullEvent) -> Changes:
    with GitHub(github.api_url, TOKEN, patience_s=5) as client:
        return fetch_changes(client, event)


def test_the_api_tells_the_same(github: LoopbackGitHub, event: PullEvent):
    changes = ask(github, event)
    assert changes.data_by_path == {
        "requests/add/new.yaml": ADD,
        "requests/add/old.yaml": b"hf_id: 1\n",
    }
    assert (changes.deleted, changes.others) == ({"requests/add/gone.yaml"}, {"a.txt"})
    assert not changes.problems


def test_git_is_asked_only_where_github_cannot_be(
    github: LoopbackGitHub, event: PullEvent, clone: Path
):
    head = commit(clone, {"requests/add/here.yaml": ADD})
    here = PullEvent(REPO, 1, head, git(clone, "rev-parse", "main"), "main", is_fork=False)
    with GitHub(github.api_url, TOKEN) as client:
        assert "requests/add/new.yaml" in find_changes(clone, client, event).data_by_path
        github.refuse()
        assert set(find_changes(clone, client, here).data_by_path) == {"requests/add/here.yaml"}
        with pytest.raises(ServiceUnavailable):
            find_changes(clone, client, event)


def test_what_was_pushed_since_is_not_mixed_with_what_the_event_names(
    github: LoopbackGitHub, event: PullEvent
):
    github.push(REPO, {"requests/add/later.yaml": ADD}, branch="branch")
    with pytest.raises(PlanOutOfDate, match="any more"):
        ask(github, event)


def test_a_file_that_github_refuses_is_a_problem_of_that_file_alone(
    github: LoopbackGitHub, event: PullEvent
):
    refused = Match(path="*contents/requests/add/old.yaml")
    github.inject(Status(403), when=refused)
    changes = ask(github, event)
    assert set(changes.data_by_path) == {"requests/add/new.yaml"}
    (problem,) = changes.problems
    assert problem.path == "requests/add/old.yaml"


def test_more_requests_than_anybody_reviews_are_one_problem(clone: Path):
    commit(clone, {f"requests/add/{number}.yaml": ADD for number in range(501)})
    (problem,) = read_changes(clone, "main", "branch").problems
    assert "501 request files" in problem.what


def test_requests_that_are_deleted_are_not_counted(clone: Path):
    files = {f"requests/add/{number}.yaml": ADD for number in range(501)}
    commit(clone, files)
    git(clone, "branch", "--quiet", "--force", "before")
    git(clone, "rm", "--quiet", *files)
    git(clone, "commit", "--quiet", "--message", "none")
    changes = read_changes(clone, "before", "HEAD")
    assert (len(changes.deleted), changes.problems) == (501, ())


def test_what_github_may_not_list_in_full_is_refused(
    github: LoopbackGitHub, event: PullEvent, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow.clients.pulls.MOST_FILES", 3)
    changes = ask(github, event)
    (problem,) = changes.problems
    assert "or more" in problem.what
    assert changes.may_change("hugflow.yaml")
