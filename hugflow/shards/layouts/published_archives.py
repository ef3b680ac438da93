"""Published archives, each of one file or of parts that are read as one."""

from collections.abc import Sequence
from functools import partial
from typing import Any, BinaryIO, Final, cast

from hugflow.amounts import count
from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.shards.layouts.archives import ZIP_DAMAGED, is_archive, is_zip, open_zip
from hugflow.shards.layouts.joined import Piece, join_pieces
from hugflow.shards.layouts.layout import RepositoryAt
from hugflow.shards.layouts.spanned_zip import EndLacking, PartsLacking, find_wrong_part, to_one_zip
from hugflow.shards.layouts.split_archives import (
    SplitArchive,
    find_split_archives,
    later_parts,
    missing_error,
)
from hugflow.shards.layouts.tar_members import BLOCK, ArchiveDamaged, list_members

_GZIP_MARK: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class PublishedArchive:
    """A tar, tar.gz or zip. path: as one file; files: it, or its parts in order.

    split: what the names of its parts say; None of an archive of one file.
    """

    path: str
    files: tuple[PublishedFile, ...]
    split: SplitArchive | None = None

    @property
    def size_bytes(self) -> int:
        """Of all parts together."""
        return sum(file.size_bytes for file in self.files)


def find_archives(files: Sequence[PublishedFile]) -> list[PublishedArchive]:
    """The archives among the files of a repository, in the order of the files."""
    by_path = {file.path: file for file in files}
    split = {each.parts[-1]: each for each in find_split_archives(by_path) if each.is_read}
    parts = {path for each in split.values() for path in each.parts}
    found = []
    for file in files:
        if (each := split.get(file.path)) is not None:
            in_order = tuple(by_path[path] for path in each.parts)
            found.append(PublishedArchive(each.whole, in_order, each))
        elif is_archive(file.path) and file.path not in parts:
            found.append(PublishedArchive(file.path, (file,)))
    return found


def archives_of(
    files: Sequence[PublishedFile], published: Sequence[PublishedFile]
) -> list[PublishedArchive]:
    """The archives of a repository that have a file among `files`, in their order."""
    found = {file.path: each for each in find_archives(published) for file in each.files}
    return [*{each.path: each for f in files if (each := found.get(f.path)) is not None}.values()]


def tell_parts(archives: Sequence[PublishedArchive]) -> list[str]:
    """A warning that archives in parts are read as one."""
    split = [archive.split for archive in archives if archive.split is not None]
    more = f", and {len(split) - 1:,} more such archives" if split[1:] else ""
    return [f"{split[0].what}, which are read as one{more}"] if split else []


def open_archive(at: RepositoryAt, archive: PublishedArchive) -> BinaryIO:
    """A published archive as one file, by ranged reads; raises ArchiveDamaged."""
    if archive.split is None:
        return cast(BinaryIO, at.hub.open_file(at.repo, at.commit, archive.files[0]))
    pieces = _pieces(at, archive)
    return join_pieces(to_one_zip(pieces) if is_zip(archive.path) else pieces)


def check_parts(at: RepositoryAt, archive: PublishedArchive) -> None:
    """Raise RequestInvalid if a part of an archive is missing, or not what its name says.

    A zip's directory says what is in each part. Of a tar, the end says that it is the last part.
    """
    split, what = archive.split, f"{at.repo}@{at.commit[:7]}"
    if split is None:
        return
    if split.missing:
        raise missing_error(what, split.whole, split.missing)
    pieces = _pieces(at, archive)
    try:
        if is_zip(archive.path):
            _check_zip(archive, pieces)
        else:
            _check_tar(archive, pieces)
    except PartsLacking as lacking:
        later = later_parts(split, lacking.expected)
        if later:
            raise missing_error(what, split.whole, later) from lacking
        raise _not_one(what, archive, str(lacking)) from lacking
    except EndLacking as lacking:
        last, later = split.parts[-1], later_parts(split, len(split.parts) + 1)
        why = f"{in_a_line(last)!r} is not its end, so {in_a_line(later[0])!r} may be missing"
        raise _not_one(what, archive, why) from lacking
    except (ArchiveDamaged, *ZIP_DAMAGED) as error:
        raise _not_one(what, archive, str(error)) from error


def _pieces(at: RepositoryAt, archive: PublishedArchive) -> list[Piece]:
    def open_(file: PublishedFile) -> Any:
        return at.hub.open_file(at.repo, at.commit, file)

    return [Piece(file.size_bytes, partial(open_, file)) for file in archive.files]


def _check_zip(archive: PublishedArchive, pieces: Sequence[Piece]) -> None:
    with join_pieces(to_one_zip(pieces)) as file, open_zip(file) as opened:
        wrong = find_wrong_part(pieces, opened.infolist())
    if wrong is not None:
        name = in_a_line(archive.files[wrong].path)
        raise ArchiveDamaged(f"{name!r} does not hold the members that the directory names")


def _check_tar(archive: PublishedArchive, pieces: Sequence[Piece]) -> None:
    first = in_a_line(archive.files[0].path)
    with join_pieces(pieces) as file:
        if not archive.path.lower().endswith(".tar"):
            if file.read(len(_GZIP_MARK)) != _GZIP_MARK:
                raise ArchiveDamaged(f"{first!r} is not the begin of a tar.gz")
            return
        # A tar without any member is refused elsewhere.
        next(list_members(file, archive.size_bytes), None)
        file.seek(max(0, archive.size_bytes - BLOCK))
        if file.read(BLOCK).strip(b"\0"):
            raise EndLacking("it ends without blocks of zeros")


def _not_one(what: str, archive: PublishedArchive, why: str) -> RequestInvalid:
    return RequestInvalid(
        f"{what}: the {count(len(archive.files), 'part')} of {in_a_line(archive.path)!r} are not "
        "one archive",
        why=f"{in_a_line(why)}; or a part is damaged, or has the name of another one",
        mend="choose a revision that holds all parts, or report it to the dataset's owner",
    )
