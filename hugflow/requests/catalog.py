r"""The catalogue: what main asks for, as this machine last read it.

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
        }                                        the commit that brought it, null where unknown
      },
      "problems": [                              files that could not even be read
        {"path": "requests/add/link.yaml", "what": "is a link", "why": "...", "mend": "..."}
      ],
      "config": "policy:\n  ...",                the project file of the same commit, or null
      "config_name": "hugflow.yml"               its name; left out: hugflow.yaml
    }

Bytes that are not UTF-8 stand as lone surrogates, so that every byte survives the way. Without
the file nothing is known of main, which is something else than an empty `files`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hugflow.errors import StateUnreadable
from hugflow.project_file import NAMES as PROJECT_FILES
from hugflow.project_file import ProjectFile
from hugflow.requests.policy import Policy, policy_of, read_main_file
from hugflow.requests.problems import Problem
from hugflow.store.atomic import read_file, write_file
from hugflow.store.layout import Places

VERSION = 2
FILE_NAME = "requests.json"
_PULL_REQUEST = re.compile(r"^Merge pull request #(\d{1,9}) |\(#(\d{1,9})\)$")


@dataclass(frozen=True, slots=True)
class ArrivalOnMain:
    """How a request file came to main.

    since: main's commit when the file was first seen with these bytes. together: how many removals
    were first seen then. commit, author, email, title: of the commit that brought it, None where
    unknown.
    """

    since: str
    together: int = 0
    commit: str | None = None
    author: str | None = None
    email: str | None = None
    title: str | None = None

    @property
    def pull_request(self) -> int | None:
        """The number that GitHub writes into the title of a merge or of a squash."""
        found = _PULL_REQUEST.search(self.title or "")
        return int(found[1] or found[2]) if found else None


@dataclass(frozen=True, slots=True)
class Catalog:
    """The request files of one commit of main, and what kept others from being read.

    asked_by_path: how each file came there. config: the project file beside them;
    config_name: its name.
    """

    commit: str
    data_by_path: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()
    asked_by_path: Mapping[str, ArrivalOnMain] = field(default_factory=dict)
    config: bytes | None = None
    config_name: str = PROJECT_FILES[0]

    @property
    def policy(self) -> Policy:
        """What main lets requests ask for. Raises PolicyInvalid."""
        return policy_of(self.parse_project_file())

    def parse_project_file(self) -> ProjectFile:
        """Main's project file; raises PolicyInvalid where it has problems as a whole."""
        return read_main_file(self.config, self.problems, self.config_name)

    @property
    def digest(self) -> str:
        """Hex sha256 of what is asked for: commits that touch no request have the same."""
        files = {path: _to_text(data) for path, data in self.data_by_path.items()}
        value = {**_to_json(self), "commit": None, "files": files}
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def read_catalog(places: Places) -> Catalog | None:
    """What was last read of main, or None when nothing has been.

    Raises StateUnreadable when the file is damaged or from a later version.
    """
    path = _path(places)
    try:
        data = read_file(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be opened") from error
    try:
        value = json.loads(data)
        if value["version"] != VERSION:
            raise _unreadable(path, f"it has version {value['version']!r}, not {VERSION}")
        files, config = value["files"], value["config"]
        return Catalog(
            commit=str(value["commit"]),
            data_by_path={path: _to_bytes(file["text"]) for path, file in files.items()},
            problems=tuple(_to_problem(problem) for problem in value["problems"]),
            asked_by_path={path: _to_asked(file) for path, file in files.items()},
            config=None if config is None else _to_bytes(config),
            config_name=str(value.get("config_name", PROJECT_FILES[0])),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable(path, f"{type(error).__name__}: {error}") from error


def write_catalog(places: Places, catalog: Catalog) -> None:
    """Write the catalogue whole, in place of an older one."""
    write_file(_path(places), json.dumps(_to_json(catalog), indent=2) + "\n")


def _path(places: Places) -> Path:
    return places.catalog / FILE_NAME


def _to_json(catalog: Catalog) -> dict[str, Any]:
    return {
        "version": VERSION,
        "commit": catalog.commit,
        "files": {
            path: {
                "text": _to_text(data),
                **asdict(catalog.asked_by_path.get(path) or ArrivalOnMain(catalog.commit)),
            }
            for path, data in sorted(catalog.data_by_path.items())
        },
        "problems": [
            {"path": p.path, "what": p.what, "why": p.why, "mend": p.mend} for p in catalog.problems
        ],
        "config": None if catalog.config is None else _to_text(catalog.config),
        "config_name": catalog.config_name,
    }


def _to_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _to_asked(file: Mapping[str, Any]) -> ArrivalOnMain:
    who = (file["commit"], file["author"], file["email"], file["title"])
    return ArrivalOnMain(str(file["since"]), int(file["together"]), *who)


def _to_problem(value: Mapping[str, str]) -> Problem:
    where = (value["path"], None, None, None)
    return Problem(*where, value["what"], value["why"], value["mend"])


def _unreadable(path: Path, why: str) -> StateUnreadable:
    return StateUnreadable(
        f"the catalogue {path} cannot be read",
        why=why,
        mend="delete the file: the sensor requests_on_main writes it anew from main",
    )
