"""Looking at a dataset's tree as a user would: every file by its bytes."""

import json
from pathlib import Path
from typing import Any

from hugflow.store.layout import DatasetFolder


def read_tree(root: Path) -> dict[str, bytes]:
    """Every file below `root` by its relative path; the manifest without its object `run`."""
    tree = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    if "manifest.json" in tree:
        manifest = json.loads(tree["manifest.json"])
        manifest.pop("run")
        tree["manifest.json"] = json.dumps(manifest).encode()
    return tree


def read_rows_json(folder: DatasetFolder) -> dict[int, dict[str, Any]]:
    """Every row's JSON by its number; temporary files of a killed run are passed over."""
    files = folder.json.glob("[0-9]*.json")
    return {int(path.stem): json.loads(path.read_text("utf-8")) for path in files}


def read_failures(folder: DatasetFolder) -> list[dict[str, object]]:
    """The lines of failures.jsonl."""
    return [json.loads(line) for line in folder.failures.read_text("utf-8").splitlines()]
