"""The stored workbooks of a source as one zip file of csv files, for people and other programs.

    DIR/<source>.zip
        <workbook>/<sheet>.csv

The same data gives the same bytes: no times, no order of the disk, no compression that differs from
machine to machine.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hugflow.hierarchy.errors import MissingFileError
from hugflow.hierarchy.load import Project, load_project
from hugflow.hierarchy.pulling.read_source import source_folder
from hugflow.hierarchy.storage import stored_files, stored_suffix
from hugflow.store.atomic import read_file, write_file

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_REFUSED = str.maketrans(dict.fromkeys('/\\:*?"<>|', "_"))


def archive_sources(
    path: str | Path, folder: Path, sources: Sequence[str] | None = None
) -> list[Path]:
    """Write an archive for each `sheets` source; the paths of those that were written."""
    project = load_project(path)
    made: list[Path] = []
    for name, source in project.config.sources.items():
        if source.format == "sheets" and (sources is None or name in sources):
            made.append(folder / f"{name}.zip")
            write_file(made[-1], _render(project, name))
    return made


def _render(project: Project, source: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
        for name, data in _list_members(project, source):
            member = zipfile.ZipInfo(name, _FIRST_DAY)
            member.create_system = 3
            member.external_attr = 0o100644 << 16
            packed.writestr(member, data)
    return file.getvalue()


def _list_members(project: Project, source: str) -> Iterator[tuple[str, bytes]]:
    suffix = stored_suffix(project.config.sources[source].format)
    for name in sorted(stored_files(project, source)):
        path = source_folder(project, source) / f"{name}{suffix}"
        try:
            content = json.loads(read_file(path))
            sheets: dict[str, list[dict[str, Any]]] = content["sheets"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MissingFileError(
                f"{path} is no stored workbook",
                why=f"it is missing or damaged ({type(error).__name__})",
                mend="pull the source again",
            ) from error
        taken: set[str] = set()
        for sheet, rows in sheets.items():
            yield f"{name}/{_file_name(sheet, taken)}.csv", _to_csv(rows)


def _file_name(sheet: str, taken: set[str]) -> str:
    """A name for a sheet's file; one that some disk takes for an earlier one gets a number."""
    name = first = sheet.translate(_REFUSED)
    number = 1
    while name.casefold() in taken:
        number += 1
        name = f"{first}-{number}"
    taken.add(name.casefold())
    return name


def _to_csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    if names:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
