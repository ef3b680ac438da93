"""One parsed request to GitHub: its user, its repository, its values.

A handler reads it, keeps changes (`call.keep`) and gives an answer. The changes take effect only
when the stand-in adopts `call.held`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from hugflow.late_dataclass import dataclass
from hugflow.testing.exchange import Ask, Response, answer_json
from hugflow.testing.github_api.holdings import Holder, Holdings, Pull, Repo, Right
from hugflow.testing.github_api.refusal import GitHubRefusal
from hugflow.testing.repository import Commit

PAGE_SIZE = 30
LARGEST_PAGE = 100

T = TypeVar("T")


@dataclass(slots=True)
class Call:
    """A request being handled.

    api_url: the address that every link begins with.
    words: the variable parts of the route's path.
    full_name: of its repository, if it has one.
    """

    held: Holdings
    ask: Ask
    api_url: str
    holder: Holder | None = None
    words: tuple[str, ...] = ()
    full_name: str = ""

    @property
    def now(self) -> datetime:
        """The time of the request, in whole seconds as on GitHub."""
        return datetime.fromtimestamp(int(self.ask.received_at), UTC)

    @property
    def repo(self) -> Repo:
        """The repository it is about."""
        return self.held.repos[self.full_name]

    @property
    def repo_url(self) -> str:
        """The address of that repository."""
        return f"{self.api_url}/repos/{self.full_name}"

    @property
    def login(self) -> str:
        """The token's owner; call it only after `demand_token`."""
        return self.demand_token().login

    def keep(self, repo: Repo) -> None:
        """Replace the repository from here on."""
        self.held = self.held.with_repo(repo)

    def take_id(self) -> int:
        """An unused id."""
        taken, self.held = self.held.take_id()
        return taken

    def read(self, *required: str) -> dict[str, Any]:
        """The object in the body; an empty body is an empty one.

        Raises GitHubRefusal when it is not an object, or when a field is missing.
        """
        try:
            value = json.loads(self.ask.body or b"{}")
        except ValueError as error:
            raise GitHubRefusal(400, "Problems parsing JSON") from error
        if not isinstance(value, dict):
            raise GitHubRefusal(400, "Body should be a JSON object")
        for field in required:
            if field not in value:
                raise GitHubRefusal(422, f'Invalid request.\n\n"{field}" wasn\'t supplied.')
        return value

    def parameter(self, name: str, default: str = "") -> str:
        """A field of the query."""
        return dict(parse_qsl(self.ask.query)).get(name, default)

    def demand_token(self) -> Holder:
        """The token's owner; refused without a token."""
        if self.holder is None:
            raise GitHubRefusal(401, "Requires authentication")
        return self.holder

    def demand(self, *rights: Right, or_anybody: bool = False) -> None:
        """Refuse a token without any of the rights, in GitHub's words for its kind.

        or_anybody: allow every user who can see the repository.
        """
        holder = self.demand_token()
        may = holder.reaches(self.full_name) and not holder.rights.isdisjoint(rights)
        if not may and holder.is_integration:
            raise GitHubRefusal(403, "Resource not accessible by integration")
        if not may and not or_anybody:
            # GitHub does not reveal what a user may not do.
            raise GitHubRefusal(404, "Not Found")
        if self.repo.is_archived:
            raise GitHubRefusal(403, "Repository was archived so is read-only.")

    def find_pull(self, number: str) -> Pull:
        """The pull request of that number."""
        found = self.repo.pulls.get(int(number)) if number.isdecimal() else None
        if found is None:
            raise GitHubRefusal(404, "Not Found")
        return found

    def find_commit(self, ref: str) -> Commit:
        """The commit of a branch, a ref or an id."""
        found = self.repo.find_commit(ref)
        if found is None:
            raise GitHubRefusal(422, f"No commit found for SHA: {ref}")
        return found

    def answer_page(
        self,
        items: Sequence[T],
        render: Callable[[T], Any],
        wrap: Callable[[list[Any]], Any] = lambda rendered: rendered,
    ) -> Response:
        """The requested page of a repository's list, and links to the pages around it.

        https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
        """
        size = _read_number(self.parameter("per_page"), PAGE_SIZE, LARGEST_PAGE)
        page = _read_number(self.parameter("page"), 1)
        last = max(1, -(-len(items) // size))
        around = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        if page >= last:
            del around["next"], around["last"]
        if page <= 1:
            del around["prev"], around["first"]
        links = [f'<{self._page_url(each)}>; rel="{rel}"' for rel, each in around.items()]
        headers = {"Link": ", ".join(links)} if links else {}
        shown = items[(page - 1) * size : page * size]
        return answer_json(wrap([render(item) for item in shown]), headers=headers)

    def _page_url(self, page: int) -> str:
        """The address of another page, as GitHub gives it: by the repository's number."""
        fields = {**dict(parse_qsl(self.ask.query)), "page": str(page)}
        path = self.ask.path.strip("/")
        below = path.split("/", 3)[3:] if path.startswith("repos/") else path.split("/", 2)[2:]
        numbered = "/".join(["repositories", str(self.repo.id), *below])
        return f"{self.api_url}/{numbered}?{urlencode(fields)}"


def _read_number(text: str, default: int, largest: int | None = None) -> int:
    """A number of 1 or more; anything else gives the default, as on GitHub."""
    number = int(text) if text.isdecimal() else default
    return min(max(number, 1), largest or max(number, 1))


def read_time(text: Any) -> datetime | None:
    """A time from a client; None if there is none."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except (TypeError, ValueError) as error:
        words = f"Invalid request.\n\n{text} is not a valid date-time."
        raise GitHubRefusal(422, words) from error
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None


def without_prefix(ask: Ask, prefix: str) -> Ask:
    """The request without the API's prefix, as on api.github.com.

    On an Enterprise Server GraphQL is beside the REST API: `/api/graphql`, `/api/v3`. Raises
    GitHubRefusal when the path does not begin so.
    """
    if ask.path == f"{prefix.removesuffix('/v3')}/graphql":
        return replace(ask, path="/graphql")
    path = ask.path.removeprefix(prefix)
    if not ask.path.startswith(prefix) or not path.startswith("/"):
        raise GitHubRefusal(404, "Not Found")
    return replace(ask, path=path)
