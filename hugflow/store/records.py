"""Small state files as typed values: one form for each kind of record.

A record is a frozen dataclass; its file is one strict JSON object:

    {"version": 1, "asked_at": "2026-11-22T01:02:03.123456+00:00"}

    version: of the form; absent if the form has none
    crc32: of everything else, if the form asks for it

A file is damaged if it is not a regular file, is not UTF-8, is longer than its form allows, ends
early, nests too deeply, has a key twice, has a number outside of JSON or 64 bits, or has a field of
another type. An unknown key is ignored and an absent key gets its default, so a new optional key
needs no new version. A version rises only if an earlier Hugflow would make other rows from the
file.
"""

import json
import math
import re
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, PlainSerializer, TypeAdapter, ValidationError

from hugflow.errors import StateUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.store.atomic import read_file, write_file, write_view

T = TypeVar("T")

MOST_BYTES = 64 << 20
# The range of a signed number of eight bytes, such as a file's time in ns.
_LARGEST = 1 << 63
_MOST_SHOWN = 200
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LARGE_NUMBER = re.compile(r"[0-9]{19}|[0-9][eE]\+?[0-9]{2}")


def is_none(value: object) -> bool:
    """Whether a value is None: with `Field(exclude_if=is_none)`, a None is left out of the file."""
    return value is None


# A moment; every record writes it in UTC, as `isoformat` does.
Moment = Annotated[
    AwareDatetime,
    AfterValidator(lambda at: at.astimezone(UTC)),
    PlainSerializer(lambda at: at.astimezone(UTC).isoformat(), return_type=str),
]


@dataclass(frozen=True)
class RecordForm(Generic[T]):
    """The file form of one kind of record.

    kind: the dataclass.
    what: the kind in words, such as "the marker".
    version: None if the file has no such key.
    mend: how to fix a damaged file.
    is_summed: the file ends with a CRC-32 of itself.
    is_compact: the file is one line, as people do not read it.
    most_bytes: a longer file is damaged.
    """

    kind: type[T]
    what: str
    version: int | None
    mend: str
    is_summed: bool = False
    is_compact: bool = False
    most_bytes: int = MOST_BYTES

    def read(self, path: Path) -> T | None:
        """The record in a file; None if there is none, or it cannot be read."""
        try:
            return self.parse(read_file(path, self.most_bytes))
        except (OSError, ValueError):
            return None

    def find(self, path: Path) -> T | None:
        """The record in a file; None if the file does not exist. Raises as `require` does."""
        try:
            return self.parse(read_file(path, self.most_bytes))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(path, error.strerror or str(error)) from error
        except ValueError as error:
            raise self._unreadable(path, str(error)) from error

    def require(self, path: Path) -> T:
        """The record in a file. Raises StateUnreadable, with the path, if there is none."""
        record = self.find(path)
        if record is None:
            raise self._unreadable(path, "there is no such file")
        return record

    def parse(self, data: bytes | str) -> T:
        """The record in a text; raises ValueError with the reason."""
        content = _parse_strictly(data)
        if not isinstance(content, dict):
            raise ValueError("it is no JSON object")
        if self.version is not None:
            version = content.pop("version", None)
            if type(version) is not int or version != self.version:
                raise ValueError(f"it has version {version!r:.40}, not {self.version}")
        if self.is_summed and content.pop("crc32", None) != _crc(content):
            raise ValueError("its checksum is another one")
        try:
            if _SURROGATE.search(data if isinstance(data, str) else data.decode("utf-8")):
                # Names that are not UTF-8 hold lone surrogates, which the strict reader refuses.
                return self._adapter.validate_python(content)
            return self._adapter.validate_json(data, strict=True)
        except ValidationError as error:
            raise ValueError(_describe(error)) from None

    def render(self, record: T) -> str:
        """The record as the text of its file."""
        content: dict[str, Any] = self._adapter.dump_python(record)
        if self.is_summed:
            content["crc32"] = _crc(content)
        if self.version is not None:
            content = {"version": self.version, **content}
        text = self._dump(content, ensure_ascii=False)
        try:
            text.encode()
        except UnicodeEncodeError:
            return self._dump(content, ensure_ascii=True)
        return text

    def write(self, path: Path, record: T) -> None:
        """Write a record whole, and sync it to the disk."""
        write_file(path, self.render(record))

    def write_view(self, path: Path, record: T) -> None:
        """Write a record whole that several processes may write at once, and that may be lost."""
        write_view(path, self.render(record))

    def _dump(self, content: dict[str, Any], *, ensure_ascii: bool) -> str:
        indent = None if self.is_compact else 2
        return (
            json.dumps(
                content,
                indent=indent,
                ensure_ascii=ensure_ascii,
                allow_nan=False,
                default=_render_time,
            )
            + "\n"
        )

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self.kind)

    def _unreadable(self, path: Path, why: str) -> StateUnreadable:
        return StateUnreadable(f"{self.what} {path} cannot be read", why=why, mend=self.mend)


def _parse_strictly(data: bytes | str) -> Any:
    """A JSON value; raises ValueError for text that a lenient reader would accept."""
    text = data.decode("utf-8") if isinstance(data, bytes) else data
    # Checking each number takes ten times as long: only done if one may be too large.
    is_suspect = _LARGE_NUMBER.search(text) is not None
    try:
        return json.loads(
            text,
            object_pairs_hook=_to_object,
            parse_constant=_refuse_constant,
            parse_float=_to_float if is_suspect else None,
            parse_int=_to_int if is_suspect else None,
        )
    except RecursionError:
        raise ValueError("it nests too deeply") from None


def _to_object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {in_a_line(key, 40)!r} comes twice")
        found[key] = value
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _to_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number


def _to_int(digits: str) -> int:
    # Converting a million digits to a number takes minutes.
    if len(digits) > 20 or not -_LARGEST <= int(digits) < _LARGEST:
        raise ValueError(f"{digits[:40]} is too large a number")
    return int(digits)


def _render_time(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _crc(content: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def _describe(error: ValidationError) -> str:
    """The first error: `rows.made: Input should be a valid integer`."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return in_a_line(f"{where}: {first['msg']}" if where else first["msg"], _MOST_SHOWN)
