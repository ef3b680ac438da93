"""The hidden first line by which a comment of ours is known again, when its id was lost.

Whoever writes such a line into a comment of their own gains nothing: only comments by ourselves are
looked at, and of those only the first line, which is never anybody else's words.
"""

import hashlib

from hugflow.notify.conversation import PullRequest


def living_marker(pull: PullRequest) -> str:
    """The first line of the living comment."""
    return _marker("living", pull)


def outcome_marker(pull: PullRequest, mark: str) -> str:
    """The first line of the comment about one outcome; mark: what tells it from others."""
    return _marker(f"outcome-{mark}", pull)


def is_marked(body: str, marker: str) -> bool:
    """Whether a comment begins with the marker."""
    return body.startswith(marker)


def _marker(kind: str, pull: PullRequest) -> str:
    named = f"{kind} {pull.repository.lower()} {pull.number}"
    return f"<!-- hugflow:{kind}:{hashlib.sha256(named.encode()).hexdigest()[:32]} -->"
