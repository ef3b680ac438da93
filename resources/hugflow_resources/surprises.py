"""Errors that nobody foresaw, as Dagster keeps them: in words that hold no secret."""

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import format_exception

from hugflow.errors import HugflowError
from hugflow.redact import redact


class Surprise(Exception):
    """An error of another kind, whose words held a secret; they begin with its kind."""


@contextmanager
def no_secret_in_errors() -> Iterator[None]:
    """Raise errors of the block as they are, but for those that would tell a secret.

    Of such a one the kind, the words without the secret, and the place are kept; what it came of is
    not. Dagster writes all words of an error into its event log, where everybody reads them. Our own
    errors hold none, and only what they came of may.
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
