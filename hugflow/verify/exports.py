"""The exports of a complete tree, compared with the manifest."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from hugflow.exports.export import Reference, Reworded
from hugflow.exports.recorded import RecordedFile
from hugflow.exports.registry import find_export, rendered_exports
from hugflow.shards.plan import Plan
from hugflow.stages.tree.manifest import Manifest
from hugflow.store.atomic import is_file, read_file
from hugflow.store.digest import file_sha256
from hugflow.store.layout import DatasetFolder
from hugflow.store.trash import stands
from hugflow.verify.differences import Difference, Finder


def verify_exports(
    folder: DatasetFolder, manifest: Manifest, plan: Plan | None, find: Finder
) -> Iterator[Difference]:
    """Every difference of the exports, except the index, which is compared with its rows.

    plan: None if it is lost.
    """
    # Other versions write other words for people, but the same for programs.
    is_this_version = manifest.run.hugflow == version("hugflow")
    if plan is not None and manifest.flows is not None:
        plan = manifest.flows.of_index(plan)
    reference = Reference(plan, manifest.statistics, is_this_version, manifest.keep)
    for export in rendered_exports():
        if export.reworded is not None:
            yield from _verify_reworded(folder, export.reworded, reference, find)
    for recorded in manifest.exports.values():
        for name, file in recorded.files.items():
            yield from _verify_recorded(folder.root / name, file, find)
            yield from _verify_place(folder, name, find)


def find_absent(path: Path, find: Finder) -> Difference | None:
    """The difference for a missing file; None if the file exists."""
    if not stands(path):
        return find("file_missing", path, "it is missing")
    return None if is_file(path) else find("not_a_file", path, "it is no file")


def read_text(path: Path) -> tuple[str, str | None]:
    """The text of a file, and the error if it cannot be read."""
    try:
        return read_file(path).decode("utf-8"), None
    except (OSError, ValueError) as error:
        return "", f"it cannot be read: {error}"


def _verify_reworded(
    folder: DatasetFolder, reworded: Reworded, reference: Reference, find: Finder
) -> Iterator[Difference]:
    path = folder.root / reworded.path
    if (absent := find_absent(path, find)) is not None:
        yield absent
        return
    text, fault = read_text(path)
    fault = fault or reworded.find_fault(text, reference)
    if fault is not None:
        yield find("file_differs", path, fault)


def _verify_recorded(path: Path, file: RecordedFile, find: Finder) -> Iterator[Difference]:
    if (absent := find_absent(path, find)) is not None:
        yield absent
        return
    try:
        found = file_sha256(path)
    except OSError as error:
        yield find("export_changed", path, error.strerror or str(error))
        return
    if found != file.sha256:
        message = f"its sha256 is {found}, where the manifest says {file.sha256}"
        yield find("export_changed", path, message)


def _verify_place(folder: DatasetFolder, name: str, find: Finder) -> Iterator[Difference]:
    """The difference of a file whose absolute paths are of another STORAGE_ROOT."""
    export, path = find_export(Path(name)), folder.root / name
    if export is None or export.read_clip is None or not is_file(path):
        return
    clip = export.read_clip(read_text(path)[0])
    if clip is not None and Path(clip).parent.resolve() != folder.audio.resolve():
        message = f"it names {clip}, which is not in this dataset: sync the request again"
        yield find("export_changed", path, message)
