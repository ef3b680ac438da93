"""What Dagster shows of composed files: a table of their origins, and one hash over all."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from hugflow.hierarchy.composed import FileRef
from hugflow.hierarchy.graph import Node

MOST_FILES = 500
_COLUMNS = ("name", "key", "origin", "source", "commit", "sha256")


def files_metadata(
    files_list: Sequence[FileRef],
    files_dict: Mapping[str, Sequence[FileRef]],
    nodes: Mapping[str, Node],
) -> dict[str, Any]:
    """The number of files, and a table that says where each comes from."""
    pairs = [("", file) for file in files_list]
    pairs += [(key, file) for key, files in files_dict.items() for file in files]
    metadata: dict[str, Any] = {"dagster/row_count": len(pairs)}
    if pairs:
        records = [_to_record(key, file, nodes) for key, file in pairs[:MOST_FILES]]
        columns = [dg.TableColumn(name, "string") for name in _COLUMNS]
        metadata["files"] = dg.MetadataValue.table(records, schema=dg.TableSchema(columns))
    if len(pairs) > MOST_FILES:
        metadata["files_more"] = f"{len(pairs) - MOST_FILES:,} more files"
    return metadata


def files_version(
    files_list: Sequence[FileRef], files_dict: Mapping[str, Sequence[FileRef]]
) -> dg.DataVersion:
    """The same for the same names and contents in the same order, wherever they come from."""
    content = [
        [[file.name, file.sha256] for file in files_list],
        {key: [[file.name, file.sha256] for file in files] for key, files in files_dict.items()},
    ]
    return dg.DataVersion(hashlib.sha256(json.dumps(content).encode()).hexdigest())


def _to_record(key: str, file: FileRef, nodes: Mapping[str, Node]) -> dg.TableRecord:
    node = nodes.get(file.node)
    commit = node.fetched.rev if node is not None and node.fetched is not None else None
    return dg.TableRecord(
        {
            "name": file.name,
            "key": key,
            "origin": "/".join(file.origin) or "here",
            "source": file.source,
            "commit": commit or "",
            "sha256": file.sha256,
        }
    )
