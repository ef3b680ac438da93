"""Sealed messages: 32 bytes of HMAC-SHA256 over the subject and the body's SHA-256, then the body.

The key is known to the sender and the receiver alone: each computes it from its own seed and the
other's id. It takes a hundredth of the time of a signature, which anybody could verify.

The server's permissions alone do not say who sent a message: a question to the server may name any
subject for its answer, and the answer holds bytes that the asker has stored. A subject names both
users and says which of them sends, so a receiver's own messages cannot be sent back to it.
"""

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING

from hugflow.errors import NotAuthorised

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink

SEAL_BYTES = 32


def seal(cl: "CoLink", user_id: str, subject: str, body: bytes) -> bytes:
    """The body with a seal of the client's user, for one user and this subject alone."""
    return _make_seal(cl, user_id, subject, body) + body


def seal_in_place(cl: "CoLink", user_id: str, subject: str, data: memoryview) -> memoryview:
    """What `seal` gives for the bytes after the first SEAL_BYTES, which it fills."""
    data[:SEAL_BYTES] = _make_seal(cl, user_id, subject, data[SEAL_BYTES:])
    return data


def unseal(cl: "CoLink", user_id: str, subject: str, data: bytes) -> memoryview:
    """The body. Raises NotAuthorised where the user did not send it to this subject."""
    body = memoryview(data)[SEAL_BYTES:]
    if not hmac.compare_digest(_make_seal(cl, user_id, subject, body), data[:SEAL_BYTES]):
        raise NotAuthorised(
            f"a message to {subject} is not sealed by user {user_id}",
            why="somebody else sent it in that user's name",
            mend="look at who may connect: `hugflow flows user list`",
        )
    return body


def _make_seal(cl: "CoLink", user_id: str, subject: str, body: bytes | memoryview) -> bytes:
    sealed = subject.encode() + b"\n" + sha256(body).digest()
    return hmac.digest(cl.shared_key(user_id), sealed, "sha256")
