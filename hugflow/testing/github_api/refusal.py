"""Errors as GitHub words them.

    {"message": "Validation Failed",
     "errors": [{"resource": "IssueComment", "code": "unprocessable", "field": "data",
                 "message": "Body is too long (maximum is 65536 characters)"}],
     "documentation_url": "https://docs.github.com/rest/issues/comments#create-an-issue-comment",
     "status": "422"}

PyGithub and other clients distinguish them by status and message.
"""

from collections.abc import Mapping, Sequence

from hugflow.testing.exchange import Refusal, Response, answer_json

DOCS = "https://docs.github.com/rest"


class GitHubRefusal(Refusal):
    """The request is answered with an error, in GitHub's words.

    doc: the part of GitHub's documentation that the error names; the dispatcher fills in None.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        doc: str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the parts."""
        super().__init__(status, message, headers=headers)
        self.doc = doc
        self.errors = errors

    def to_answer(self) -> Response:
        """The refusal as the client gets it."""
        value = {
            "message": self.message,
            **({"errors": list(self.errors)} if self.errors else {}),
            "documentation_url": f"{DOCS}/{self.doc}" if self.doc else DOCS,
            "status": str(self.status),
        }
        return answer_json(value, status=self.status, headers=self.headers)


def invalid(resource: str, field: str, message: str, *, code: str = "custom") -> GitHubRefusal:
    """GitHub's error for a field with an invalid value."""
    error = {"resource": resource, "code": code, "field": field, "message": message}
    return GitHubRefusal(422, "Validation Failed", errors=[error])
