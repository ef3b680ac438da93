"""Comments in the conversation of a pull request.

https://docs.github.com/rest/issues/comments
"""

from dataclasses import replace
from typing import Any

from hugflow.testing.exchange import Response, answer_json
from hugflow.testing.github_api.call import Call, read_time
from hugflow.testing.github_api.holdings import Comment, drop, put
from hugflow.testing.github_api.refusal import GitHubRefusal, invalid
from hugflow.testing.github_api.render import render_comment, render_pull

LONGEST_BODY = 65_536


def answer_issue(call: Call) -> Response:
    """A pull request as an issue, which it is too."""
    pull = call.find_pull(call.words[0])
    rendered = render_pull(call.api_url, call.repo, pull, is_whole=False)
    names = ("id", "number", "state", "title", "user", "body", "html_url", "comments_url")
    return answer_json(
        {
            "url": rendered["issue_url"],
            "pull_request": {"url": rendered["url"], "html_url": rendered["html_url"]},
            **{name: rendered[name] for name in names},
        }
    )


def answer_comments(call: Call) -> Response:
    """The comments, the oldest first."""
    number = call.find_pull(call.words[0]).number
    since = read_time(call.parameter("since"))
    found = [
        each
        for each in call.repo.comments.values()
        if each.number == number and (since is None or each.updated_at >= since)
    ]
    return call.answer_page(found, lambda each: render_comment(call.api_url, call.repo, each))


def create_comment(call: Call) -> Response:
    """Create a comment; its author is the token's owner."""
    number = call.find_pull(call.words[0]).number
    call.demand("issues", "pull_requests", or_anybody=True)
    body = read_body(call.read("body"))
    comment = Comment(call.take_id(), number, call.login, body, call.now, call.now)
    call.keep(replace(call.repo, comments=put(call.repo.comments, comment.id, comment)))
    rendered = render_comment(call.api_url, call.repo, comment)
    return answer_json(rendered, status=201, headers={"Location": rendered["url"]})


def answer_comment(call: Call) -> Response:
    """One comment."""
    return answer_json(render_comment(call.api_url, call.repo, _find(call)))


def edit_comment(call: Call) -> Response:
    """Edit a comment; the author may, and everybody who may write to the repository."""
    comment = _find(call)
    _demand_hand_in(call, comment)
    body = read_body(call.read("body"))
    comment = replace(comment, body=body, updated_at=call.now)
    call.keep(replace(call.repo, comments=put(call.repo.comments, comment.id, comment)))
    return answer_json(render_comment(call.api_url, call.repo, comment))


def delete_comment(call: Call) -> Response:
    """Delete a comment."""
    comment = _find(call)
    _demand_hand_in(call, comment)
    call.keep(replace(call.repo, comments=drop(call.repo.comments, comment.id)))
    return Response(204)


def read_body(sent: dict[str, Any]) -> str:
    """The text of a comment; refused if empty or longer than GitHub accepts."""
    body = sent["body"]
    if not isinstance(body, str):
        raise GitHubRefusal(422, "Invalid request.\n\nFor 'properties/body', it is not a string.")
    if not body.strip():
        raise invalid("IssueComment", "data", "Body can't be blank", code="unprocessable")
    if len(body) > LONGEST_BODY:
        words = f"Body is too long (maximum is {LONGEST_BODY} characters)"
        raise invalid("IssueComment", "data", words, code="unprocessable")
    return body


def _find(call: Call) -> Comment:
    [number] = call.words
    found = call.repo.comments.get(int(number)) if number.isdecimal() else None
    if found is None:
        raise GitHubRefusal(404, "Not Found")
    return found


def _demand_hand_in(call: Call, comment: Comment) -> None:
    call.demand("issues", "pull_requests", or_anybody=True)
    holder = call.demand_token()
    may_write = holder.reaches(call.full_name) and "contents" in holder.rights
    if holder.login != comment.author and not holder.is_integration and not may_write:
        raise GitHubRefusal(403, "Must have admin rights to Repository.")
