"""Removal of secrets from everything that leaves: comments, messages, notices, environments."""

import base64
import json
import logging
import re
import traceback
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

HIDDEN = "(hidden)"
# Shorter values are part of too many words to be secrets.
SHORTEST_SECRET = 6

_TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"hf_[A-Za-z0-9]{16,}"
    r"|gh[a-z]_[A-Za-z0-9]{16,}"
    r"|github_pat_\w{16,}"
    r"|xox[a-z](?:\.[a-z]+)?-[A-Za-z0-9-]{8,}"
    r"|xapp-[A-Za-z0-9-]{8,}"
    # The seed of a NATS user.
    r"|SU[A-Z2-7]{56}"
    r")"
)
_WEBHOOK = re.compile(r"(hooks\.slack[A-Za-z-]*\.com/[a-z]+/)[^\s\"'<>|)]+", re.IGNORECASE)
# Up to the last @ before the path: a password may hold an @ itself.
# The scheme before it is not looked through: in `a.a.a.a` one could begin at each letter.
_CREDENTIALS = re.compile(r"(?<=[A-Za-z0-9+.-]://)[^/\s?#]+@")
_HEADER = re.compile(
    r"(\b(?:bearer|basic|token)(?:\s|%20|\+)+)[A-Za-z0-9._~+/=-]{16,}", re.IGNORECASE
)
_SIGNED = re.compile(
    r"([?&](?:X-Amz-[A-Za-z-]+|Signature|Policy|Key-Pair-Id|sig|token|access_token)=)[^&\s\"'<>]+",
    re.IGNORECASE,
)

_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|WEBHOOK|(?:^|_)(?:KEY|PAT|DSN)(?:$|_)|_URL$", re.IGNORECASE
)

# The secrets of this process: a server may repeat one that does not look like a secret.
_known: set[str] = set()


def remember(*secrets: str | None) -> None:
    """From now on `redact` removes these values from every text, in this process."""
    _known.update(secret for secret in secrets if secret is not None)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without secrets: variables that are named like secrets are left out."""
    return {name: value for name, value in environment.items() if not _SECRET_NAME.search(name)}


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without secrets: given ones, remembered ones, and what looks like one.

    secrets: values that must never be seen. They are found as they are, percent-encoded, in JSON
        and in base64; of an address, its path alone is found too.

    These look like secrets: tokens of the Hub, GitHub, Slack and NATS, webhook addresses, a user and
    password in an address, and the signature of a signed address.
    """
    known = {secret for secret in (*secrets, *_known) if len(secret) >= SHORTEST_SECRET}
    # The longest first: one secret may be part of another.
    for form in sorted({form for each in known for form in _forms(each)}, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    text = _TOKENS.sub(HIDDEN, text)
    for pattern in (_WEBHOOK, _HEADER, _SIGNED):
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return _CREDENTIALS.sub(f"{HIDDEN}@", text)


def in_a_line(text: str, limit: int = 300) -> str:
    """Foreign text as one line of at most so many characters, without secrets.

    Secrets are removed first: half a secret would not be recognised. Half of a surrogate pair, which
    no file can hold, becomes `?`.
    """
    return redact(" ".join(text.split()))[:limit].encode("utf-8", "replace").decode()


def holds_token(text: str) -> bool:
    """Whether a text holds what looks like a token of the Hub, GitHub, Slack or NATS."""
    return _TOKENS.search(text) is not None


def redact_logs() -> None:
    """From now on no log record of any library, and no warning, holds a secret; in this process."""
    if getattr(logging.getLogRecordFactory(), "is_redacting", False):
        return
    make = logging.getLogRecordFactory()
    show = warnings.formatwarning

    def make_redacted(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = make(*arguments, **options)
        # A record that cannot be formatted is reported by its handler.
        with suppress(Exception):
            text = record.getMessage()
            if (clean := redact(text)) != text:
                record.msg, record.args = clean, ()
            if record.exc_info and record.exc_info[1] is not None:
                record.exc_text = redact("".join(traceback.format_exception(record.exc_info[1])))
        return record

    make_redacted.is_redacting = True  # type: ignore[attr-defined]  # so that it is done once
    logging.setLogRecordFactory(make_redacted)
    warnings.formatwarning = lambda *what, **options: redact(show(*what, **options))


@cache
def _forms(secret: str) -> frozenset[str]:
    """The forms in which a secret may appear in a text."""
    plain = {secret}
    with suppress(ValueError):
        parts = urlsplit(secret)
        if parts.scheme and parts.netloc:
            # The last part of a webhook's path is the secret.
            plain |= {parts.path, parts.path.rpartition("/")[2]}
    plain = {each for each in plain if len(each) >= SHORTEST_SECRET}
    quoted = {quote(each, safe="", errors="surrogatepass") for each in plain}
    lower = {re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), each) for each in quoted}
    in_json = {
        json.dumps(each, ensure_ascii=is_ascii)[1:-1]
        for each in plain
        for is_ascii in (False, True)
    }
    in_json |= {each.replace("/", r"\/") for each in in_json}
    return frozenset(plain | quoted | lower | in_json | _within_base64(secret))


def _within_base64(secret: str) -> set[str]:
    """The parts of base64 text that show the secret, wherever it begins in the encoded text."""
    data = secret.encode("utf-8", "surrogatepass")
    found = set()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).rstrip(b"=").decode()
        # The first and the last character also hold bits of the neighbouring text.
        first = (before * 8 + 5) // 6
        last = (before + len(data)) * 8 // 6
        core = encoded[first:last]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return {core for core in found if len(core) >= SHORTEST_SECRET}
