r"""The catalogue: what main asks for, as this machine last read it.

`STATE_DIR/catalog/requests.json`, written whole:

    {
      "version": 1,
      "commit": "1f0c...",                       of the branch, 40 hex
      "files": {                                 the bytes of each request file, as text
        "requests/add/speech.yaml": "hf_id: acme/speech\ndescription: For tests\n"
      },
      "problems": [                              files that could not even be read
        {"path": "requests/add/link.yaml", "what": "is a link", "why": "...", "mend": "..."}
      ]
    }

Bytes that are not UTF-8 stand as lone surrogates, so that every byte survives the way. Without
the file nothing is known of main, which is something else than an empty `files`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hugflow.errors import StateUnreadable
from hugflow.requests.problems import Problem
from hugflow.store.atomic import write_file
from hugflow.store.layout import Places

VERSION = 1
FILE_NAME = "requests.json"


@dataclass(frozen=True, slots=True)
class Catalog:
    """The request files of one commit of main, and what kept others from being read."""

    commit: str
    data_by_path: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()

    @property
    def digest(self) -> str:
        """Hex sha256 of what is asked for: commits that touch no request have the same."""
        value = {**_to_json(self), "commit": None}
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def read_catalog(places: Places) -> Catalog | None:
    """What was last read of main, or None when nothing has been.

    Raises StateUnreadable when the file is damaged or from a later version.
    """
    path = _path(places)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be opened") from error
    try:
        value = json.loads(data)
        if value["version"] != VERSION:
            raise _unreadable(path, f"it has version {value['version']!r}, not {VERSION}")
        return Catalog(
            commit=str(value["commit"]),
            data_by_path={
                path: text.encode("utf-8", "surrogateescape")
                for path, text in value["files"].items()
            },
            problems=tuple(_to_problem(problem) for problem in value["problems"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
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
            path: data.decode("utf-8", "surrogateescape")
            for path, data in sorted(catalog.data_by_path.items())
        },
        "problems": [
            {"path": p.path, "what": p.what, "why": p.why, "mend": p.mend} for p in catalog.problems
        ],
    }


def _to_problem(value: Mapping[str, str]) -> Problem:
    where = (value["path"], None, None, None)
    return Problem(*where, value["what"], value["why"], value["mend"])


def _unreadable(path: Path, why: str) -> StateUnreadable:
    return StateUnreadable(
        f"the catalogue {path} cannot be read",
        why=why,
        mend="delete the file: the sensor requests_on_main writes it anew from main",
    )
