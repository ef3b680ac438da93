"""Signed messages: 64 bytes of Ed25519 over the subject and the body, then the body.

The server's permissions alone do not say who sent a message: a question to the server may name any
subject for its answer, and the answer holds bytes that the asker has stored.
"""

from typing import TYPE_CHECKING

from hugflow.errors import NotAuthorised
from hugflow.serving.keys import is_signed_by

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink

SEAL_BYTES = 64


def seal(cl: "CoLink", subject: str, body: bytes) -> bytes:
    """The body with a signature of the client's user, for this subject alone."""
    return cl.sign(subject.encode() + b"\n" + body) + body


def unseal(user_id: str, subject: str, data: bytes) -> bytes:
    """The body. Raises NotAuthorised where the user did not send it to this subject."""
    body = data[SEAL_BYTES:]
    if not is_signed_by(user_id, subject.encode() + b"\n" + body, data[:SEAL_BYTES]):
        raise NotAuthorised(
            f"a message to {subject} is not signed by user {user_id}",
            why="somebody else sent it in that user's name",
            mend="look at who may connect: `hugflow flows user list`",
        )
    return body
