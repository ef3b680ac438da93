"""The question that a conflict ends in: answered beforehand, by a person, or not at all."""

import sys
from collections.abc import Callable
from typing import Literal

from hugflow.errors import FlowModuleConflict
from hugflow.late_dataclass import dataclass

# The only answer that replaces anything.
YES = "Y"

Choice = Literal["keep", "replace"]
Confirm = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Asker:
    """How conflicts are settled: by `choice`, else by `confirm`, else at the terminal.

    confirm: is given the question, and answers True or "Y" to replace.
    """

    choice: Choice | None = None
    confirm: Confirm | None = None

    def may_replace(self, question: str, conflict: FlowModuleConflict) -> bool:
        """Whether to replace; raises `conflict` where nobody can be asked."""
        if self.choice is not None:
            return self.choice == "replace"
        if self.confirm is not None:
            answer = self.confirm(question)
            return answer is True or answer == YES
        if not _is_terminal():
            raise conflict
        print(f"{question} [{YES}/n] ", end="", file=sys.stderr, flush=True)  # noqa: T201  # a question
        return sys.stdin.readline().strip() == YES


def _is_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
