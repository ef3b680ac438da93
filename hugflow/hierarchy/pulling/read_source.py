"""One source's own files, read and turned into what is stored."""

import json
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

from hugflow.errors import HugflowError
from hugflow.hierarchy.load import Project
from hugflow.hierarchy.project_config import SheetsSource, Source
from hugflow.hierarchy.pulling.places_read import Files, open_files
from hugflow.hierarchy.pulling.record import PulledSource, digest_of, source_hash
from hugflow.hierarchy.readers.csv_files import read_csv_files
from hugflow.hierarchy.readers.google_sheets import GoogleSheets
from hugflow.hierarchy.readers.json_file import (
    YAML_SUFFIXES,
    check_json,
    read_json_workbook,
    yaml_to_json,
)
from hugflow.hierarchy.readers.ods import read_ods
from hugflow.hierarchy.readers.table import Rows
from hugflow.hierarchy.readers.xlsx import read_xlsx
from hugflow.hierarchy.storage import OwnFile, find_pattern, stored_files, stored_suffix
from hugflow.late_dataclass import dataclass

WORKBOOK_VERSION = 1
# What Google says of the last minutes may be late.
SLACK = timedelta(minutes=5)
_READ_BY_SUBFORMAT: Mapping[str, Callable[[bytes, str], dict[str, Rows]]] = {
    "xlsx": read_xlsx,
    "ods": read_ods,
    "json": read_json_workbook,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be read. exit_code: of its error."""

    line: str
    exit_code: int


@dataclass(slots=True)
class ReadSource:
    """What a source stores.

    modified: when Google says that a sheet was last changed, by file; see `record`.
    """

    data_by_file: dict[str, bytes] = field(default_factory=dict)
    modified: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def note(self, where: str, error: HugflowError) -> None:
        """Remember a failure."""
        self.failures.append(Failure(f"{where}: {error.what}: {error.why}", error.exit_code))


def read_source(
    project: Project, name: str, google: GoogleSheets, before: PulledSource | None, now: datetime
) -> ReadSource:
    """Read every file of a source; one failure does not hide the others.

    before: what was pulled last; a Google sheet that has not changed since is not fetched again.
    """
    source = project.config.sources[name]
    done = ReadSource()
    is_same = before is not None and before.hash == source_hash(project, name)
    try:
        with open_files(project.root, source.basepath, source.files_archive) as files:
            pattern = find_pattern(project, name)
            found = files.find(*pattern) if pattern is not None else None
            for own in stored_files(project, name, found=found).values():
                file = own.name + stored_suffix(source.format)
                try:
                    if isinstance(source, SheetsSource) and source.subformat == "google_sheets":
                        stored = source_folder(project, name) / file
                        _read_google(
                            done, own, file, google, before if is_same else None, stored, now
                        )
                    else:
                        done.data_by_file[file] = _read_file(source, own, files)
                except HugflowError as error:
                    done.note(f"{name}: {own.name}", error)
    except HugflowError as error:
        done.note(name, error)
    return done


def to_stored_workbook(sheets: Mapping[str, Rows]) -> bytes:
    """A workbook as it is stored: the same bytes for the same rows."""
    content = {"meta": {"version": WORKBOOK_VERSION}, "sheets": sheets}
    return json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n"


def _read_google(
    done: ReadSource,
    own: OwnFile,
    file: str,
    google: GoogleSheets,
    before: PulledSource | None,
    stored: Path,
    now: datetime,
) -> None:
    """Read a Google sheet, or keep what is stored of it if it has not changed since."""
    modified = google.find_modified(own.target)
    if modified is not None and now - modified >= SLACK:
        done.modified[file] = modified.isoformat()
    if before is not None and file in done.modified:
        is_known = before.modified.get(file) == done.modified[file]
        data = stored.read_bytes() if is_known and stored.is_file() else None
        if data is not None and digest_of(data) == before.files.get(file):
            done.data_by_file[file] = data
            return
    sheets = read_xlsx(google.fetch_xlsx(own.target), own.name)
    done.data_by_file[file] = to_stored_workbook(sheets)


def _read_file(source: Source, own: OwnFile, files: Files) -> bytes:
    if not isinstance(source, SheetsSource):
        data = files.read(own.target)
        if source.format == "requests":
            return data
        is_yaml = PurePosixPath(own.target).suffix.lower() in YAML_SUFFIXES
        return (yaml_to_json if is_yaml else check_json)(data, own.target)
    if source.subformat == "csv":
        return to_stored_workbook(read_csv_files(files.read_csv(own.target), own.target))
    read = _READ_BY_SUBFORMAT[source.subformat]
    return to_stored_workbook(read(files.read(own.target), own.target))


def source_folder(project: Project, name: str) -> Path:
    """The folder in which a source's own files are stored."""
    return project.input / name
