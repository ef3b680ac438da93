"""Signed messages: 64 bytes of Ed25519 over the subject and the body's SHA-256, then the body.

Ed25519 itself reads what it signs twice, and more slowly than a processor's own SHA-256.

The server's permissions alone do not say who sent a message: a question to the server may name any
subject for its answer, and the answer holds bytes that the asker has stored.
"""

from hashlib import sha256
from typing import TYPE_CHECKING

from hugflow.errors import NotAuthorised
from hugflow.serving.keys import is_signed_by

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink

SEAL_BYTES = 64


def seal(cl: "CoLink", subject: str, body: bytes) -> bytes:
    """The body with a signature of the client's user, for this subject alone."""
    return cl.sign(_signed(subject, body)) + body


def seal_in_place(cl: "CoLink", subject: str, data: memoryview) -> memoryview:
    """What `seal` gives for the bytes after the first SEAL_BYTES, which it fills."""
    data[:SEAL_BYTES] = cl.sign(_signed(subject, data[SEAL_BYTES:]))
    return data


def unseal(user_id: str, subject: str, data: bytes) -> memoryview:
    """The body. Raises NotAuthorised where the user did not send it to this subject."""
    body = memoryview(data)[SEAL_BYTES:]
    if not is_signed_by(user_id, _signed(subject, body), data[:SEAL_BYTES]):
        raise NotAuthorised(
            f"a message to {subject} is not signed by user {user_id}",
            why="somebody else sent it in that user's name",
            mend="look at who may connect: `hugflow flows user list`",
        )
    return body


def _signed(subject: str, body: bytes | memoryview) -> bytes:
    return subject.encode() + b"\n" + sha256(body).digest()
