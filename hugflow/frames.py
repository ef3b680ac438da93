"""Stored datasets as polars frames: `hugflow.scan`, `path`, `load` and `datasets`.

import hugflow, polars as pl

rows = hugflow.scan("acme__speech__split_train__rev_main")
rows.filter(pl.col("text").str.len_chars() > 80).select("row", "text").collect()
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from hugflow.amounts import count
from hugflow.errors import HugflowError, StateUnreadable, UsageWrong
from hugflow.nearest import nearest_names
from hugflow.requests.match_names import match_name
from hugflow.requests.model import AddRequest
from hugflow.requests.read import read_request
from hugflow.settings import load_settings
from hugflow.stages.standing.status import read_statuses
from hugflow.stages.tree.stored_dataset import StoredDataset, glance_at_dataset
from hugflow.statistics.scan import scan_index
from hugflow.store.layout import Places

_DATASETS_SCHEMA = {
    "name": pl.String,
    "state": pl.String,
    "rows": pl.Int64,
    "total_rows": pl.Int64,
    "failed_rows": pl.Int64,
    "hours": pl.Float64,
    "bytes": pl.Int64,
    "commit": pl.String,
    "path": pl.String,
    "link": pl.String,
}


def scan(name: str, *, project: str | Path | None = None, unfinished: bool = False) -> pl.LazyFrame:
    """The rows of a stored dataset as a lazy frame over its index; nothing is read yet.

    name: the dataset's name as `hugflow.datasets()` lists it, its hf_id, its request file, or the
    beginning of its name, if only one dataset has it.
    project: a folder in the project whose settings apply; default: the working directory.
    unfinished: accept a dataset that is not complete, and give the rows made so far.

    Columns: `row`, the dataset's own in order, and with audio `audio_info`; paths of MP3s are
    relative to the dataset's folder. Raises a HugflowError when no such dataset is stored, when it
    is not complete, and when it has no rows.
    """
    places = _places(project)
    name = _find_name(name, places)
    dataset = glance_at_dataset(places, name)
    files = _index_files(dataset, unfinished=unfinished)
    if not files:
        raise UsageWrong(
            f"{name} has no rows",
            why="no row of it could be made, or none is yet",
            mend=f"`hugflow status {name}` shows its state; {dataset.folder.failures} names the rows "
            "that failed",
        )
    return scan_index(files)


def datasets(*, project: str | Path | None = None) -> pl.DataFrame:
    """The stored datasets, complete and unfinished: a row each, by name.

    Columns: `name`, `state` (a word of `hugflow status`), `rows` made of `total_rows`,
    `failed_rows`, `hours` of audio, `bytes`, `commit`, `path` of its folder, and `link`, null
    unless it is complete. project: as for `scan`.
    """
    rows = [
        (
            status.name,
            status.state,
            status.rows,
            status.total_rows,
            status.failed_rows,
            status.hours,
            status.bytes,
            status.commit,
            status.location,
            status.link,
        )
        for status in read_statuses(_places(project), {})
        if status.location is not None
    ]
    return pl.DataFrame(rows, schema=_DATASETS_SCHEMA, orient="row")


def path(name: str, *, project: str | Path | None = None) -> Path:
    """The folder of a stored dataset: of a complete one its link in PROCESSED_ROOT.

    The parameters are those of `scan`, whose errors it raises.
    """
    places = _places(project)
    stored = glance_at_dataset(places, _find_name(name, places))
    return places.link(stored.name) if stored.is_linked else stored.folder.root


def load(name: str, *, project: str | Path | None = None, **options: Any) -> Any:
    """The stored dataset as a `datasets.Dataset`.

    `audio.path` is absolute, so that `cast_column("audio", Audio())` decodes the MP3s where
    torchcodec is installed. The parameters are those of `scan`; options go to `load_dataset`.
    Raises the errors of `scan`.
    """
    from hugflow.loaded import load_folder

    places = _places(project)
    stored = glance_at_dataset(places, _find_name(name, places))
    _index_files(stored, unfinished=False)
    return load_folder(stored.folder.root, **options)


def _find_name(wanted: str, places: Places) -> str:
    """The name of the stored dataset that is meant."""
    stored = _stored_names(places)
    if wanted.endswith((".yaml", ".yml")):
        request = read_request(Path(wanted))
        wanted = request.name if isinstance(request, AddRequest) else request.hf_id
    found = match_name(wanted, stored, {})
    if found is None:
        raise _unknown(wanted, stored, places)
    return found


def _places(project: str | Path | None) -> Places:
    return load_settings(Path(project) if project is not None else None).places


def _index_files(dataset: StoredDataset, *, unfinished: bool) -> list[Path]:
    """The index files in shard order, which is row order."""
    manifest, folder = dataset.manifest, dataset.folder
    if manifest is None:
        if not unfinished:
            raise UsageWrong(
                f"{folder.root.name} is not complete",
                why="it has no manifest yet, so there would be some of its rows",
                mend="finish it with `hugflow local-sync FILE`, or say unfinished=True to take the "
                "rows there are",
            )
        return sorted(folder.index.glob("*.parquet"))
    files = [folder.root / path for path in sorted(manifest.index)]
    if missing := [file for file in files if not file.is_file()]:
        raise StateUnreadable(
            f"{missing[0]} is missing",
            why="the manifest names it, and it was deleted",
            mend="`hugflow local-sync FILE` brings it back",
        )
    return files


def _stored_names(places: Places) -> list[str]:
    """The folders of complete and unfinished datasets in storage."""
    if not places.storage_root.is_dir():
        return []
    return sorted(
        path.name
        for path in places.storage_root.iterdir()
        if (path / "manifest.json").is_file() or (path / "index").is_dir()
    )


def _unknown(name: str, stored: Sequence[str], places: Places) -> HugflowError:
    # Also compare with the name on the Hub.
    nearest = nearest_names(name.replace("/", "__"), stored)
    return UsageWrong(
        f"no dataset {name!r} is stored",
        why=f"{places.storage_root} holds {count(len(stored), 'dataset')}, and none is called so",
        mend=f"the nearest are {', '.join(map(repr, nearest))}"
        if nearest
        else "`hugflow.datasets()` lists what is stored",
    )
