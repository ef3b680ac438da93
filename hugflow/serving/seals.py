"""Sealed messages: a nonce and a tag of 32 bytes each, then the body.

The tag is AEGIS-256 over the body, which stays readable. The key is of the subject, and known to the
sender and the receiver alone: each computes it from its own seed and the other's id. A megabyte
takes a tenth of a millisecond; its SHA-256 alone, which a signature needs, takes six times as long.

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

NONCE_BYTES = 32
SEAL_BYTES = 64


def seal(cl: "CoLink", user_id: str, subject: str, body: bytes) -> bytes:
    """The body with a seal of the client's user, for one user and this subject alone."""
    nonce = os.urandom(NONCE_BYTES)
    tag = crypto_aead_aegis256_encrypt(b"", body, nonce, _key(cl, user_id, subject))
    return b"".join((nonce, tag, body))


def unseal(cl: "CoLink", user_id: str, subject: str, data: bytes) -> bytes:
    """The body. Raises NotAuthorised where the user did not send it to this subject."""
    nonce, tag, body = data[:NONCE_BYTES], data[NONCE_BYTES:SEAL_BYTES], data[SEAL_BYTES:]
    try:
        crypto_aead_aegis256_decrypt(tag, body, nonce, _key(cl, user_id, subject))
    except (CryptoError, TypeError, ValueError) as error:
        raise NotAuthorised(
            f"a message to {subject} is not sealed by user {user_id}",
            why="somebody else sent it in that user's name",
            mend="look at who may connect: `hugflow flows user list`",
        ) from error
    return body


def _key(cl: "CoLink", user_id: str, subject: str) -> bytes:
    return hmac.digest(cl.shared_key(user_id), subject.encode(), "sha256")
