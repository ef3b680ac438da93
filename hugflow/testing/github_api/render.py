"""The shapes of GitHub's REST API.

https://docs.github.com/rest names the fields. Here are the fields with a meaning in a stand-in, and
those without which PyGithub would ask again. Every address is served.
"""

import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from hugflow.testing.github_api.history import Change, has_conflict, list_changes
from hugflow.testing.github_api.holdings import (
    CheckRun,
    Comment,
    CommitStatus,
    Holder,
    Pull,
    Repo,
)
from hugflow.testing.repository import Commit


def render_user(api_url: str, login: str) -> dict[str, Any]:
    """A user, or a bot."""
    return {
        "login": login,
        "id": zlib.crc32(login.encode()),
        "node_id": f"U_{login}",
        "avatar_url": f"{_site(api_url)}/avatars/{quote(login)}",
        "url": f"{api_url}/users/{quote(login)}",
        "html_url": f"{_site(api_url)}/{quote(login)}",
        "type": "Bot" if login.endswith("[bot]") else "User",
        "site_admin": False,
        "name": login,
    }


def render_repo(api_url: str, repo: Repo, holder: Holder | None = None) -> dict[str, Any]:
    """A repository, with the permissions of the token if there is one."""
    url = f"{api_url}/repos/{repo.full_name}"
    html_url = f"{_site(api_url)}/{repo.full_name}"
    rendered: dict[str, Any] = {
        "id": repo.id,
        "node_id": f"R_{repo.id}",
        "name": repo.full_name.partition("/")[2],
        "full_name": repo.full_name,
        "owner": render_user(api_url, repo.owner),
        "private": repo.is_private,
        "visibility": "private" if repo.is_private else "public",
        "html_url": html_url,
        "description": None,
        "fork": False,
        "url": url,
        "clone_url": f"{html_url}.git",
        "default_branch": repo.default_branch,
        "archived": repo.is_archived,
        "disabled": False,
        "allow_merge_commit": "merge" in repo.merge_methods,
        "allow_squash_merge": "squash" in repo.merge_methods,
        "allow_rebase_merge": "rebase" in repo.merge_methods,
    }
    if holder is not None:
        may_write = holder.reaches(repo.full_name) and "contents" in holder.rights
        names = ("admin", "maintain", "push", "triage")
        rendered["permissions"] = {**dict.fromkeys(names, may_write), "admin": False, "pull": True}
    return rendered


def render_pull(api_url: str, repo: Repo, pull: Pull, *, is_whole: bool) -> dict[str, Any]:
    """A pull request; lists leave out computed fields."""
    url = f"{api_url}/repos/{repo.full_name}/pulls/{pull.number}"
    issue_url = f"{api_url}/repos/{repo.full_name}/issues/{pull.number}"
    html_url = f"{_site(api_url)}/{repo.full_name}/pull/{pull.number}"
    rendered: dict[str, Any] = {
        "url": url,
        "id": pull.id,
        "node_id": f"PR_{pull.id}",
        "html_url": html_url,
        "diff_url": f"{html_url}.diff",
        "patch_url": f"{html_url}.patch",
        "issue_url": issue_url,
        "comments_url": f"{issue_url}/comments",
        "statuses_url": f"{api_url}/repos/{repo.full_name}/statuses/{pull.head_sha}",
        "number": pull.number,
        "state": "open" if pull.is_open else "closed",
        "locked": False,
        "title": pull.title,
        "user": render_user(api_url, pull.author),
        "body": pull.body,
        "labels": [],
        "assignees": [],
        "created_at": render_time(pull.created_at),
        "updated_at": render_time(pull.updated_at),
        "closed_at": render_time(pull.closed_at),
        "merged_at": render_time(pull.merged_at),
        "merge_commit_sha": pull.merge_sha,
        "draft": pull.is_draft,
        "head": _render_end(api_url, repo, pull.head, pull.head_sha),
        "base": _render_end(api_url, repo, pull.base, pull.base_sha),
        "author_association": "CONTRIBUTOR",
        "auto_merge": None,
    }
    if is_whole:
        is_mergeable = judge_mergeable(repo, pull)
        by = pull.merged_by
        rendered |= {
            "merged": pull.merged_at is not None,
            "mergeable": is_mergeable,
            "mergeable_state": _name_state(pull, is_mergeable=is_mergeable),
            "merged_by": render_user(api_url, by) if by else None,
            "comments": sum(each.number == pull.number for each in repo.comments.values()),
            "changed_files": len(list_changes(repo, pull)),
        }
    return rendered


