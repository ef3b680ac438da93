"""Datasets in other layouts than parquet.

audiofolder   audio files beside a table of their names: `data/train/0000.wav`, `metadata.csv`
script        a loading script, which `datasets` no longer runs
converted     either of these, with the parquet files that the Hub makes of them on its own
branch: `refs/convert/parquet`, `default/train/0000.parquet`
partial       the same, but the Hub converted only the beginning: `default/partial-train/`
"""

import csv
import io
import json
from collections.abc import Mapping
from typing import Literal, Unpack

import pyarrow as pa

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import Publication, sentence, speech_table, to_audio_column
from hugflow.testing.speech import Container, encode, speech_like
from hugflow.testing.tables import GITATTRIBUTES, audio_feature, with_features, write_parquet

CONVERTED_BRANCH = "refs/convert/parquet"
RATE_HZ = 16_000
CLIP_S = 0.5

Conversion = Literal["none", "whole", "partial"]
MetadataFormat = Literal["csv", "jsonl"]


def publish_audiofolder(
    hub: LoopbackHub,
    repo_id: str = "layouts/audiofolder",
    *,
    rows: int = 6,
    container: Container = "wav",
    metadata: MetadataFormat = "csv",
    converted: Conversion = "none",
    **publication: Unpack[Publication],
) -> str:
    """Audio files in `data/train/`, with `metadata.csv` or `.jsonl` beside; the commit of main.

    converted: `whole` adds the Hub's conversion of all rows, `partial` that of the first half.
    """
    clips = _clips(rows, container)
    files = {
        ".gitattributes": GITATTRIBUTES,
        f"data/train/metadata.{metadata}": render_metadata(list(clips), metadata),
        "README.md": b"---\nlicense: cc0-1.0\n---\n\n# Audio in a folder\n",
        **{f"data/train/{name}": content for name, content in clips.items()},
    }
    commit = hub.publish(repo_id, files, **publication)
    table = pa.table(
        {
            "audio": to_audio_column(list(clips.values()), list(clips)),
            "text": [sentence(row) for row in range(rows)],
        }
    )
    publish_conversion(hub, repo_id, with_features(table, {"audio": audio_feature()}), converted)
    return commit


def publish_script(
    hub: LoopbackHub,
    repo_id: str = "layouts/script",
    *,
    rows: int = 6,
    converted: Conversion = "none",
    **publication: Unpack[Publication],
) -> str:
    """A repository whose only content is a loading script named after it; the commit of main."""
    name = repo_id.partition("/")[2]
    files = {
        ".gitattributes": GITATTRIBUTES,
        "README.md": b"---\nlicense: cc0-1.0\n---\n\n# A dataset by script\n",
        f"{name}.py": _SCRIPT.encode(),
    }
    commit = hub.publish(repo_id, files, **publication)
    publish_conversion(hub, repo_id, speech_table(rows, with_filenames=False), converted)
    return commit


def publish_conversion(
    hub: LoopbackHub,
    repo_id: str,
    table: pa.Table,
    extent: Conversion = "whole",
    *,
    config: str = "default",
    split: str = "train",
    shards: int = 1,
) -> str | None:
    """Publish the Hub's conversion on `refs/convert/parquet`; returns its commit, if any.

    extent: `partial` converts the first half of the rows, as the Hub does for large datasets.
    """
    if extent == "none":
        return None
    folder = f"{config}/partial-{split}" if extent == "partial" else f"{config}/{split}"
    rows = table.num_rows if extent == "whole" else table.num_rows // 2
    files: Mapping[str, bytes] = {
        f"{folder}/{shard:04d}.parquet": write_parquet(
            table.slice(
                rows * shard // shards, rows * (shard + 1) // shards - rows * shard // shards
            )
        )
        for shard in range(shards)
    }
    return hub.publish(repo_id, files, branch=CONVERTED_BRANCH, message="Update parquet files")


def render_metadata(names: list[str], form: MetadataFormat) -> bytes:
    """The table of an audio folder: `file_name` and `text`."""
    rows = [{"file_name": name, "text": sentence(row)} for row, name in enumerate(names)]
    if form == "jsonl":
        return "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    text = io.StringIO()
    writer = csv.DictWriter(text, ["file_name", "text"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _clips(rows: int, container: Container) -> dict[str, bytes]:
    return {
        f"{row:04d}.{container}": encode(speech_like(CLIP_S, RATE_HZ, seed=row), RATE_HZ, container)
        for row in range(rows)
    }


# It must never run: nothing of a repository is ever executed.
_SCRIPT = """\
import datasets

raise SystemExit("a loading script was run")


class Speech(datasets.GeneratorBasedBuilder):
    pass
"""
