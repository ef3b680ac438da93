"""Where references are looked up: below a folder, or inside a source's archive."""

import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from hugflow.hierarchy.errors import MissingFileError
from hugflow.hierarchy.readers.csv_files import SUFFIX as CSV_SUFFIX
from hugflow.hierarchy.readers.download import download, is_url
from hugflow.hierarchy.readers.packed import MAX_PACKED_BYTES, open_packed, read_member
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import read_file

MAX_FILES = 10_000


class Files(Protocol):
    """Files by reference; each function raises MissingFileError for what is not there."""

    def read(self, reference: str) -> bytes:
        """The bytes of a file."""
        ...

    def read_csv(self, reference: str) -> Mapping[str, bytes]:
        """The csv files of a workbook, by name: a folder's, or the one file itself."""
        ...

    def find(self, before: str, after: str) -> dict[str, str]:
        """The references `{before}KEY{after}` by key; a key has no `/`."""
        ...


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The files below a folder. A reference may lead out of it: the project's owner wrote it."""

    folder: Path

    def read(self, reference: str) -> bytes:
        """The bytes of a file, or of an http address."""
        if is_url(reference):
            return download(reference, MAX_PACKED_BYTES)
        path = self.folder / reference
        try:
            return read_file(path, MAX_PACKED_BYTES)
        except OSError as error:
            raise _missing(str(path), error.strerror or "it cannot be read") from error

    def read_csv(self, reference: str) -> Mapping[str, bytes]:
        """The csv files of a folder, by name; or the one file."""
        path = self.folder / reference
        if is_url(reference) or not path.is_dir():
            return {Path(reference).name: self.read(reference)}
        names = sorted(each.name for each in path.iterdir() if each.name.endswith(CSV_SUFFIX))
        _refuse_too_many(names, reference)
        return {name: self.read(f"{reference}/{name}") for name in names}

    def find(self, before: str, after: str) -> dict[str, str]:
        """The files that fit, hidden ones left out."""
        above = before.rpartition("/")[0]
        folder = self.folder / above
        names = (
            [path.name for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
        )
        within = f"{above}/" if above or before.startswith("/") else ""
        return _pick([within + name for name in names if name[:1] != "."], before, after)


@dataclass(frozen=True, slots=True)
class ArchiveFiles:
    """The files in a zip archive, below a folder in it. Nothing is unpacked."""

    packed: zipfile.ZipFile
    shown: str
    folder: str = ""

    def read(self, reference: str) -> bytes:
        """The bytes of a member."""
        try:
            return read_member(self.packed, self._member(reference))
        except KeyError:
            raise _missing(f"{self.shown}, {self._member(reference)}", "no such member") from None

    def read_csv(self, reference: str) -> Mapping[str, bytes]:
        """The csv members of a folder, by name; or the one member."""
        if reference.endswith(CSV_SUFFIX):
            return {Path(reference).name: self.read(reference)}
        found = self._find(f"{reference.rstrip('/')}/*{CSV_SUFFIX}")
        if not found:
            raise _missing(f"{self.shown}, {self._member(reference)}", "no such folder with csv")
        return {Path(each).name: self.read(each) for each in found}

    def find(self, before: str, after: str) -> dict[str, str]:
        """The members that fit."""
        start = self._member("")
        names = [name.removeprefix(start) for name in self.packed.namelist()]
        return _pick(names, before, after)

    def _find(self, pattern: str) -> list[str]:
        wanted = self._member(pattern)
        cut = len(self._member(""))
        return sorted(
            name[cut:]
            for name in self.packed.namelist()
            if fnmatchcase(name, wanted) and name.count("/") == wanted.count("/")
        )

    def _member(self, reference: str) -> str:
        parts = [part for part in f"{self.folder}/{reference}".split("/") if part not in ("", ".")]
        return "/".join(parts) + ("/" if not reference and parts else "")


@contextmanager
def open_files(root: Path, basepath: str | None, archive: str | None) -> Iterator[Files]:
    """The files of a source: below `basepath` of the repository, or of the source's archive."""
    if archive is None:
        yield FolderFiles(root / (basepath or ""))
        return
    data = FolderFiles(root).read(archive)
    with open_packed(data, archive) as packed:
        yield ArchiveFiles(packed, archive, basepath or "")


def _pick(names: Iterable[str], before: str, after: str) -> dict[str, str]:
    found = {
        name[len(before) : len(name) - len(after)]: name
        for name in names
        if name.startswith(before)
        and name.endswith(after)
        and len(name) > len(before) + len(after)
        and "/" not in name[len(before) :]
    }
    _refuse_too_many(found, f"{before}*{after}")
    return found


def _refuse_too_many(found: Collection[str], what: str) -> None:
    if len(found) > MAX_FILES:
        raise MissingFileError(
            f"{what} means too many files",
            why=f"more than {MAX_FILES:,} are not read",
            mend="use several sources",
        )


def _missing(what: str, why: str) -> MissingFileError:
    return MissingFileError(
        f"{what} cannot be read", why=why, mend="correct the reference, or bring the file back"
    )
