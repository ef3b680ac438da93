"""The members of a tar archive, one after the other, without extracting anything.

Formats: v7, ustar, GNU (long names) and pax (`path`, `size`). A member's name is text and never
becomes a path here. Only regular files have content; links, devices, folders and sparse files are
given with their kind, so that the caller can count them.
https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06
"""

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import BinaryIO, Final, Literal

from hugflow.late_dataclass import dataclass

Kind = Literal["file", "folder", "link", "device", "sparse"]

BLOCK: Final = 512
# Long names and pax headers are read whole.
_MOST_NAME_BYTES: Final = 64 << 10
_MOST_HEADER_BYTES: Final = 1 << 20
_MOST_LENGTH_DIGITS: Final = 8
# Larger numbers are no sizes of files.
_MOST_DIGITS: Final = 19
_OCTAL: Final = frozenset(b"01234567")
_KINDS: Final[dict[bytes, Kind]] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "link",
    b"2": "link",
    b"5": "folder",
    b"S": "sparse",
}


class ArchiveDamaged(Exception):
    """The bytes are not a whole archive."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive; start: the position of its content."""

    name: str
    size_bytes: int
    kind: Kind
    start: int


def is_safe_name(name: str) -> bool:
    """Whether a member's name stays inside the archive: relative, and without `..`."""
    parts = name.replace("\\", "/").split("/")
    is_absolute = name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":")
    return bool(name) and not is_absolute and ".." not in parts and "\0" not in name


def plain_name(name: str) -> str:
    """A member's name without `./` in front and without doubled slashes."""
    return PurePosixPath(name).as_posix()


def list_members(
    file: BinaryIO,
    size_bytes: int | None,
    most_bytes: int | None = None,
    note: Callable[[str], None] | None = None,
) -> Iterator[Member]:
    """The members in order; `file` is at the start of the archive.

    size_bytes: of the archive; None for a compressed one, whose size is not known.
    most_bytes: how much is unpacked of a compressed one at most.
    note: called with what is odd but no damage: the archive has no end, after whole members.

    Blocks of zeros end an archive, and another may follow: people join tars by `cat`.
    Between two members the caller may read the content of the first by `read_member`.
    Raises ArchiveDamaged where the archive is cut short, is no tar, or unpacks to more, and where
    bytes that are no member follow its end.
    """
    at, changed, is_ended = 0, _Changed(), False
    while True:
        _check_growth(at, most_bytes)
        _seek(file, at, size_bytes)
        header = file.read(BLOCK)
        if not header.strip(b"\0"):
            if header and len(header) < BLOCK and not is_ended:
                raise ArchiveDamaged("it ends in the middle of a header")
            if changed != _Changed():
                raise ArchiveDamaged("it ends after the name of a member")
            if len(header) < BLOCK:
                if note is not None and not is_ended:
                    note("it has no blocks of zeros at its end, so members may be missing")
                return
            at, is_ended = at + BLOCK, True
            continue
        name, size, flag = _parse_behind_end(header, at) if is_ended else _parse(header)
        is_ended = False
        start = at + BLOCK
        if flag in b"LKxg":
            at = start + _padded(size)
            changed = _read_extra(file, flag, size, changed)
            continue
        name = changed.name or name
        size = size if changed.size_bytes is None else changed.size_bytes
        kind: Kind = _KINDS.get(flag, "device")
        if changed.is_sparse:
            kind = "sparse"
        elif kind == "file" and name.endswith("/"):
            kind = "folder"
        if kind in ("link", "folder"):
            # Some writers give a link the size of the file it points to.
            size = 0
        at, changed = start + _padded(size), _Changed()
        if size_bytes is not None and start + size > size_bytes:
            raise ArchiveDamaged(f"it ends in the middle of {name!r}")
        _check_growth(start + size, most_bytes)
        yield Member(name, size, kind, start)


def read_member(file: BinaryIO, member: Member) -> bytes:
    """The content of a member; raises ArchiveDamaged where the archive is cut short."""
    file.seek(member.start)
    data = file.read(member.size_bytes)
    if len(data) != member.size_bytes:
        raise ArchiveDamaged(f"it ends in the middle of {member.name!r}")
    return data


