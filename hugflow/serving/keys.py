"""Users as nkeys: an Ed25519 seed is the credential, its public key the user's id.

SUAM...   58 characters, a secret; it lies in a file that its owner alone may read
UDXU...   56 characters, the id that configuration, logs and subjects show
"""

import base64
import binascii
import contextlib
import os
import re
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from hugflow.errors import FlowServerUnavailable, NotAuthorised, SettingInvalid
from hugflow.redact import in_a_line, remember
from hugflow.serving.extra import needs_extra
from hugflow.store.atomic import make_folder, read_file, sync_folder

_ID = re.compile(r"U[A-Z2-7]{55}")
_MOST_BYTES = 200


def is_user_id(text: str) -> bool:
    """Whether it is the public key of a user, with the checksum at its end."""
    if _ID.fullmatch(text) is None:
        return False
    data = base64.b32decode(text)
    return binascii.crc_hqx(data[:-2], 0) == int.from_bytes(data[-2:], "little")


def new_seed() -> str:
    """A new user's secret."""
    with needs_extra():
        import nkeys
    return bytes(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)).decode()


def user_id_of(seed: str) -> str:
    """The public key of a seed. Raises FlowServerUnavailable for what is no seed."""
    with needs_extra():
        import nkeys
    remember(seed)
    try:
        return bytes(nkeys.from_seed(bytearray(seed.encode())).public_key).decode()
    except Exception as error:  # nkeys raises binascii's, its own, and bare ones
        raise FlowServerUnavailable(
            "the seed of a user cannot be used",
            why="it is no nkey seed of a user",
            mend="make one with `hugflow flows user new NAME`",
        ) from error


def read_seed(path: Path) -> str:
    """The secret in a seed file. Raises SettingInvalid when others may read the file."""
    try:
        data = read_file(path, _MOST_BYTES)
    except OSError as error:
        raise SettingInvalid(
            f"{path} cannot be read",
            why=error.strerror or "it cannot be opened",
            mend="make a user with `hugflow flows user new NAME`",
        ) from error
    if path.stat().st_mode & 0o077:
        raise SettingInvalid(
            f"{path} may be read by others",
            why="whoever reads a seed can act as that user",
            mend=f"chmod 600 {path}",
        )
    return data.decode("ascii", "replace").strip()


def write_seed(path: Path, seed: str) -> None:
    """Write a seed file with mode 0600, whole. Raises FileExistsError where there is one."""
    make_folder(path.parent)
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w") as file:
            file.write(seed + "\n")
            file.flush()
            os.fsync(fd)
        # Unlike a rename, it replaces no seed of another process.
        path.hardlink_to(fresh)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def read_or_make_seed(path: Path) -> str:
    """The secret in a seed file, which is made when it is missing."""
    with contextlib.suppress(FileExistsError):
        write_seed(path, new_seed())
    return read_seed(path)


def signer_of(seed: str) -> Callable[[bytes], bytes]:
    """What makes Ed25519 signatures with a seed."""
    with needs_extra():
        import nkeys
    pair = nkeys.from_seed(bytearray(seed.encode()))
    return lambda data: bytes(pair.sign(data))


def shared_key_of(seed: str, user_id: str) -> bytes:
    """A secret that two users have in common; nobody else can compute it.

    Either computes it from its own seed and the other's id. Raises NotAuthorised for an id that is
    no key.
    """
    with needs_extra():
        import nkeys
        from nacl.public import Box
        from nacl.signing import SigningKey, VerifyKey
    _, own = nkeys.decode_seed(seed.encode())
    try:
        others = VerifyKey(_public_key(user_id)).to_curve25519_public_key()
        key = Box(SigningKey(own).to_curve25519_private_key(), others).shared_key()
    except Exception as error:  # nacl raises its own, and bare ones
        raise NotAuthorised(
            f"user {in_a_line(user_id, 80)} is not there",
            why="the id is no public key, so nobody can have it",
            mend="check the id: `hugflow flows user list`",
        ) from error
    return sha256(b"hugflow seal\n" + key).digest()


def is_signed_by(user_id: str, data: bytes, signature: bytes) -> bool:
    """Whether a user's key made a signature over the data."""
    with needs_extra():
        from nacl.exceptions import BadSignatureError
        from nacl.signing import VerifyKey
    try:
        VerifyKey(_public_key(user_id)).verify(data, signature)
    except (BadSignatureError, ValueError, TypeError):
        return False
    return True


def _public_key(user_id: str) -> bytes:
    padded = user_id + "=" * (-len(user_id) % 8)
    # One byte says what kind of key it is; the last two are a checksum.
    return base64.b32decode(padded)[1:-2]
