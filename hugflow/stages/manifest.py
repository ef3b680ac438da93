"""The manifest: the mark that a dataset is complete, and where everything in it came from.

`STORAGE_ROOT/<name>/manifest.json`, written last. The same rows give the same bytes, except for
the object `run`:

    {
      "version": 1,
      "dataset": "acme__speech__split_train__rev_main",
      "sample": 100,                        rows of a sample, which is no dataset; else absent
      "request": {"hf_id": "acme/speech", "subset": null, "split": "train", "revision": "main"},
      "commit": "8a6c...", "plan": "4c1f0d9b2a7e6685", "licence": "cc0-1.0",
      "columns": ["audio", "text"], "audio_column": "audio", "text_column": "text",
      "settings": {"mp3_source": "copy", "max_bad_rows": "1%"},
      "source": {"files": 2, "bytes": 1234567, "commit": "8a6c..."},
      "rows": {"planned": 1000, "made": 998, "failed": 2},
      "audio": {"files": 998, "bytes": 765432, "seconds": 3600.5, "copied": 0, "encoded": 998},
      "json": {"files": 998, "bytes": 345678},
      "index": {"index/00000-of-00002.parquet": "<sha256>"},
      "statistics": {...},                  see hugflow.exports.statistics
      "run": {"finished_at": "...", "host": "...", "hugflow": "0.1.0"}
    }

`source.commit` is where the files were read. Where they are the Hub's conversion to parquet, it is
another one than `commit`, and `source.ref` tells so: `refs/convert/parquet`.
"""

import json
from pathlib import Path
from typing import Any

from hugflow.clients.repository import CONVERTED_REF
from hugflow.shards.plan import Plan

VERSION = 1


def read_manifest(path: Path) -> dict[str, Any] | None:
    """The manifest, or None when the dataset is not complete or its manifest cannot be read."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(value, dict) or value.get("version") != VERSION:
        return None
    return value


def without_run(manifest: dict[str, Any]) -> dict[str, Any]:
    """What of a manifest is the same for the same rows."""
    return {key: value for key, value in manifest.items() if key != "run"}


def render_source(plan: Plan) -> dict[str, Any]:
    """The object `source`: which files the rows came from, and of which commit they are."""
    source = {
        "files": len(plan.shards),
        "bytes": plan.source_bytes,
        "commit": plan.files_commit,
    }
    return {**source, "ref": CONVERTED_REF} if plan.is_converted else source
