"""One source's own files, read and turned into what is stored."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hugflow.errors import HugflowError
from hugflow.hierarchy.load import Project
from hugflow.hierarchy.project_config import SheetsSource, Source
from hugflow.hierarchy.pulling.places_read import Files, open_files
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

WORKBOOK_VERSION = 1
_READ_BY_SUBFORMAT: Mapping[str, Callable[[bytes, str], dict[str, Rows]]] = {
    "xlsx": read_xlsx,
    "ods": read_ods,
    "json": read_json_workbook,
}


@dataclass(frozen=True, slots=True)
class ReadSource:
    """What a source stores. failures: a line for each file that could not be read."""

    data_by_file: Mapping[str, bytes]
    failures: tuple[str, ...] = ()


def read_source(project: Project, name: str, google: GoogleSheets) -> ReadSource:
    """Read every file of a source; one failure does not hide the others."""
    source = project.config.sources[name]
    data_by_file: dict[str, bytes] = {}
    failures: list[str] = []
    try:
        with open_files(project.root, source.basepath, source.files_archive) as files:
            pattern = find_pattern(project, name)
            found = files.find(*pattern) if pattern is not None else None
            for own in stored_files(project, name, found=found).values():
                try:
                    data = _read_file(source, own, files, google)
                    data_by_file[own.name + stored_suffix(source.format)] = data
                except HugflowError as error:
                    failures.append(f"{name}: {own.name}: {error.what}: {error.why}")
    except HugflowError as error:
        failures.append(f"{name}: {error.what}: {error.why}")
    return ReadSource(data_by_file, tuple(failures))


def to_stored_workbook(sheets: Mapping[str, Rows]) -> bytes:
    """A workbook as it is stored: the same bytes for the same rows."""
    content = {"meta": {"version": WORKBOOK_VERSION}, "sheets": sheets}
    return json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n"


def _read_file(source: Source, own: OwnFile, files: Files, google: GoogleSheets) -> bytes:
    if not isinstance(source, SheetsSource):
        data = files.read(own.target)
        if source.format == "requests":
            return data
        is_yaml = PurePosixPath(own.target).suffix.lower() in YAML_SUFFIXES
        return (yaml_to_json if is_yaml else check_json)(data, own.target)
    if source.subformat == "google_sheets":
        return to_stored_workbook(read_xlsx(google.fetch_xlsx(own.target), own.name))
    if source.subformat == "csv":
        return to_stored_workbook(read_csv_files(files.read_csv(own.target), own.target))
    read = _READ_BY_SUBFORMAT[source.subformat]
    return to_stored_workbook(read(files.read(own.target), own.target))


def source_folder(project: Project, name: str) -> Path:
    """The folder in which a source's own files are stored."""
    return project.input / name
