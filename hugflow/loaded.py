"""A stored dataset as `datasets` loads it, with the clips' addresses absolute.

The index names clips by paths relative to its folder, so that the folder can be moved. `datasets`
does not resolve them, and decoding an example needs the address.
"""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hugflow.errors import UsageWrong


def load_folder(folder: Path, **options: Any) -> Any:
    """The folder as `load_dataset` gives it; the one split of it, unless options name another.

    A clip of the folder has an absolute `path`, so that `cast_column("audio", Audio())` can decode
    it. options: of `load_dataset`; with `streaming=True` paths are made absolute row by row.

    Raises UsageWrong for a path that `datasets` takes for a pattern.
    """
    import datasets

    if signs := re.findall(r"[*?\[\]]", str(folder)):
        raise UsageWrong(
            f"`datasets` cannot load {folder}",
            why=f"it takes {signs[0]!r} in the path for a pattern of file names",
            mend="move the project to a folder without such a sign, or use hugflow.scan",
        )
    loaded = datasets.load_dataset(str(folder), **options)
    if isinstance(loaded, dict):
        splits = {split: _with_addresses(each, folder) for split, each in loaded.items()}
        return next(iter(splits.values())) if len(splits) == 1 else type(loaded)(splits)
    return _with_addresses(loaded, folder)


def _with_addresses(loaded: Any, folder: Path) -> Any:
    import datasets

    features = loaded.features or {}
    columns = [name for name, feature in features.items() if isinstance(feature, datasets.Audio)]
    if isinstance(loaded, datasets.IterableDataset):
        return loaded.map(_address_row, fn_kwargs={"columns": columns, "folder": folder})
    table = loaded.data.table
    for name in columns:
        addressed = pa.chunked_array(
            [_address(chunk, folder) for chunk in table.column(name).chunks],
            table.schema.field(name).type,
        )
        at = table.column_names.index(name)
        table = table.set_column(at, table.schema.field(at), addressed)
    kept = datasets.table.InMemoryTable(table)
    return datasets.Dataset(kept, info=loaded.info, split=loaded.split)


def _address(clips: pa.StructArray, folder: Path) -> pa.StructArray:
    """Clips without bytes by absolute paths; those with bytes keep the publisher's name."""
    data, path = clips.field("bytes"), clips.field("path")
    absolute = pc.binary_join_element_wise(str(folder), path, "/")
    path = pc.if_else(pc.is_null(data), absolute, path).cast(clips.type.field("path").type)
    mask = clips.is_null() if clips.null_count else None
    return pa.StructArray.from_arrays([data, path], fields=list(clips.type), mask=mask)


def _address_row(row: dict[str, Any], columns: list[str], folder: Path) -> dict[str, Any]:
    for name in columns:
        clip = row[name]
        if clip and clip["bytes"] is None and clip["path"]:
            row[name] = {**clip, "path": str(folder / clip["path"])}
    return row
