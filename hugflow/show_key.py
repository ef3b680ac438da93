"""A key that somebody wrote, as it may be shown: it may be a token in the wrong place."""

import re

HIDDEN = "(not shown)"

_MAX_SHOWN_CHARACTERS = 32
_PLAIN_KEY = re.compile(r"<<|[A-Za-z_][A-Za-z_ -]*[0-9]{0,2}")
# What has a name like that is no field, and likely a token that happens to hold no digit.
_TOKEN_LIKE = re.compile(
    r"[A-Za-z]{16}|\A(?:hf|gh[a-z]|github|glpat|sk|xox[a-z])[_-].{5}", re.IGNORECASE
)


def show_key(key: str) -> str:
    """Give the key itself when it is plainly a word, `(not shown)` when it may be a secret."""
    is_plain = (
        len(key) <= _MAX_SHOWN_CHARACTERS
        and _PLAIN_KEY.fullmatch(key) is not None
        and _TOKEN_LIKE.search(key) is None
    )
    return key if is_plain else HIDDEN
