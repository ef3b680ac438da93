"""The Hub's own conversion of a dataset to parquet: the files of one subset and split."""

from collections.abc import Sequence

from hugflow.clients.choices import set_field
from hugflow.clients.hub import Hub
from hugflow.clients.published import no_such_split, no_such_subset
from hugflow.clients.repository import (
    CONVERTED_REF,
    ConvertedPath,
    PublishedFile,
    RepoId,
    parse_converted_path,
)
from hugflow.errors import HubUnavailable, RequestInvalid

DEFAULT_SUBSET = "default"


class NotConvertedYet(HubUnavailable):
    """The Hub's conversion does not have the rows of the commit yet."""


def not_converted_yet(what: str, *, why: str, has_rows: bool) -> NotConvertedYet:
    """The error for a conversion that is behind; has_rows: it has rows of an earlier commit."""
    as_it_is = f"; to take the conversion as it is, {set_field('revision', CONVERTED_REF)}"
    return NotConvertedYet(
        f"{what}: the Hub has not converted this commit yet",
        why=why,
        mend="run the same command again later, when the Hub has converted it"
        + (as_it_is if has_rows else ""),
    )


def fetch_converted_files(
    hub: Hub, hf_id: str, commit: str, subset: str | None, split: str, *, default: str | None = None
) -> list[PublishedFile]:
    """The files of one split of a conversion, in the order of its rows.

    commit: commit of the conversion.
    subset: the requested one; None takes the default one, or the only one.
    default: the dataset's name for its default subset, if known.

    Raises RequestInvalid for an unknown subset or split, and for a split that the Hub converted
    only in part; NotConvertedYet for a conversion without files.
    """
    repo, what = RepoId.dataset(hf_id), f"{hf_id}@{commit}"
    if folders := hub.list_folders(repo, commit):
        folder = choose_subset(what, subset, folders, default=default)
        files = hub.list_files(repo, commit, folder)
        if any(parse_converted_path(file.path) for file in files):
            return choose_split(what, folder, split, files)
    why = f"its branch {CONVERTED_REF} is there and holds no parquet file"
    raise not_converted_yet(what, why=why, has_rows=False)


def choose_subset(
    what: str, subset: str | None, folders: Sequence[str], *, default: str | None = None
) -> str:
    """The folder of a subset; None takes the default one, or the only one."""
    subsets = [folder for folder in folders if not folder.startswith(".")]
    if subset is None:
        known = [name for name in (default, DEFAULT_SUBSET) if name in subsets]
        subset = next(iter(known), subsets[0] if len(subsets) == 1 else None)
    if subset is None or subset not in subsets:
        raise no_such_subset(what, subset, subsets)
    return subset


def choose_split(
    what: str, folder: str, split: str, files: Sequence[PublishedFile]
) -> list[PublishedFile]:
    """The files of one split among a subset's files, in the order of its rows."""
    found: dict[ConvertedPath, PublishedFile] = {}
    splits: dict[str, None] = {}
    for file in files:
        path = parse_converted_path(file.path)
        if path is not None and path.subset == folder:
            splits[path.split] = None
            if path.split == split:
                found[path] = file
    if not found:
        raise no_such_split(what, split, list(splits), folder)
    if any(path.is_partial for path in found):
        raise RequestInvalid(
            f"{what}: the Hub's conversion holds only the beginning of the split {split!r}",
            why=f"the dataset is too large for it, so {folder}/partial-{split} lacks rows",
            mend="choose a revision that holds parquet files of its own, or ask the dataset's "
            "owner for one",
        )
    return [found[path] for path in sorted(found)]
