r"""The catalogue: the requests on main, as this machine last read them.

`STATE_DIR/catalog/requests.json`, written whole:

    {
      "version": 2,
      "commit": "1f0c...",                       of the branch, 40 hex
      "files": {                                 the bytes of each request file, as text
        "requests/add/speech.yaml": {
          "text": "hf_id: acme/speech\ndescription: For tests\n",
          "since": "1f0c...",                    main's commit when it was first seen like this
          "together": 0,                         removals that were first seen then
          "commit": "77ab...", "author": "Ada", "email": "ada@example.org",
          "title": "Merge pull request #12 from ada/speech"
                                                 the commit that brought it, null where unknown
          "repository": null, "repository_commit": null      of the parent that has it, if one has
        }
      },
      "problems": [                              files that could not even be read
        {"path": "requests/add/link.yaml", "what": "is a link", "why": "...", "mend": "..."}
      ],
      "config": "policy:\n  ...",                the project file of the same commit, or null
      "config_name": "hugflow.yml",              its name; left out: hugflow.yaml
      "allow": ["acme/Text"],                    flow modules that parents' allow lists name
      "allow_fault": null                        why these lists do not count, if they do not
    }

Bytes that are not UTF-8 are kept as lone surrogates, so that no byte is lost. A missing file means
that main is unknown; empty `files` means that main has no requests.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, field, fields, replace
from functools import cached_property
from pathlib import Path

from hugflow.late_dataclass import dataclass
from hugflow.project_file import NAMES as PROJECT_FILES
from hugflow.project_file import ProjectFile
from hugflow.requests.policy import Policy, policy_of, read_main_file
from hugflow.requests.problems import Problem
from hugflow.store.layout import Places
from hugflow.store.records import RecordForm

FILE_NAME = "requests.json"
_PULL_REQUEST = re.compile(r"^Merge pull request #(\d{1,9}) |\(#(\d{1,9})\)$")


@dataclass(frozen=True, slots=True)
class ArrivalOnMain:
    """How a request file came to main.

    since: main's commit when the file was first seen with these bytes.
    together: number of removals that were first seen at the same time.
    commit, author, email, title: of the commit that brought the file; None if unknown.
    repository, repository_commit: of the parent that an inherited request comes from, else None.
    """

    since: str
    together: int = 0
    commit: str | None = None
    author: str | None = None
    email: str | None = None
    title: str | None = None
    repository: str | None = None
    repository_commit: str | None = None

    @property
    def pull_request(self) -> int | None:
        """The number in the title that GitHub gives to a merge or squash commit."""
        found = _PULL_REQUEST.search(self.title or "")
        return int(found[1] or found[2]) if found else None


# Without slots: the digest is kept.
@dataclass(frozen=True)
class Catalog:
    """The request files of one commit of main, and the errors of files that could not be read.

    asked_by_path: how each file came to main.
    config: the project file of the commit.
    config_name: name of the project file.
    allow: allow entries of the parents that the project file names. allow_fault: why they are
    missing.
    """

    commit: str
    data_by_path: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()
    asked_by_path: Mapping[str, ArrivalOnMain] = field(default_factory=dict)
    config: bytes | None = None
    config_name: str = PROJECT_FILES[0]
    allow: tuple[str, ...] = ()
    allow_fault: str | None = None

    @property
    def policy(self) -> Policy:
        """The policy on main. Raises PolicyInvalid."""
        return policy_of(self.parse_project_file())

    def parse_project_file(self) -> ProjectFile:
        """Main's project file; raises PolicyInvalid if the file as a whole has problems."""
        return read_main_file(self.config, self.problems, self.config_name)

    @cached_property
    def digest(self) -> str:
        """Hex sha256 of all requests: commits that change no request have the same."""
        record = asdict(_to_record(replace(self, data_by_path={})))
        files = {path: _to_text(data) for path, data in self.data_by_path.items()}
        value = {**record, "version": CATALOG.version, "commit": None, "files": files}
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _FileRecord(ArrivalOnMain):
    """A request file and how it came to main."""

    text: str


@dataclass(frozen=True, slots=True)
class _ProblemRecord:
    """Why a file could not be read."""

    path: str
    what: str
    why: str
    mend: str


@dataclass(frozen=True, slots=True)
class _CatalogRecord:
    """The file; see the module."""

    commit: str
    files: dict[str, _FileRecord]
    problems: tuple[_ProblemRecord, ...]
    config: str | None
    config_name: str = PROJECT_FILES[0]
    allow: tuple[str, ...] = ()
    allow_fault: str | None = None


CATALOG = RecordForm(
    _CatalogRecord,
    "the catalogue",
    version=2,
    mend="delete the file: the sensor requests_on_main writes it again from main",
)


def read_catalog(places: Places) -> Catalog | None:
    """The catalogue as it was last written; None if there is none.

    Raises StateUnreadable if the file is damaged or from a later version.
    """
    record = CATALOG.find(_path(places))
    return _from_record(record) if record is not None else None


def write_catalog(places: Places, catalog: Catalog) -> None:
    """Write the catalogue whole, replacing an older one."""
    CATALOG.write(_path(places), _to_record(catalog))


def _path(places: Places) -> Path:
    return places.catalog / FILE_NAME


def _to_record(catalog: Catalog) -> _CatalogRecord:
    arrivals = catalog.asked_by_path
    return _CatalogRecord(
        commit=catalog.commit,
        files={
            path: _FileRecord(
                text=_to_text(data),
                **asdict(arrivals.get(path) or ArrivalOnMain(catalog.commit)),
            )
            for path, data in sorted(catalog.data_by_path.items())
        },
        problems=tuple(_ProblemRecord(p.path, p.what, p.why, p.mend) for p in catalog.problems),
        config=None if catalog.config is None else _to_text(catalog.config),
        config_name=catalog.config_name,
        allow=catalog.allow,
        allow_fault=catalog.allow_fault,
    )


def _from_record(record: _CatalogRecord) -> Catalog:
    return Catalog(
        commit=record.commit,
        data_by_path={path: _to_bytes(file.text) for path, file in record.files.items()},
        problems=tuple(_to_problem(problem) for problem in record.problems),
        asked_by_path={path: _to_arrival(file) for path, file in record.files.items()},
        config=None if record.config is None else _to_bytes(record.config),
        config_name=record.config_name,
        allow=record.allow,
        allow_fault=record.allow_fault,
    )


def _to_arrival(file: _FileRecord) -> ArrivalOnMain:
    names = [field.name for field in fields(ArrivalOnMain)]
    return ArrivalOnMain(**{name: getattr(file, name) for name in names})


def _to_problem(record: _ProblemRecord) -> Problem:
    return Problem(record.path, None, None, None, record.what, record.why, record.mend)


def _to_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
