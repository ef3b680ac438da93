"""Where references are looked up: below a folder, or inside a source's archive."""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from hugflow.hierarchy.errors import MissingFileError
from hugflow.hierarchy.readers.csv_files import SUFFIX as CSV_SUFFIX
from hugflow.hierarchy.readers.download import download, is_url
from hugflow.hierarchy.readers.packed import MAX_PACKED_BYTES, open_packed
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
        return {name: self.read(f"{reference}/{name}") for name in names[:MAX_FILES]}


@dataclass(frozen=True, slots=True)
class ArchiveFiles:
    """The files in a zip archive, below a folder in it. Nothing is unpacked."""

    packed: zipfile.ZipFile
    shown: str
    folder: str = ""

    def read(self, reference: str) -> bytes:
        """The bytes of a member."""
        try:
            return self.packed.read(self._member(reference))
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


def _missing(what: str, why: str) -> MissingFileError:
    return MissingFileError(
        f"{what} cannot be read", why=why, mend="correct the reference, or bring the file back"
    )