def judge_mergeable(repo: Repo, pull: Pull) -> bool | None:
    """Whether the branches can be merged; None if GitHub does not know yet."""
    if pull.verdict == "unknown" or not pull.is_open:
        return None
    return pull.verdict != "conflict" and not has_conflict(repo, pull)


def render_change(api_url: str, repo: Repo, pull: Pull, change: Change) -> dict[str, Any]:
    """A file of a pull request."""
    path = quote(change.path)
    rendered = {
        "sha": change.file.oid,
        "filename": change.path,
        "status": change.kind,
        "additions": 0,
        "deletions": 0,
        "changes": 0,
        "blob_url": f"{_site(api_url)}/{repo.full_name}/blob/{pull.head_sha}/{path}",
        "raw_url": f"{_site(api_url)}/{repo.full_name}/raw/{pull.head_sha}/{path}",
        "contents_url": f"{api_url}/repos/{repo.full_name}/contents/{path}?ref={pull.head_sha}",
    }
    return rendered | ({"previous_filename": change.previous} if change.previous else {})


def render_comment(api_url: str, repo: Repo, comment: Comment) -> dict[str, Any]:
    """A comment of a conversation."""
    url = f"{api_url}/repos/{repo.full_name}/issues"
    html_url = f"{_site(api_url)}/{repo.full_name}/pull/{comment.number}"
    return {
        "url": f"{url}/comments/{comment.id}",
        "html_url": f"{html_url}#issuecomment-{comment.id}",
        "issue_url": f"{url}/{comment.number}",
        "id": comment.id,
        "node_id": f"IC_{comment.id}",
        "user": render_user(api_url, comment.author),
        "created_at": render_time(comment.created_at),
        "updated_at": render_time(comment.updated_at),
        "author_association": "NONE",
        "body": comment.body,
    }


def render_check_run(api_url: str, repo: Repo, check: CheckRun) -> dict[str, Any]:
    """A check run."""
    url = f"{api_url}/repos/{repo.full_name}/check-runs/{check.id}"
    html_url = f"{_site(api_url)}/{repo.full_name}/runs/{check.id}"
    output = {"title": None, "summary": None, "text": None, **check.output}
    return {
        "id": check.id,
        "name": check.name,
        "node_id": f"CR_{check.id}",
        "head_sha": check.head_sha,
        "external_id": check.external_id,
        "url": url,
        "html_url": html_url,
        "details_url": check.details_url or html_url,
        "status": check.status,
        "conclusion": check.conclusion,
        "started_at": render_time(check.started_at),
        "completed_at": render_time(check.completed_at),
        "output": {
            **{name: output[name] for name in ("title", "summary", "text")},
            "annotations_count": len(output.get("annotations", [])),
            "annotations_url": f"{url}/annotations",
        },
        "app": {"slug": check.author.removesuffix("[bot]"), "name": check.author},
        "pull_requests": [],
    }


def render_status(api_url: str, repo: Repo, status: CommitStatus) -> dict[str, Any]:
    """A status of a commit."""
    return {
        "url": f"{api_url}/repos/{repo.full_name}/statuses/{status.sha}",
        "id": status.id,
        "node_id": f"SC_{status.id}",
        "state": status.state,
        "description": status.description,
        "target_url": status.target_url,
        "context": status.context,
        "created_at": render_time(status.created_at),
        "updated_at": render_time(status.created_at),
        "creator": render_user(api_url, status.creator),
    }


