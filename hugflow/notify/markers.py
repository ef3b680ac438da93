"""The hidden first line of our comments, by which a comment is found again if its id was lost.

A stranger's comment with such a line is ignored: only our own comments are searched, and only their
first line, which never holds foreign text.
"""

import hashlib

from hugflow.notify.conversation import PullRequest


def living_marker(pull: PullRequest) -> str:
    """The first line of the living comment."""
    return _marker("living", pull)


def outcome_marker(pull: PullRequest, mark: str) -> str:
    """The first line of an outcome comment; mark: identifies the outcome."""
    return _marker(f"outcome-{mark}", pull)


def is_marked(body: str, marker: str) -> bool:
    """Whether a comment begins with the marker."""
    return body.startswith(marker)


def _marker(kind: str, pull: PullRequest) -> str:
    named = f"{kind} {pull.repository.lower()} {pull.number}"
    return f"<!-- hugflow:{kind}:{hashlib.sha256(named.encode()).hexdigest()[:32]} -->"
