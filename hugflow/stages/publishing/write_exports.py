"""Writing the files of each export, before the manifest that records them."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from hugflow.exports.export import Export, ExportSource
from hugflow.exports.recorded import RecordedExport, RecordedFile
from hugflow.exports.registry import rendered_exports
from hugflow.stages.tree.manifest import Manifest
from hugflow.store.atomic import commit, discard, disk_errors, is_file, make_folder, write_temporary
from hugflow.store.digest import file_sha256
from hugflow.store.layout import DatasetFolder


def write_exports(
    source: ExportSource, chosen: Collection[str], manifest: Manifest, old: Manifest | None
) -> dict[str, RecordedExport]:
    """Write the files of every export; returns their records for the manifest.

    chosen: the names of those that are written only on demand.
    manifest: the new manifest, without its exports.
    old: the existing manifest. Its recorded files that are no longer needed are deleted.
    """
    recorded: dict[str, RecordedExport] = {}
    for export in rendered_exports(chosen):
        written = _find_written(export, source.folder, manifest, old)
        files = dict(_write_export(export, source)) if written is None else written.files
        if export.reworded is None:
            recorded[export.name] = RecordedExport(export.version, files)
    if old is not None:
        _delete_unwanted(source.folder, old.exports, recorded)
    return recorded


def _find_written(
    export: Export, folder: DatasetFolder, manifest: Manifest, old: Manifest | None
) -> RecordedExport | None:
    """The recorded files of an export, if rendering them again would change nothing."""
    if old is None or (old.plan, old.index) != (manifest.plan, manifest.index):
        return None
    if not export.depends_on_rows_alone:
        return None
    written = old.exports.get(export.name)
    if written is None or written.version != export.version:
        return None
    are_there = all(_has_size(folder.root / path, file) for path, file in written.files.items())
    return written if are_there else None


def _write_export(export: Export, source: ExportSource) -> Iterator[tuple[str, RecordedFile]]:
    if export.render is None:
        return
    for file in export.render(source):
        if not export.owns(Path(file.path)):
            raise ValueError(f"the export {export.name!r} has no file {file.path!r}")
        yield file.path, write_export_file(source.folder.root / file.path, file.pieces)


def write_export_file(path: Path, pieces: Iterable[bytes]) -> RecordedFile:
    """Write a file whole, unless it already holds these bytes."""
    digest = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for piece in pieces:
            digest.update(piece)
            yield piece

    make_folder(path.parent)
    staged = write_temporary(path, hashed())
    file = RecordedFile(digest.hexdigest(), staged.size_bytes)
    if _has_size(path, file) and file_sha256(path) == file.sha256:
        discard([staged])
    else:
        commit([staged])
    return file


def _delete_unwanted(
    folder: DatasetFolder, old: Mapping[str, RecordedExport], new: Mapping[str, RecordedExport]
) -> None:
    """Delete files that an earlier publishing wrote and this one does not.

    Deletes only files that are unchanged since; a changed file belongs to the user.
    """
    kept = {path for export in new.values() for path in export.files}
    for export in old.values():
        for name, file in export.files.items():
            path = folder.root / name
            between = [each for each in path.parents if each.is_relative_to(folder.root)][:-1]
            is_linked = any(each.is_symlink() for each in between)
            if name in kept or is_linked or not _has_size(path, file):
                continue
            with disk_errors(path):
                if file_sha256(path) == file.sha256:
                    path.unlink(missing_ok=True)
            with suppress(OSError):  # The folder still holds something else.
                for each in between:
                    each.rmdir()


def _has_size(path: Path, file: RecordedFile) -> bool:
    return is_file(path) and path.stat().st_size == file.bytes
