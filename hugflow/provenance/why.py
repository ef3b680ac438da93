"""Where a file comes from, from data on disk only."""

import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from hugflow.errors import HugflowError, UsageWrong
from hugflow.provenance.known import KnownDataset
from hugflow.provenance.origin import Origin
from hugflow.requests.catalog import read_catalog
from hugflow.stages.standing.stored import list_names
from hugflow.store.layout import Places

_ROW_OF_NAME = re.compile(r"(?P<name>[^/#]+)#(?P<row>[0-9]{1,18})")


def explain(places: Places, asked: str, requests: dict[str, str], here: Path) -> Origin:
    """The origin of `asked`: a path in a dataset's tree, its link, NAME, or NAME#ROW.

    requests: path of the request file by dataset name.
    here: the folder of relative paths.

    Raises UsageWrong if `asked` belongs to no dataset here, NobodyKnows for a file in a tree that
    no record names.
    """
    return _with_asked(_explain(places, asked, requests, here), places)


def _explain(places: Places, asked: str, requests: dict[str, str], here: Path) -> Origin:
    names = {*requests, *list_names(places)}
    row_of_name = _ROW_OF_NAME.fullmatch(asked)
    if row_of_name is not None and row_of_name["name"] in names:
        known = KnownDataset.of(places, row_of_name["name"], requests)
        return known.explain_row(int(row_of_name["row"]), None)
    if asked in names:
        return KnownDataset.of(places, asked, requests).explain_dataset(None, "dataset")
    found = _find_in_tree(places, asked, here, names)
    if found is None:
        raise UsageWrong(
            f"{asked} belongs to no dataset here",
            why=f"it is neither in a tree below {places.storage_root} nor at a link in "
            f"{places.processed_root}",
            mend="`hugflow status` lists the datasets; name a file, a link, or NAME#ROW",
        )
    name, below = found
    return KnownDataset.of(places, name, requests).explain_path(below)


def _with_asked(origin: Origin, places: Places) -> Origin:
    """The origin with how its request came to main, if this machine saw that."""
    with suppress(HugflowError):
        catalog = read_catalog(places)
        asked = catalog.asked_by_path.get(origin.request or "") if catalog is not None else None
        if asked is not None:
            return replace(
                origin,
                request_commit=asked.commit,
                request_author=asked.author,
                pull_request=asked.pull_request,
            )
    return origin


def _find_in_tree(
    places: Places, asked: str, here: Path, names: set[str]
) -> tuple[str, Path] | None:
    """The dataset of a path, and the path below its tree; "." is the tree itself."""
    plain = Path(os.path.normpath(here / asked))
    # A path as in a row's JSON: relative to the folder above STORAGE_ROOT.
    as_in_json = Path(os.path.normpath(places.storage_root.parent / asked))
    below_root = Path(os.path.normpath(places.storage_root / asked))
    for path in (plain, Path(os.path.realpath(plain)), as_in_json, below_root):
        roots = (places.storage_root, places.processed_root, places.storage_root.resolve())
        for root in roots:
            if path != root and path.is_relative_to(root):
                name, *rest = path.relative_to(root).parts
                if name in names:
                    return name, Path(*rest)
    return None