def render_commit(api_url: str, repo: Repo, commit: Commit) -> dict[str, Any]:
    """A commit, without its files."""
    url = f"{api_url}/repos/{repo.full_name}/commits/{commit.sha}"
    parents = [commit.parent] if commit.parent else []
    person = {"name": "loopback", "email": "loopback@localhost"}
    signed = {**person, "date": render_time(commit.created_at)}
    return {
        "sha": commit.sha,
        "node_id": f"C_{commit.sha}",
        "url": url,
        "html_url": f"{_site(api_url)}/{repo.full_name}/commit/{commit.sha}",
        "comments_url": f"{url}/comments",
        "commit": {"message": commit.message, "author": signed, "committer": signed},
        "author": None,
        "committer": None,
        "parents": [
            {"sha": each.sha, "url": f"{api_url}/repos/{repo.full_name}/commits/{each.sha}"}
            for each in parents
        ],
    }


def render_event(api_url: str, repo: Repo, pull: Pull, action: str) -> dict[str, Any]:
    """The event that a workflow gets for a pull request.

    https://docs.github.com/webhooks/webhook-events-and-payloads#pull_request
    """
    return {
        "action": action,
        "number": pull.number,
        "pull_request": render_pull(api_url, repo, pull, is_whole=True),
        "repository": render_repo(api_url, repo),
        "sender": render_user(api_url, pull.author),
    }


def render_comment_event(
    api_url: str, repo: Repo, comment: Comment, association: str
) -> dict[str, Any]:
    """The event that a workflow gets for a new comment on a pull request.

    https://docs.github.com/webhooks/webhook-events-and-payloads#issue_comment
    """
    author = render_user(api_url, comment.author)
    address = f"{api_url}/repos/{repo.full_name}/pulls/{comment.number}"
    return {
        "action": "created",
        "issue": {"number": comment.number, "pull_request": {"url": address}},
        "comment": {
            **render_comment(api_url, repo, comment),
            "author_association": association,
        },
        "repository": render_repo(api_url, repo),
        "sender": author,
    }


def render_everything(api_url: str, repos: Sequence[Repo]) -> dict[str, Any]:
    """The content of every repository, for other processes."""
    return {
        repo.full_name: {
            "branches": dict(repo.branches),
            "pulls": [
                render_pull(api_url, repo, each, is_whole=True) for each in repo.pulls.values()
            ],
            "comments": [render_comment(api_url, repo, each) for each in repo.comments.values()],
            "check_runs": [
                render_check_run(api_url, repo, each) for each in repo.check_runs.values()
            ],
            "statuses": [render_status(api_url, repo, each) for each in repo.statuses.values()],
        }
        for repo in repos
    }


def render_time(moment: datetime | None) -> str | None:
    """A time as GitHub writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _render_end(api_url: str, repo: Repo, branch: str, sha: str) -> dict[str, Any]:
    """The head or the base of a pull request; a fork's branch has its owner before it."""
    owner, colon, ref = branch.rpartition(":")
    full_name = f"{owner}/{repo.full_name.partition('/')[2]}" if colon else repo.full_name
    home = Repo(full_name, zlib.crc32(full_name.encode())) if colon else repo
    return {
        "label": branch if colon else f"{repo.owner}:{branch}",
        "ref": ref,
        "sha": sha,
        "user": render_user(api_url, owner or repo.owner),
        "repo": render_repo(api_url, home) | {"fork": bool(colon)},
    }


def _name_state(pull: Pull, *, is_mergeable: bool | None) -> str:
    if is_mergeable is None:
        return "unknown"
    if not is_mergeable:
        return "dirty"
    if pull.is_draft:
        return "draft"
    return "blocked" if pull.blocked else "clean"


def _site(api_url: str) -> str:
    """The address of the pages for people."""
    parts = urlsplit(api_url)
    return f"{parts.scheme}://{parts.netloc}"
