"""A stored dataset as a table, for comparing it with others."""

from collections.abc import Mapping
from pathlib import Path

from hugflow.requests.model import Identity
from hugflow.stages.build.build import Build
from hugflow.stages.tree.manifest import read_manifest
from hugflow.statistics.tables import Table
from hugflow.store.layout import Places


def table_of(places: Places, name: str) -> Table | None:
    """A complete dataset; None if it is not complete. Indexes that are missing are left out."""
    folder = places.dataset(name)
    manifest = read_manifest(folder.manifest)
    if manifest is None:
        return None
    return Table(
        name,
        manifest.request.hf_id,
        manifest.request.split,
        folder.root,
        _present(folder.root, manifest.index),
        manifest.columns,
        manifest.all_audio,
        manifest.text_column,
    )


def table_of_build(build: Build, index: Mapping[str, str]) -> Table:
    """The rows that are about to be published. index: sha256 of each index by its path."""
    plan, root = build.plan, build.folder.root
    identity: Identity = build.request.identity
    return Table(
        build.name,
        identity.hf_id,
        identity.split,
        root,
        _present(root, index),
        plan.columns,
        plan.all_audio,
        plan.text_column,
    )


def _present(root: Path, index: Mapping[str, str]) -> dict[str, str]:
    return {path: digest for path, digest in sorted(index.items()) if (root / path).is_file()}
