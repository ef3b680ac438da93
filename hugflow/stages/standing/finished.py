"""The mark that a dataset was found finished, and all that this depends on.

A full look at a finished dataset imports everything that making one needs: several times the cost
of the look. So `local-sync` leaves a mark when it found nothing to do, and the next one that finds
the mark and the same files ends at once. It imports this module and little else, so this module
reads its file itself.

`.hugflow-state/finished/<key>.json` in the project, one line; the key is of the request file's path:

    {"version": 1, "digest": "9f3c...", "folders": ["/p/requests"], "files": ["/p/.env"],
     "identities": ["/p/.hugflow-state/dagster/history/runs/index.db"], "names": ["STATE_DIR"],
     "views": ["/p/.hugflow-state/progress/acme__speech.json"], "is_told": true,
     "log": ["INFO", "text"], "entry": {"name": "acme__speech", ...}}

    folders: each file below them counts: its name, size and times
    files: files and folders that count by themselves; they may be absent
    identities: files that must be the same ones, whatever is in them; they may be absent
    views: files that count as they were after the look, which writes them
    names: of the environment, whose values count; none of them holds a secret
    is_told: whether Dagster knew all of it, or there is none
    log: the level and the form of the log
    entry: the answer, as `--json` prints it
    digest: sha256 of the other keys, and of all that they name as it was before the look

Whatever changes, the digest is another one, and the dataset is looked at in full; so it is without
a mark, and with a damaged one.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import read_file, write_view
from hugflow.store.layout import DAGSTER_FOLDER

VERSION = 1
MOST_BYTES = 1 << 20
# Where STATE_DIR is, is known only once the settings are read.
FINISHED_FOLDER = DAGSTER_FOLDER.parent / "finished"
# Compiled code is written when it is first imported.
_NOT_LOOKED_INTO = "__pycache__"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the answer depends on; see the module."""

    folders: tuple[str, ...]
    files: tuple[str, ...]
    identities: tuple[str, ...]
    names: tuple[str, ...]

    def digest(self, environ: Mapping[str, str]) -> str:
        """The digest of all that is named, as it is now. Raises OSError."""
        known = hashlib.sha256()
        for name in self.names:
            known.update(f"{name}={environ.get(name)!r}\0".encode("utf-8", "surrogateescape"))
        for path in self.identities:
            known.update(_identity(path))
        for path in self.files:
            known.update(_stamp(path))
        for folder in self.folders:
            known.update(_identity(folder))
            for line in _stamps_below(folder):
                known.update(line)
        return known.hexdigest()


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer of a full look, and what it depends on; see the module."""

    inputs: Inputs
    views: tuple[str, ...]
    is_told: bool
    log: tuple[str, str]
    entry: Mapping[str, Any]

    def digest(self, of_inputs: str) -> str:
        """The digest of the mark. of_inputs: their digest before the look."""
        content = [of_inputs, asdict(self), [_stamp(path).hex() for path in self.views]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def find_finished(root: Path, request: Path, environ: Mapping[str, str]) -> Finished | None:
    """The mark for a request file, if all that it depends on is as it was; else None."""
    try:
        content = json.loads(read_file(_path(root, request), MOST_BYTES))
        mark = _from_json(content)
        of_inputs = mark.inputs.digest(environ)
        is_same = content["version"] == VERSION and mark.digest(of_inputs) == content["digest"]
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return None
    return mark if is_same else None


def write_finished(root: Path, request: Path, mark: Finished, of_inputs: str) -> None:
    """Leave the mark for a request file. Raises OSError and the errors of the disk."""
    content = {"version": VERSION, "digest": mark.digest(of_inputs), **asdict(mark.inputs)}
    content |= {name: value for name, value in asdict(mark).items() if name != "inputs"}
    write_view(_path(root, request), json.dumps(content) + "\n")


def _from_json(content: dict[str, Any]) -> Finished:
    inputs = Inputs(*(tuple(content[each.name]) for each in fields(Inputs)))
    level, form = content["log"]
    views, entry = tuple(content["views"]), content["entry"]
    return Finished(inputs, views, content["is_told"] is True, (level, form), entry)


def _path(root: Path, request: Path) -> Path:
    key = hashlib.sha256(os.fsencode(os.path.abspath(request))).hexdigest()[:32]  # noqa: PTH100
    return root / FINISHED_FOLDER / f"{key}.json"


def _stamps_below(folder: str) -> Iterator[bytes]:
    """A line for each file and folder below a folder, in the order of the disk."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    folders: list[str] = []
    try:
        # By its descriptor: the system looks each name up in the folder, and not the whole path.
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if entry.name == _NOT_LOOKED_INTO:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    # Its times may change with a temporary file; what is in it is looked at.
                    folders.append(entry.name)
                    yield f"{entry.name} {entry.inode()}\0".encode("utf-8", "surrogateescape")
                else:
                    yield _line(entry.name, entry.stat(follow_symlinks=False))
    finally:
        os.close(descriptor)
    for name in folders:
        yield from _stamps_below(f"{folder}/{name}")


def _identity(path: str) -> bytes:
    try:
        found = os.stat(path)  # noqa: PTH116  # as `_stamp`
    except (FileNotFoundError, NotADirectoryError):
        return _absent(path)
    return f"{path} {found.st_dev} {found.st_ino}\0".encode("utf-8", "surrogateescape")


def _stamp(path: str) -> bytes:
    """The line of a file or folder that may be absent."""
    try:
        return _line(path, os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return _absent(path)


def _line(name: str, found: os.stat_result) -> bytes:
    times = f"{found.st_mtime_ns} {found.st_ctime_ns}"
    text = f"{name} {found.st_mode} {found.st_ino} {found.st_size} {times}\0"
    return text.encode("utf-8", "surrogateescape")


def _absent(path: str) -> bytes:
    return f"{path} absent\0".encode("utf-8", "surrogateescape")
