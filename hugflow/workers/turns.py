"""Turns: many at once, or one alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final

_LOOK_EVERY_S: Final = 0.2


class Turns:
    """Gives out turns to threads. A turn alone waits for the others, and keeps new ones waiting."""

    def __init__(self) -> None:
        """No turn is given yet."""
        self._changed = Condition()
        self._given = 0
        self._wait_for_one_alone = 0
        self._is_one_alone = False

    @contextmanager
    def take(self, *, alone: bool, look: Callable[[], None]) -> Iterator[None]:
        """Wait for a turn, and keep it while the block runs.

        look: called now and then during the wait; what it raises ends the wait.
        """
        with self._changed:
            self._wait_for_one_alone += alone
            try:
                while self._must_wait(alone=alone):
                    self._changed.wait(_LOOK_EVERY_S)
                    look()
            finally:
                self._wait_for_one_alone -= alone
            self._given += 1
            self._is_one_alone = alone
        try:
            yield
        finally:
            with self._changed:
                self._given -= 1
                self._is_one_alone = False
                self._changed.notify_all()

    def _must_wait(self, *, alone: bool) -> bool:
        if alone:
            return self._given > 0
        return self._is_one_alone or self._wait_for_one_alone > 0
