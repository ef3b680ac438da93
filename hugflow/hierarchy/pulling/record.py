"""`meta.json` beside the pulled data: what was pulled, when, and by which configuration.

    {
      "pipeline_version": "0.1.0",        the version of Hugflow
      "config_version": "1.2.0",          `meta.version` of the project, or "legacy"
      "pull_timestamp": "2026-01-31T12:00:00+00:00",     when the pull began, UTC
      "hash": "4f...",                    over the hashes below
      "sources": {
        "times": {
          "hash": "9a...",                sha256 of the configuration that decides what is pulled
          "files": {"a.json": "77..."},   sha256 of each file that pull wrote
          "modified": {"a.json": "2026-01-30T08:00:00+00:00"}       of a Google sheet, if known
        }
      }
    }

Files are removed only if they are named here. A file of another version, without `sources`, counts
as none.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hugflow.errors import CannotWrite
from hugflow.hierarchy.load import Project
from hugflow.hierarchy.storage import META_NAME
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import read_file

LEGACY = "legacy"
_LARGEST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PulledSource:
    """What was pulled of one source.

    hash: of its configuration. files: sha256 by name. modified: when Google says that a sheet was
    last changed, by name; left out where it was changed just before it was pulled.
    """

    hash: str
    files: Mapping[str, str]
    modified: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PullRecord:
    """The content of `meta.json`; pulled_at: None if nothing was pulled yet."""

    sources: Mapping[str, PulledSource] = field(default_factory=dict)
    pulled_at: datetime | None = None


def record_path(project: Project) -> Path:
    """Where the record of a project is."""
    return project.input / META_NAME


def read_record(path: Path) -> PullRecord:
    """The record at a path; an empty one if there is none, or it was written by another program.

    Raises CannotWrite if it cannot be read.
    """
    try:
        content = json.loads(read_file(path, _LARGEST_BYTES))
        pulled_at = datetime.fromisoformat(content["pull_timestamp"])
        sources = {
            str(name): PulledSource(
                str(each["hash"]), _texts(each["files"]), _texts(each.get("modified", {}))
            )
            for name, each in content["sources"].items()
        }
    except FileNotFoundError:
        return PullRecord()
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return PullRecord()
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be read",
            why=error.strerror or "it cannot be opened",
            mend="make it a file that you may read",
        ) from error
    return PullRecord(sources, pulled_at)


def render_record(project: Project, record: PullRecord) -> bytes:
    """The bytes of the record."""
    sources = {
        name: {
            "hash": each.hash,
            "files": dict(sorted(each.files.items())),
            **({"modified": dict(sorted(each.modified.items()))} if each.modified else {}),
        }
        for name, each in sorted(record.sources.items())
    }
    hashes = {name: each.hash for name, each in sorted(record.sources.items())}
    content = {
        "pipeline_version": version("hugflow"),
        "config_version": str(project.config.meta.get("version", LEGACY)),
        "pull_timestamp": record.pulled_at.isoformat() if record.pulled_at else None,
        "hash": _digest(hashes),
        "sources": sources,
    }
    return json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n"


def source_hash(project: Project, name: str) -> str:
    """A digest over the configuration that decides what is pulled for a source."""
    source = project.config.sources[name]
    names = project.config.sheet_names
    entries = [*source.files_list]
    for value in source.files_dict.values():
        entries += [value] if isinstance(value, str) else value
    content: Mapping[str, Any] = {
        **source.model_dump(mode="json", exclude={"parent_sources", "on_collision", "duplicates"}),
        "sheet_names": {entry: names[entry] for entry in sorted(set(entries)) if entry in names},
    }
    return _digest(content)


def digest_of(data: bytes) -> str:
    """The sha256 of a file's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def _digest(content: object) -> str:
    return digest_of(json.dumps(content, sort_keys=True).encode())


def _texts(values: Mapping[Any, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in values.items()}
