"""A local GitHub on 127.0.0.1, which PyGithub accepts instead of api.github.com.

    with LoopbackGitHub() as github:
        github.add_token("ghp_made_up", "ana")
        github.push("acme/requests", {"README.md": b"# Requests"})
        github.push("acme/requests", {"requests/add/x.yaml": b"..."}, branch="add-x")
        number = github.open_pull("acme/requests", "add-x", title="Add x")
        client = Github(base_url=github.api_url, auth=Auth.Token("ghp_made_up"))
        client.get_repo("acme/requests").get_pull(number).create_issue_comment("Hello")
        [comment] = github.comments("acme/requests", number)

It can be told to fail, before or after the requested effect:

    github.inject(Reset(), when=Match(method="POST", path="*/comments"), with_effect=True)

Its answers are in `github_api`; pytest has the fixture `loopback_github`.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hugflow.testing.exchange import Ask, Port
from hugflow.testing.github_api import history
from hugflow.testing.github_api.comments import read_body
from hugflow.testing.github_api.holdings import (
    RIGHTS,
    CheckRun,
    Comment,
    CommitStatus,
    Holder,
    Holdings,
    Mergeability,
    Pull,
    Repo,
    Right,
    put,
)
from hugflow.testing.github_api.render import (
    render_comment_event,
    render_event,
    render_everything,
)
from hugflow.testing.github_api.routes import answer_github
from hugflow.testing.stand_in import Finding, StandIn

RATE_LIMIT = 5000


class LoopbackGitHub(StandIn):
    """A GitHub on a free port of 127.0.0.1, open as long as the `with` block is.

    Its content may change while it is open, from any thread.

    prefix: the path of its API, such as `/api/v3` on a GitHub Enterprise Server.
    rate_limit: the requests of each user per hour.
    port: a fixed port.

    A repository is `owner/name`. An unknown repository or pull request raises KeyError.
    """

    def __init__(self, *, prefix: str = "", rate_limit: int = RATE_LIMIT, port: int = 0) -> None:
        """Set up an empty GitHub; nothing listens before the `with` block is entered."""
        super().__init__({"github": port})
        self._prefix = prefix.rstrip("/")
        self._rate_limit = rate_limit
        self._held = Holdings()
        self._url = ""

    @property
    def api_url(self) -> str:
        """The address to give a client as `base_url` or `GITHUB_API_URL`."""
        return self._url + self._prefix

    def add_token(
        self,
        token: str,
        login: str,
        *,
        rights: Iterable[Right] = RIGHTS,
        repos: Iterable[str] | None = None,
        is_integration: bool = False,
    ) -> None:
        """Add a token for a user; an existing token is replaced. Use names like `ghp_made_up`.

        rights: what it may write.
        repos: the private repositories that it reads, and all that it writes; None for every one.
        is_integration: as a workflow's GITHUB_TOKEN, whose user is `github-actions[bot]`: only such
        tokens make check runs, and they have no user.
        """
        reach = None if repos is None else frozenset(repos)
        holder = Holder(login, frozenset(rights), reach, is_integration)
        with self._lock:
            self._held = replace(self._held, holders=put(self._held.holders, token, holder))

    def remove_token(self, token: str) -> None:
        """Revoke a token: requests with it are refused."""
        with self._lock:
            kept = {each: holder for each, holder in self._held.holders.items() if each != token}
            self._held = replace(self._held, holders=kept)

    def push(
        self,
        repo: str,
        files: Mapping[str, bytes],
        *,
        branch: str = "main",
        message: str | None = None,
        delete: Iterable[str] = (),
        sha: str | None = None,
    ) -> str:
        """Commit files on top of a branch; returns the commit.

        A missing repository is made; a missing branch starts at main. A branch of a fork is
        `bob:add-x`. Open pull requests of the branch follow it. `sha` gives the commit the name
        that another git repository has for it.
        """
        with self._lock:
            if repo not in self._held.repos:
                number, self._held = self._held.take_id()
                self._held = self._held.with_repo(Repo(repo, number))
            held, commit = history.push(
                self._held.repos[repo],
                files,
                branch=branch,
                # Without the branch, the same files on two branches would be one commit.
                message=message or f"Push to {branch}",
                delete=delete,
                sha=sha,
            )
            self._held = self._held.with_repo(held)
        return commit.sha

    def change_repo(
        self,
        repo: str,
        *,
        is_private: bool | None = None,
        is_archived: bool | None = None,
        merge_methods: Iterable[str] | None = None,
    ) -> None:
        """Change who may see a repository, and whether and how it may be changed."""
        methods = None if merge_methods is None else frozenset(merge_methods)
        self._change_repo(
            repo, is_private=is_private, is_archived=is_archived, merge_methods=methods
        )

    def open_pull(
        self,
        repo: str,
        head: str,
        *,
        base: str = "main",
        title: str = "Request",
        body: str | None = None,
        author: str = "ana",
        is_draft: bool = False,
    ) -> int:
        """Open a pull request for a branch, or for a fork's; returns its number."""
        now = _now()
        with self._lock:
            held = self._held.find_repo(repo)
            number = max(held.pulls, default=0) + 1
            pull_id, self._held = self._held.take_id()
            pull = Pull(
                number,
                pull_id,
                title,
                body,
                author,
                head,
                held.branches[head],
                base,
                held.branches[base],
                now,
                now,
                is_draft=is_draft,
            )
            self._put_pull(held, pull)
        return number

    def change_pull(
        self,
        repo: str,
        number: int,
        *,
        title: str | None = None,
        is_draft: bool | None = None,
        verdict: Mergeability | None = None,
        blocked: str | None = None,
        is_closed: bool | None = None,
    ) -> None:
        """Change a pull request's state of merging; None keeps a value.

        verdict: `conflict` or `unknown`, instead of GitHub's own finding.
        blocked: why a rule forbids the merge, such as `Required status check "hugflow" is
        expected.`; "" removes the rule.
        """
        with self._lock:
            held = self._held.find_repo(repo)
            pull = held.pulls[number]
            wanted = {"title": title, "is_draft": is_draft, "verdict": verdict, "blocked": blocked}
            pull = replace(pull, **_given(wanted), updated_at=_now())
            if is_closed is not None:
                pull = replace(pull, closed_at=_now() if is_closed else None)
            self._put_pull(held, pull)

    def comment(self, repo: str, number: int, body: str, *, author: str = "bob") -> int:
        """Comment on a pull request as some user; returns the comment's id."""
        read_body({"body": body})
        now = _now()
        with self._lock:
            held = self._held.find_repo(repo)
            pull = held.pulls[number]
            comment_id, self._held = self._held.take_id()
            comment = Comment(comment_id, pull.number, author, body, now, now)
            held = replace(held, comments=put(held.comments, comment_id, comment))
            self._held = self._held.with_repo(held)
        return comment_id

    def delete_comment(self, repo: str, comment_id: int) -> None:
        """Delete a comment, as every maintainer can."""
        with self._lock:
            held = self._held.find_repo(repo)
            kept = {each.id: each for each in held.comments.values() if each.id != comment_id}
            self._held = self._held.with_repo(replace(held, comments=kept))

    def pull(self, repo: str, number: int) -> Pull:
        """A pull request as it is now."""
        with self._lock:
            return self._held.find_repo(repo).pulls[number]

    def comments(self, repo: str, number: int) -> tuple[Comment, ...]:
        """The comments of a pull request, the oldest first."""
        with self._lock:
            held = self._held.find_repo(repo).comments.values()
            return tuple(each for each in held if each.number == number)

    def event(self, repo: str, number: int, *, action: str = "opened") -> dict[str, Any]:
        """The event `pull_request`, as a workflow finds it in the file of GITHUB_EVENT_PATH."""
        with self._lock:
            held = self._held.find_repo(repo)
        return render_event(self.api_url, held, held.pulls[number], action)

    def comment_event(
        self, repo: str, number: int, body: str, *, author: str, association: str = "MEMBER"
    ) -> dict[str, Any]:
        """The event `issue_comment` of a new comment, which is made."""
        made = self.comment(repo, number, body, author=author)
        with self._lock:
            held = self._held.find_repo(repo)
        return render_comment_event(self.api_url, held, held.comments[made], association)

    def set_permission(self, repo: str, login: str, permission: str) -> None:
        """Say what somebody may do in a repository: `admin`, `write`, `read` or `none`."""
        with self._lock:
            held = self._held.find_repo(repo)
            permissions = put(held.permissions, login, permission)
            self._held = self._held.with_repo(replace(held, permissions=permissions))

    def check_runs(self, repo: str) -> tuple[CheckRun, ...]:
        """Every check run of a repository, the oldest first."""
        with self._lock:
            return tuple(self._held.find_repo(repo).check_runs.values())

    def statuses(self, repo: str) -> tuple[CommitStatus, ...]:
        """Every status of a repository's commits, the oldest first."""
        with self._lock:
            return tuple(self._held.find_repo(repo).statuses.values())

    def files(self, repo: str, ref: str = "main") -> dict[str, bytes]:
        """Every file of a commit, by path."""
        with self._lock:
            commit = self._held.find_repo(repo).find_commit(ref)
        if commit is None:
            raise KeyError(ref)
        return {
            path: b"".join(file.read(0, file.size_bytes)) for path, file in commit.files.items()
        }

    @property
    def verbs(self) -> Mapping[str, Callable[..., Any]]:
        """The verbs for other processes: the actions of people on GitHub."""
        return {
            "push": self.push,
            "open_pull": self.open_pull,
            "change_pull": self.change_pull,
            "change_repo": self.change_repo,
            "event": self.event,
            "comment": self.comment,
            "delete_comment": self.delete_comment,
            "add_token": self.add_token,
            "remove_token": self.remove_token,
        }

    def describe(self) -> dict[str, Any]:
        """Every repository with its pull requests, comments, check runs and statuses."""
        with self._lock:
            return render_everything(self.api_url, list(self._held.repos.values()))

    def _change_repo(self, repo: str, **wanted: Any) -> None:
        with self._lock:
            held = self._held.find_repo(repo)
            self._held = self._held.with_repo(replace(held, **_given(wanted)))

    def _put_pull(self, held: Repo, pull: Pull) -> None:
        held = replace(held, pulls=put(held.pulls, pull.number, pull))
        self._held = self._held.with_repo(held)

    def _note_urls(self, urls: Mapping[Port, str]) -> None:
        self._url = urls["github"]

    def _find_answer(self, ask: Ask) -> Finding:
        held = self._held
        answer, after = answer_github(
            held, ask, self.api_url, prefix=self._prefix, rate_limit=self._rate_limit
        )
        holder = held.holders.get(ask.token or "")
        known = {token: each.login for token, each in held.holders.items()}
        unknown = {} if ask.token is None or holder else {ask.token: "somebody"}
        return Finding(
            answer,
            settle=lambda: self._settle(after),
            user=holder.login if holder else None,
            secrets=known | unknown,
        )

    def _settle(self, held: Holdings) -> None:
        self._held = held

    def _forget(self) -> None:
        self._held = Holdings()


def _given(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value is not None}


def _now() -> datetime:
    return datetime.fromtimestamp(int(time.time()), UTC)
