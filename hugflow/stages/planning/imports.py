"""Taking in an archive that a person downloaded: its bytes, and its request."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import yaml

from hugflow.clients.hub import Hub
from hugflow.clients.imported import ArchiveMissing, ImportedArchive, archive_ending
from hugflow.errors import HugflowError, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.requests.model import AddRequest
from hugflow.shards.layouts.archives import is_zip
from hugflow.shards.layouts.joined import Piece, join_pieces, local_pieces
from hugflow.shards.layouts.spanned_zip import to_one_zip
from hugflow.shards.layouts.tar_members import ArchiveDamaged
from hugflow.stages.standing.upstream import WAITING, read_any_note, write_note
from hugflow.stages.tree.stored_dataset import glance_at_dataset
from hugflow.store.atomic import (
    disk_errors,
    fresh_temporary,
    make_folder,
    sync_folder,
    write_file,
)
from hugflow.store.layout import Places

_COPIED_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Imported:
    """An archive that is here. is_new: whether its bytes were not here before."""

    path: Path
    sha256: str
    size_bytes: int
    is_new: bool


def import_archive(places: Places, source: Path, parts: Sequence[Path] = ()) -> Imported:
    """Copy an archive to `STATE_DIR/archives/<sha256>`, whole or not at all.

    parts: the files of an archive in parts, in order; they are joined, and `source` is its path as
    one file.

    Raises UsageWrong for what is no archive, CannotWrite and DiskFull.
    """
    paths = parts or (source,)
    try:
        ending = archive_ending(paths[0])
        pieces = _pieces(paths)
    except OSError as error:
        raise UsageWrong(
            f"{error.filename or source} cannot be read",
            why=error.strerror or str(error),
            mend="name an archive that you downloaded",
        ) from error
    if ending is None:
        raise UsageWrong(
            f"{source} is no archive that is read",
            why="it begins neither like a tar, nor a tar.gz, nor a zip",
            mend="name the archive as it was downloaded; pack a folder with `tar -czf`",
        )
    make_folder(places.archives)
    temporary = fresh_temporary(places.archives / f"import-{os.getpid()}")
    try:
        digest, size = _copy(pieces, temporary)
        target = places.archives / digest
        is_new = not target.is_file() or target.stat().st_size != size
        with disk_errors(target):
            if is_new:
                temporary.replace(target)
                sync_folder(places.archives)
    finally:
        temporary.unlink(missing_ok=True)
    return Imported(source, digest, size, is_new)


def write_import_request(folder: Path, request: AddRequest) -> tuple[Path, bool]:
    """Write the request of an imported archive; its path, and whether it is new.

    Raises UsageWrong if the file exists and asks for something else.
    """
    from hugflow.requests.read import read_request

    path = folder / "add" / f"{request.name.partition('__split_')[0]}.yaml"
    told = {
        "hf_id": request.hf_id,
        "description": request.description,
        **({"subset": request.subset} if request.subset is not None else {}),
        **({"split": request.split} if request.is_asked("split") else {}),
        "source": _source_of(request),
    }
    if path.exists():
        if read_request(path) == request:
            return path, False
        raise UsageWrong(
            f"{path} asks for something else",
            why="a request of this name exists already, and is not replaced",
            mend="give another --hf-id, or edit the file: its source is "
            + yaml.safe_dump(told["source"], default_flow_style=True).strip(),
        )
    make_folder(path.parent)
    write_file(path, yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=90))
    return path, True


def source_hub(request: AddRequest, places: Places, hub: Hub) -> Hub:
    """What a request is read from: the Hub, or its imported archive."""
    if request.source is None or request.source.archive is None:
        return hub
    return ImportedArchive(places.archives, request.source.archive, hub)


@contextmanager
def noted_when_waiting(places: Places, name: str) -> Iterator[None]:
    """Keep the note `waiting` while the archive of a request is not on this host."""
    now = datetime.now(UTC)
    try:
        yield
    except ArchiveMissing as missing:
        plan = glance_at_dataset(places, name).plan_id or ""
        write_note(places, name, plan, WAITING, missing.why, now)
        raise
    except HugflowError:
        raise
    else:
        if read_any_note(places, name) == WAITING:
            write_note(places, name, glance_at_dataset(places, name).plan_id or "", None, None, now)


def _source_of(request: AddRequest) -> dict[str, str]:
    source = request.source
    if source is None or source.archive is None or source.recipe is None:
        raise ValueError("an imported archive has a recipe")
    return {"archive": source.archive, "recipe": source.recipe}


def _pieces(paths: Sequence[Path]) -> Sequence[Piece]:
    """The bytes of one archive; raises OSError, and UsageWrong for parts that are not one zip."""
    pieces = local_pieces(paths)
    if not is_zip(paths[-1].name) or len(paths) == 1:
        return pieces
    try:
        return to_one_zip(pieces)
    except ArchiveDamaged as damaged:
        raise UsageWrong(
            f"the {len(paths)} parts of {paths[-1]} are not one zip",
            why=str(damaged),
            mend="download all parts again, and name all of them",
        ) from damaged


def _copy(pieces: Sequence[Piece], target: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with join_pieces(pieces) as opened, disk_errors(target), target.open("wb") as file:
        while chunk := opened.read(_COPIED_BYTES):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size
