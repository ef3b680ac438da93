"""Sealed messages: 32 bytes that only the sender and the receiver can make, then the body.

up to 64 KiB   HMAC-SHA256 of the body
longer ones    a nonce of 32 bytes, then the AEGIS-256 tag of the body: of a megabyte in a tenth of a
               millisecond, where SHA-256, which a signature needs too, takes six times as long

The key is of the subject, and known to the sender and the receiver alone: each computes it from its
own seed and the other's id. The body stays readable.

The server's permissions alone do not say who sent a message: a question to the server may name any
subject for its answer, and the answer holds bytes that the asker has stored. A subject names both
users and says which of them sends, so a receiver's own messages cannot be sent back to it.
"""

import hmac
import os
from typing import TYPE_CHECKING

from nacl.bindings import crypto_aead_aegis256_decrypt, crypto_aead_aegis256_encrypt
from nacl.exceptions import CryptoError

from hugflow.errors import NotAuthorised

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink

# The longest body of a short message, and what lies before a body.
SHORT_BYTES = 64 << 10
SHORT_SEAL = 32
NONCE = 32
LONG_SEAL = 64


def seal(cl: "CoLink", user_id: str, subject: str, body: bytes) -> bytes:
    """The body with a seal of the client's user, for one user and this subject alone."""
    if len(body) <= SHORT_BYTES:
        return hmac.digest(_key(cl, user_id, "short", subject), body, "sha256") + body
    nonce = os.urandom(NONCE)
    key = _key(cl, user_id, "long", subject)
    return b"".join((nonce, crypto_aead_aegis256_encrypt(b"", body, nonce, key), body))


def unseal(cl: "CoLink", user_id: str, subject: str, data: bytes) -> bytes:
    """The body. Raises NotAuthorised where the user did not send it to this subject."""
    if len(data) <= SHORT_SEAL + SHORT_BYTES:
        body = data[SHORT_SEAL:]
        own = hmac.digest(_key(cl, user_id, "short", subject), body, "sha256")
        if hmac.compare_digest(own, data[:SHORT_SEAL]):
            return body
        raise _not_sealed(user_id, subject)
    body = data[LONG_SEAL:]
    key = _key(cl, user_id, "long", subject)
    try:
        crypto_aead_aegis256_decrypt(data[NONCE:LONG_SEAL], body, data[:NONCE], key)
    except CryptoError as error:
        raise _not_sealed(user_id, subject) from error
    return body


def _key(cl: "CoLink", user_id: str, kind: str, subject: str) -> bytes:
    return hmac.digest(cl.shared_key(user_id), f"{kind} {subject}".encode(), "sha256")


def _not_sealed(user_id: str, subject: str) -> NotAuthorised:
    return NotAuthorised(
        f"a message to {subject} is not sealed by user {user_id}",
        why="somebody else sent it in that user's name",
        mend="look at who may connect: `hugflow flows user list`",
    )
