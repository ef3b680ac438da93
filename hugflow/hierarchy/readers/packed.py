"""The zip file that an xlsx or ods workbook is, opened within bounds."""

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from xml.parsers import expat

from hugflow.hierarchy.readers.cells import WorkbookInvalid

MAX_PACKED_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_MEMBERS = 10_000
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
)


@contextmanager
def open_packed(data: bytes, workbook: str) -> Iterator[zipfile.ZipFile]:
    """The workbook as a zip file, after a look at its sizes and its XML.

    Raises WorkbookInvalid for what is no zip file, is too large, or declares XML entities: those
    may grow without bound, and no spreadsheet program writes them.
    """
    if len(data) > MAX_PACKED_BYTES:
        raise too_large(workbook, f"it has more than {MAX_PACKED_BYTES:,} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            _check(packed, workbook)
            yield packed
    except _DAMAGED as error:
        raise WorkbookInvalid(
            f"{workbook} is no workbook",
            why=f"xlsx and ods workbooks are zip files, and this one cannot be opened: {error}",
            mend="save it again in its program, without a password",
        ) from error


def read_member(packed: zipfile.ZipFile, member: zipfile.ZipInfo | str) -> bytes:
    """The bytes of a member. Raises KeyError, and what `open_packed` names as damage."""
    try:
        return packed.read(member)
    except OSError as error:
        # bz2 has no error of its own for damaged bytes.
        raise zipfile.BadZipFile(str(error)) from error


def too_large(workbook: str, why: str) -> WorkbookInvalid:
    """The error for a workbook that exceeds a bound."""
    return WorkbookInvalid(f"{workbook} is too large", why=why, mend="split the workbook")


def _check(packed: zipfile.ZipFile, workbook: str) -> None:
    members = packed.infolist()
    if len(members) > MAX_MEMBERS:
        raise too_large(workbook, f"it has more than {MAX_MEMBERS:,} members")
    if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise too_large(workbook, f"unpacked it has more than {MAX_UNPACKED_BYTES:,} bytes")
    for member in members:
        if PurePosixPath(member.filename).suffix.lower() in (".xml", ".rels"):
            _refuse_entities(read_member(packed, member), f"{workbook}, {member.filename}")


def _refuse_entities(data: bytes, where: str) -> None:
    def refuse(*_: object) -> None:
        raise WorkbookInvalid(
            f"{where}: declares a document type",
            why="its entities could grow without bound, and no spreadsheet program writes one",
            mend="save the workbook again in its program",
        )

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise WorkbookInvalid(
            f"{where}: is damaged",
            why=f"it is not XML: {error}",
            mend="save the workbook again in its program",
        ) from error
