"""The rows of an archive of clips: runs of members with one key.

In a tar, packed or not, the key is the path up to the first dot of its last part, as WebDataset has
it. A zip is read by its directory, so its members come by their keys, and the field of `a.5.wav` is
`wav`: a zip is a folder of clips, in which only a clip makes a row.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from itertools import islice
from typing import BinaryIO, Final

from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.shards.layouts.archives import Read, is_zip, open_members
from hugflow.shards.layouts.left_out import LeftOut
from hugflow.shards.layouts.member_fields import AUDIO, kind_of
from hugflow.shards.layouts.tar_members import ArchiveDamaged, Member, is_safe_name, plain_name

MOST_MEMBER_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Sample:
    """A run of members with one key; row: its place in the archive, from 0.

    content: of each field in order; None where it was not read.
    """

    row: int
    key: str
    content: dict[str, bytes | None] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Of what was read."""
        return sum(len(data) for data in self.content.values() if data is not None)


def read_samples(
    file: BinaryIO,
    name: str,
    size_bytes: int,
    is_taken: Callable[[int, str], bool],
    left_out: LeftOut,
    *,
    parts: int = 1,
    most_members: int | None = None,
    most_bytes: int = MOST_MEMBER_BYTES,
) -> Iterator[Sample]:
    """The rows of an open archive in order.

    name: of the archive, which says its format. size_bytes, parts: of the archive.
    is_taken: whether to read a field of a row.

    Raises ArchiveDamaged, also for a field of more than `most_bytes` that is to be read.
    """
    is_folder = is_zip(name)
    order = (lambda member: _split_at_ending(plain_name(member))) if is_folder else None
    members = open_members(file, name, size_bytes, left_out, parts=parts, order=order)
    sample: Sample | None = None
    row = 0
    for key, field_, member, read in _in_rows(islice(members, most_members), left_out, is_folder):
        if sample is not None and sample.key != key:
            if not is_folder or _has_clip(sample, left_out):
                yield sample
                row += 1
            sample = None
        if sample is None:
            sample = Sample(row, key)
        if field_ in sample.content:
            left_out.add("are in a row twice; the first is taken", member.name)
            continue
        taken = is_taken(row, field_)
        if taken and member.size_bytes > most_bytes:
            told, size = in_a_line(member.name), member.size_bytes
            raise ArchiveDamaged(f"{told!r} has {size:,} bytes, where {most_bytes:,} are read")
        sample.content[field_] = read() if taken else None
    if sample is not None and (not is_folder or _has_clip(sample, left_out)):
        yield sample


def _in_rows(
    members: Iterable[tuple[Member, Read]], left_out: LeftOut, is_folder: bool
) -> Iterator[tuple[str, str, Member, Read]]:
    """Key and field of each member that belongs to a row, with the member."""
    for member, read in members:
        if _belongs(member, left_out):
            name = plain_name(member.name) if is_folder else member.name
            key, field_ = (_split_at_ending if is_folder else _split_at_dot)(name)
            yield key, field_, member, read


def _has_clip(sample: Sample, left_out: LeftOut) -> bool:
    if any(kind_of(name) == AUDIO for name in sample.content):
        return True
    for name in sample.content:
        left_out.add("are beside no clip of their name", f"{sample.key}.{name}")
    return False


def _belongs(member: Member, left_out: LeftOut) -> bool:
    """Whether a member belongs to a row; counts why not."""
    folder, _, base = member.name.rpartition("/")
    if member.kind == "folder":
        return False
    if member.kind != "file":
        left_out.add(f"are no regular files but: {member.kind}", member.name)
    elif not is_safe_name(member.name):
        left_out.add("have names that lead out of the archive", member.name)
    elif base.startswith((".", "__")) or "__MACOSX" in folder.split("/"):
        left_out.add("are hidden", member.name)
    elif "." not in base.rstrip("."):
        left_out.add("have no ending, and so no key", member.name)
    elif member.size_bytes > MOST_MEMBER_BYTES:
        left_out.add(f"are larger than {MOST_MEMBER_BYTES:,} bytes", member.name)
    else:
        return True
    return False


def _split_at_dot(name: str) -> tuple[str, str]:
    folder, slash, base = name.rpartition("/")
    stem, _, field_ = base.partition(".")
    return f"{folder}{slash}{stem}", field_


def _split_at_ending(name: str) -> tuple[str, str]:
    folder, slash, base = name.rpartition("/")
    stem, _, field_ = base.rpartition(".")
    return f"{folder}{slash}{stem}", field_
