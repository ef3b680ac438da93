"""The files of a dataset as others load it: parquet shards with the audio in them, and a card.

    data/<split>-00000-of-00002.parquet    the index of a shard, with the bytes of its MP3s
    README.md                              the card, whose header names these files
    manifest.json                          where everything came from; sent last

Equal rows give equal bytes, so a digest tells whether a file is there already.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from hugflow.errors import HugflowError
from hugflow.exports.index import file_sha256
from hugflow.stages.tree.manifest import Manifest
from hugflow.stages.tree.versions import version_id
from hugflow.store.atomic import disk_errors
from hugflow.store.layout import DatasetFolder

# A batch and the MP3s of its rows are in memory.
ROWS_AT_ONCE = 100
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


def write_shards(folder: DatasetFolder, manifest: Manifest, scratch: Path) -> Iterator[PushFile]:
    """Write each shard with its audio into `scratch`; the caller deletes it when it is sent."""
    for name, path in shard_names(manifest).items():
        file = scratch / Path(path).name
        _write_shard(folder.root, folder.root / name, file)
        yield PushFile(path, file, file_sha256(file))


def write_card(folder: DatasetFolder, manifest: Manifest, scratch: Path) -> PushFile:
    """Write the card: its header for these files, and a page for people."""
    header = _read_header(folder.card)
    split = header["configs"][0]["data_files"][0]["split"]
    files = [{"split": split, "path": _pattern(manifest)}]
    header["configs"] = [{"config_name": "default", "data_files": files}]
    head = yaml.safe_dump(header, sort_keys=False, allow_unicode=True)
    source = manifest.request
    page = (
        f"# {manifest.dataset}\n\nMade by hugflow from the dataset `{source.hf_id}` at commit "
        f"`{manifest.commit}`, version `{version_id(manifest)}`: {manifest.rows.made:,} rows, "
        f"{manifest.hours:,.1f} hours of audio.\n\n`manifest.json` says where everything came "
        "from.\n"
    )
    file = scratch / "README.md"
    file.write_text(f"---\n{head}---\n\n{page}", "utf-8")
    return PushFile("README.md", file, file_sha256(file))


def manifest_file(folder: DatasetFolder) -> PushFile:
    """The manifest as it is in the tree."""
    return PushFile("manifest.json", folder.manifest, file_sha256(folder.manifest))


def _pattern(manifest: Manifest) -> str | list[str]:
    """What names the shards in the card, and no other files of the folder."""
    patterns = sorted({_NUMBER.sub("-*-of-", path) for path in shard_names(manifest).values()})
    return patterns[0] if len(patterns) == 1 else patterns


def _write_shard(root: Path, index: Path, file: Path) -> None:
    source = pq.ParquetFile(index)
    schema = source.schema_arrow
    audio = [field.name for field in schema if field.type.equals(_AUDIO)]
    with disk_errors(file), pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in source.iter_batches(batch_size=ROWS_AT_ONCE):
            columns = [
                _with_bytes(root, column) if name in audio else column
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _with_bytes(root: Path, column: pa.Array) -> pa.Array:
    rows = [
        None
        if value is None
        else {"bytes": (root / value["path"]).read_bytes(), "path": Path(value["path"]).name}
        for value in column.to_pylist()
    ]
    return pa.array(rows, column.type)


def _read_header(card: Path) -> dict[str, Any]:
    text = card.read_text("utf-8")
    try:
        header = yaml.safe_load(text.split("---\n", 2)[1])
        header["configs"][0]["data_files"][0]["split"]
    except (IndexError, KeyError, TypeError, yaml.YAMLError) as error:
        raise HugflowError(
            f"the card {card} cannot be read",
            why="it has no header that names the files and the split",
            mend="run `hugflow local-sync` on its request: it writes the card again",
        ) from error
    found: dict[str, Any] = header
    return found
