"""The files of a dataset as others load it: parquet shards with the audio in them, and a card.

    data/<split>-00000-of-00002.parquet    the index of a shard, with the bytes of its MP3s
    README.md                              the card, whose header names these files
    manifest.json                          where everything came from; sent last

Equal rows give equal bytes, so a digest tells whether a file is there already.
"""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from hugflow.amounts import count
from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.pushing.checked import CheckedTree
from hugflow.pushing.open_tree import OpenTree
from hugflow.stages.tree.manifest import Manifest
from hugflow.stages.tree.versions import version_id
from hugflow.store.atomic import disk_errors
from hugflow.store.digest import file_sha256

# A batch and the MP3s of its rows are in memory.
ROWS_AT_ONCE = 100
CARD_NAME, MANIFEST_NAME = "README.md", "manifest.json"
_NUMBER = re.compile(r"-\d+-of-")
_AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@dataclass(frozen=True, slots=True)
class PushFile:
    """A file to send. path: at the destination. sha256: of its bytes, in hex."""

    path: str
    file: Path
    sha256: str

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self.file.stat().st_size


def shard_names(manifest: Manifest) -> dict[str, str]:
    """Where each index of a dataset goes, by its name in the tree."""
    return {
        name: f"data/{manifest.request.split}-{Path(name).name}".replace("+", "-")
        for name in sorted(manifest.index)
    }


def write_shard(tree: CheckedTree, index: str, path: str, scratch: Path) -> PushFile:
    """Write a shard with its audio into `scratch`; the caller deletes it when it is sent.

    index: its index in the tree. path: at the destination. Raises StateUnreadable where one of its
    files is not as it was made.
    """
    file = scratch / Path(path).name
    _write_shard(tree, index, file)
    return PushFile(path, file, file_sha256(file))


def write_last(tree: OpenTree, scratch: Path) -> list[PushFile]:
    """Write the files that are sent last: the card, and the manifest as the tree had it."""
    manifest = scratch / MANIFEST_NAME
    with disk_errors(scratch):
        manifest.write_bytes(tree.manifest_bytes)
        card = _write_card(tree, scratch)
    return [card, PushFile(MANIFEST_NAME, manifest, file_sha256(manifest))]


def _write_card(tree: OpenTree, scratch: Path) -> PushFile:
    """Write the card: its header for these files, and a page for people."""
    manifest = tree.manifest
    header = _read_header(tree)
    split = header["configs"][0]["data_files"][0]["split"]
    files = [{"split": split, "path": _pattern(manifest)}]
    header["configs"] = [{"config_name": "default", "data_files": files}]
    head = yaml.safe_dump(header, sort_keys=False, allow_unicode=True)
    source = manifest.request
    page = (
        f"# {manifest.dataset}\n\nMade by hugflow from the dataset `{source.hf_id}` at commit "
        f"`{manifest.commit}`, version `{version_id(manifest)}`: {count(manifest.rows.made, 'row')}, "
        f"{manifest.hours:,.1f} hours of audio.\n\n`manifest.json` says where everything came "
        "from.\n"
    )
    file = scratch / CARD_NAME
    file.write_text(f"---\n{head}---\n\n{page}", "utf-8")
    return PushFile(CARD_NAME, file, file_sha256(file))


def _pattern(manifest: Manifest) -> str | list[str]:
    """What names the shards in the card, and no other files of the folder."""
    patterns = sorted({_NUMBER.sub("-*-of-", path) for path in shard_names(manifest).values()})
    return patterns[0] if len(patterns) == 1 else patterns


def _write_shard(tree: CheckedTree, index: str, file: Path) -> None:
    with tree.open_index(index) as opened, pq.ParquetFile(opened) as source:
        schema = source.schema_arrow
        audio = [field.name for field in schema if field.type.equals(_AUDIO)]
        with disk_errors(file), pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in source.iter_batches(batch_size=ROWS_AT_ONCE):
                columns = [
                    _with_bytes(tree, column) if name in audio else column
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _with_bytes(tree: CheckedTree, column: pa.Array) -> pa.Array:
    rows = [
        None
        if value is None
        else {"bytes": tree.read_mp3(value["path"]), "path": Path(value["path"]).name}
        for value in column.to_pylist()
    ]
    return pa.array(rows, column.type)


def _read_header(tree: OpenTree) -> dict[str, Any]:
    text = tree.read(CARD_NAME).decode("utf-8")
    try:
        header = yaml.safe_load(text.split("---\n", 2)[1])
        header["configs"][0]["data_files"][0]["split"]
    except (IndexError, KeyError, TypeError, yaml.YAMLError) as error:
        raise HugflowError(
            f"the card of {tree.manifest.dataset} cannot be read",
            why="it has no header that names the files and the split",
            mend="run `hugflow local-sync` on its request: it writes the card again",
        ) from error
    found: dict[str, Any] = header
    return found
