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
      "statistics": {...},                  see hugflow.statistics.figures
      "run": {"finished_at": "...", "host": "...", "hugflow": "0.1.0"}
    }

`source.commit` is where the files were read. Where they are the Hub's conversion to parquet, it is
another one than `commit`, and `source.ref` tells so: `refs/convert/parquet`.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hugflow.clients.repository import CONVERTED_REF
from hugflow.requests.model import Identity
from hugflow.shards.plan import Plan
from hugflow.store.atomic import is_file, read_file
from hugflow.store.layout import Places
from hugflow.store.links import is_linked

VERSION = 1
# Beyond what anybody publishes; a byte is held for each while a tree is verified.
MOST_ROWS = 1_000_000_000
_PLAN_ID = re.compile(r"[0-9a-f]{16}")


def read_manifest(path: Path) -> dict[str, Any] | None:
    """The manifest, or None when the dataset is not complete or its manifest cannot be used."""
    manifest = load_manifest(path)
    return manifest if manifest is not None and find_misfit(manifest) is None else None


def is_published_as(places: Places, plan: Plan) -> bool:
    """Whether manifest and link of a dataset stand, and speak of this plan."""
    folder = places.dataset(plan.dataset)
    manifest = read_manifest(folder.manifest)
    return (
        manifest is not None
        and manifest["plan"] == plan.id
        and is_linked(places.link(plan.dataset), folder.root)
    )


def load_manifest(path: Path) -> dict[str, Any] | None:
    """What stands in the file, whether it can be used or not; None where it is no manifest.

    One that lies elsewhere, and is linked to, is none.
    """
    try:
        value = json.loads(read_file(path)) if is_file(path) else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.get("version") != VERSION:
        return None
    return value


def find_misfit(manifest: Mapping[str, Any], name: str | None = None) -> str | None:
    """Why a manifest cannot be used; None when it has the shape of one.

    name: of the dataset that it has to be of.
    """
    try:
        if name is not None and manifest["dataset"] != name:
            return f"it is the manifest of {manifest['dataset']!r}"
        counts = [manifest["rows"][key] for key in ("planned", "made", "failed")]
        counts += [manifest["audio"][key] for key in ("files", "bytes", "copied", "encoded")]
        counts += [manifest[part][key] for part in ("json", "source") for key in ("files", "bytes")]
        is_sound = (
            manifest_identity(manifest) is not None
            and "audio_column" in manifest
            and isinstance(manifest["commit"], str)
            and bool(_PLAN_ID.fullmatch(manifest["plan"]))
            and isinstance(manifest["run"], dict)
            and isinstance(manifest["audio"]["seconds"], int | float)
            and all(type(count) is int and count >= 0 for count in counts)
            and manifest["rows"]["planned"] <= MOST_ROWS
            and all(isinstance(digest, str) for digest in manifest["index"].values())
        )
    except (KeyError, TypeError, AttributeError) as error:
        return f"it is damaged: {type(error).__name__}: {error}"
    return None if is_sound else "it is damaged: a value has another type than it should"


def manifest_identity(manifest: Mapping[str, Any]) -> Identity | None:
    """The identity that a manifest names; None where it is not the one of its dataset's name."""
    try:
        identity = Identity(**manifest["request"])
        return identity if identity.name == manifest["dataset"] else None
    except (KeyError, TypeError, AttributeError):
        return None


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
