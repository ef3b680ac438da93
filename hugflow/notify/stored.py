"""Values of ours as JSON files: written by one version of Hugflow, read by another.

A value is a frozen dataclass. Fields that a later version added are passed over, and those that an
earlier one did not have take their defaults; what cannot be read at all is None.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from hugflow.store.atomic import read_file

T = TypeVar("T")


@dataclass(frozen=True)
class Form(Generic[T]):
    """How values of one kind lie in files; version: raised when an earlier Hugflow would misread them."""

    kind: type[T]
    version: int

    def to_text(self, value: T) -> str:
        """The value as the text of a file."""
        content = self._adapter.dump_python(value, mode="json")
        content = {"version": self.version, **content}
        return json.dumps(content, indent=2) + "\n"

    def read(self, path: Path) -> T | None:
        """The value in a file; None where there is none, a damaged one, or a later version's."""
        try:
            content = json.loads(read_file(path))
            if content.pop("version") > self.version:
                return None
            return self._adapter.validate_python(content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self.kind)