@dataclass(frozen=True, slots=True)
class _Changed:
    """What extra headers say of the next member."""

    name: str | None = None
    size_bytes: int | None = None
    is_sparse: bool = False


def _check_growth(unpacked_bytes: int, most_bytes: int | None) -> None:
    if most_bytes is not None and unpacked_bytes > most_bytes:
        raise ArchiveDamaged(f"it unpacks to more than {most_bytes:,} bytes, many times its size")


def _seek(file: BinaryIO, at: int, size_bytes: int | None) -> None:
    if size_bytes is not None:
        if at > size_bytes:
            # Even the padding of the last member belongs to the archive; more may be lost with it.
            raise ArchiveDamaged("it ends in the middle of a member")
        file.seek(at)
    elif file.tell() != at and file.seek(at) < at - BLOCK + 1:
        # A compressed file ends where its bytes end; the padding of the last member may lack.
        raise ArchiveDamaged("it ends in the middle of a member")


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _parse(header: bytes) -> tuple[str, int, bytes]:
    """Name, size and type of a header; raises ArchiveDamaged if it is none."""
    if len(header) < BLOCK:
        raise ArchiveDamaged("it ends in the middle of a header")
    blank = header[:148] + b" " * 8 + header[156:]
    if _number(header[148:156]) not in (sum(blank), sum(blank) - 256 * sum(b > 127 for b in blank)):
        raise ArchiveDamaged("a header's checksum is wrong, so it is no tar, or is damaged")
    name = _text(header[:100])
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return (f"{prefix}/{name}" if prefix else name), _number(header[124:136]), header[156:157]


def _parse_behind_end(header: bytes, at: int) -> tuple[str, int, bytes]:
    try:
        return _parse(header)
    except ArchiveDamaged as damaged:
        told = f"bytes that are no member follow its end, at byte {at:,}"
        raise ArchiveDamaged(told) from damaged


def _number(field: bytes) -> int:
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip()
    # Digits alone: with a sign, the next member would be this one again.
    if not set(digits) <= _OCTAL:
        raise ArchiveDamaged("a header holds no number where its size must be")
    return int(digits or b"0", 8)


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def _read_extra(file: BinaryIO, flag: bytes, size: int, before: _Changed) -> _Changed:
    most = _MOST_NAME_BYTES if flag in b"LK" else _MOST_HEADER_BYTES
    if size > most:
        raise ArchiveDamaged(f"the name of a member takes {size:,} bytes")
    data = file.read(size)
    if len(data) != size:
        raise ArchiveDamaged("it ends in the middle of a member's name")
    if flag == b"L":
        return _Changed(_text(data), before.size_bytes, before.is_sparse)
    if flag != b"x":
        return before
    fields = _parse_pax(data)
    size_text = fields.get("size")
    if size_text is not None and not (
        size_text.isascii() and size_text.isdigit() and len(size_text) <= _MOST_DIGITS
    ):
        raise ArchiveDamaged("a pax header holds no number where a size must be")
    return _Changed(
        fields.get("path", before.name),
        before.size_bytes if size_text is None else int(size_text),
        any(name.startswith("GNU.sparse") for name in fields),
    )


def _parse_pax(data: bytes) -> dict[str, str]:
    """The records `<length> <name>=<value>` of a pax header, each ending with a line break."""
    fields: dict[str, str] = {}
    at, end = 0, len(data.rstrip(b"\0"))
    while at < end:
        blank = data.find(b" ", at, at + _MOST_LENGTH_DIGITS + 1)
        digits = data[at:blank] if blank > at else b""
        stop = at + (int(digits) if digits.isdigit() else 0)
        record = data[blank + 1 : stop - 1]
        if not at < blank < stop - 1 or stop > len(data) or b"=" not in record:
            raise ArchiveDamaged("a pax header is damaged")
        name, _, value = record.partition(b"=")
        fields[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        at = stop
    return fields
