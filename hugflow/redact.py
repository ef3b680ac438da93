"""Taking secrets out of whatever leaves: comments, messages, notices, what a process is given."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

HIDDEN = "(hidden)"
# What is shorter stands in too many words to be a secret.
SHORTEST_SECRET = 6

_TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"hf_[A-Za-z0-9]{16,}"
    r"|gh[a-z]_[A-Za-z0-9]{16,}"
    r"|github_pat_\w{16,}"
    r"|xox[a-z](?:\.[a-z]+)?-[A-Za-z0-9-]{8,}"
    r"|xapp-[A-Za-z0-9-]{8,}"
    r")"
)
_WEBHOOK = re.compile(r"(hooks\.slack[A-Za-z-]*\.com/[a-z]+/)[^\s\"'<>|)]+", re.IGNORECASE)
# Up to the last @ before the path: a password may hold one itself.
_CREDENTIALS = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^/\s?#]+@")
_HEADER = re.compile(r"(\b(?:bearer|basic|token)\s+)[A-Za-z0-9._~+/=-]{16,}", re.IGNORECASE)
_SIGNED = re.compile(
    r"([?&](?:X-Amz-[A-Za-z-]+|Signature|Policy|Key-Pair-Id|sig|token|access_token)=)[^&\s\"'<>]+",
    re.IGNORECASE,
)

_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|WEBHOOK|(?:^|_)(?:KEY|PAT|DSN)(?:$|_)|_URL$", re.IGNORECASE
)

# Those of this process: what a server repeats need not look like a secret.
_known: set[str] = set()


def remember(*secrets: str | None) -> None:
    """From here on `redact` takes these values out of every text, in this process."""
    _known.update(secret for secret in secrets if secret is not None)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for a process that needs no secret: without what is named like one."""
    return {name: value for name, value in environment.items() if not _SECRET_NAME.search(name)}


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without secrets: those handed in, those remembered, and whatever looks like one.

    secrets: values that must never be seen, as they are or percent-encoded. Looking like one are
    tokens of the Hub, of GitHub and Slack, addresses of webhooks, a user and password in an
    address, and the signature of a signed one.
    """
    known = {secret for secret in (*secrets, *_known) if len(secret) >= SHORTEST_SECRET}
    known |= {quote(secret, safe="") for secret in known}
    # The longest first: one may stand within another.
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _TOKENS.sub(HIDDEN, text)
    for pattern in (_WEBHOOK, _HEADER, _SIGNED):
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return _CREDENTIALS.sub(rf"\1{HIDDEN}@", text)
