"""A stored dataset as a table, for comparing it with others."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hugflow.errors import StateUnreadable
from hugflow.requests.model import Identity
from hugflow.stages.build.build import Build
from hugflow.stages.tree.manifest import read_manifest
from hugflow.statistics.tables import Table
from hugflow.store.layout import Places

_END: Final = b"PAR1"


def table_of(places: Places, name: str) -> Table | None:
    """A complete dataset; None if it is not complete.

    Raises StateUnreadable for an index that is missing or damaged.
    """
    folder = places.dataset(name)
    manifest = read_manifest(folder.manifest)
    if manifest is None:
        return None
    return Table(
        name,
        manifest.request.hf_id,
        manifest.request.split,
        folder.root,
        whole_index(name, folder.root, manifest.index),
        manifest.columns,
        manifest.all_audio,
        manifest.text_column,
        manifest.settings.text_join,
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
        whole_index(build.name, root, index),
        plan.columns,
        plan.all_audio,
        plan.text_column,
        plan.request.text_join,
    )


def whole_index(name: str, root: Path, index: Mapping[str, str]) -> dict[str, str]:
    """The indexes in order, each of which ends as parquet does. Raises StateUnreadable for another."""
    for path in index:
        if not _ends_as_parquet(root / path):
            raise StateUnreadable(
                f"{root / path} is missing or damaged",
                why=f"it holds rows of {name}, and without them the answer would be wrong",
                mend=f"`hugflow verify {name}` shows what is damaged, and what helps",
            )
    return dict(sorted(index.items()))


def _ends_as_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(-len(_END), os.SEEK_END)
            return file.read() == _END
    except OSError:
        return False
