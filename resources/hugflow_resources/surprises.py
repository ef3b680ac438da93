"""Unforeseen errors, without secrets, for Dagster's event log."""

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import format_exception

from hugflow.errors import HugflowError
from hugflow.redact import redact


class Surprise(Exception):
    """An error of another class whose message held a secret; the message names that class first."""


@contextmanager
def no_secret_in_errors() -> Iterator[None]:
    """Raise errors of the block unchanged, unless they hold a secret.

    An error with a secret is replaced: its class, its message without the secret, and its place are
    kept; its cause is not. Dagster writes the whole error into its event log, which everybody can
    read. Our own errors hold no secret, but their causes may.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        text = "".join(format_exception(error))
        if redact(text) == text:
            raise
        if isinstance(error, HugflowError):
            raise error from None
        words = redact(f"{type(error).__name__}: {error}")
        raise Surprise(words).with_traceback(error.__traceback__) from None
