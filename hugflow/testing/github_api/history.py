"""The git side of a repository: pushing, what a pull request changes, and merging it.

Commits are named as git names them, so the same pushes give the same commits everywhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from hugflow.late_dataclass import dataclass
from hugflow.testing.github_api.holdings import Pull, Repo, put
from hugflow.testing.repository import Commit, HubFile, compose_commit, read_file

ChangeKind = Literal["added", "modified", "removed", "renamed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One file that a pull request changes; previous: the old path of a renamed file."""

    path: str
    kind: ChangeKind
    file: HubFile
    previous: str | None = None


def push(
    repo: Repo,
    files: Mapping[str, bytes],
    *,
    branch: str,
    message: str,
    delete: Iterable[str] = (),
    sha: str | None = None,
) -> tuple[Repo, Commit]:
    """The repository with one more commit on a branch, and that commit.

    A new branch starts at the default branch. Open pull requests of the branch follow it. A commit
    may get the name that another git repository has for it.
    """
    start = repo.branches.get(branch) or repo.branches.get(repo.default_branch)
    parent = repo.commits[start] if start else None
    kept = dict(parent.files) if parent else {}
    named = {path: read_file(content, is_large=False) for path, content in files.items()}
    gone = frozenset(delete)
    tree = {path: file for path, file in (kept | named).items() if path not in gone}
    commit = compose_commit(tree, parent=parent, message=message)
    commit = replace(commit, sha=sha or commit.sha)
    return _put_commit(repo, commit, branch), commit


def list_changes(repo: Repo, pull: Pull) -> list[Change]:
    """The files that a pull request changes, by path, since its branch left the base."""
    head = repo.commits[pull.head_sha]
    fork = find_fork(repo.commits[pull.base_sha], head)
    return compare(fork.files if fork else {}, head.files)


def compare(before: Mapping[str, HubFile], after: Mapping[str, HubFile]) -> list[Change]:
    """What happened to each file between two trees, by path.

    A deleted file and a new one with the same content are a rename. Git itself also accepts similar
    contents.
    """
    gone = {path: file for path, file in before.items() if path not in after}
    changes = []
    for path, file in sorted(after.items()):
        if path in before:
            if before[path].oid != file.oid:
                changes.append(Change(path, "modified", file))
            continue
        previous = next((old for old in sorted(gone) if gone[old].oid == file.oid), None)
        if previous is None:
            changes.append(Change(path, "added", file))
        else:
            del gone[previous]
            changes.append(Change(path, "renamed", file, previous))
    changes += [Change(path, "removed", file) for path, file in gone.items()]
    return sorted(changes, key=lambda change: change.path)


def find_fork(one: Commit, other: Commit) -> Commit | None:
    """The youngest commit that both have in their history."""
    known = {commit.sha for commit in one.history()}
    return next((commit for commit in other.history() if commit.sha in known), None)


def has_conflict(repo: Repo, pull: Pull) -> bool:
    """Whether base and pull request change a file in different ways."""
    base = repo.commits[repo.branches[pull.base]].files
    head = repo.commits[pull.head_sha]
    fork = find_fork(repo.commits[repo.branches[pull.base]], head)
    common: Mapping[str, HubFile] = fork.files if fork else {}
    return any(
        _oid(base, path) not in {_oid(common, path), _oid(head.files, path)}
        for change in compare(common, head.files)
        for path in (change.path, change.previous)
        if path is not None
    )


def merge(repo: Repo, pull: Pull, *, by: str, message: str, now: datetime) -> tuple[Repo, Commit]:
    """The repository with the pull request merged, and the merge's commit.

    The commit's only parent is the base, as in a squash.
    """
    base = repo.commits[repo.branches[pull.base]]
    tree = dict(base.files)
    for change in list_changes(repo, pull):
        if change.kind == "removed":
            tree.pop(change.path, None)
            continue
        tree[change.path] = change.file
        if change.previous is not None:
            tree.pop(change.previous, None)
    commit = compose_commit(tree, parent=base, message=message)
    merged = replace(
        pull, closed_at=now, merged_at=now, updated_at=now, merged_by=by, merge_sha=commit.sha
    )
    repo = _put_commit(repo, commit, pull.base)
    return replace(repo, pulls=put(repo.pulls, pull.number, merged)), commit


def _put_commit(repo: Repo, commit: Commit, branch: str) -> Repo:
    pulls = {
        number: replace(pull, head_sha=commit.sha) if _follows(pull, branch) else pull
        for number, pull in repo.pulls.items()
    }
    return replace(
        repo,
        commits=put(repo.commits, commit.sha, commit),
        branches=put(repo.branches, branch, commit.sha),
        pulls=pulls,
    )


def _follows(pull: Pull, branch: str) -> bool:
    return pull.is_open and pull.head == branch


def _oid(files: Mapping[str, HubFile], path: str) -> str | None:
    file = files.get(path)
    return file.oid if file else None
