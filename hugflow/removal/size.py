"""How much a stored dataset is, without looking at its files: by its manifest, else by its ledger."""

from dataclasses import dataclass

from hugflow.errors import StateUnreadable
from hugflow.shards.plans import read_current_plan
from hugflow.stages.manifest import read_manifest
from hugflow.stages.measure import measure_plan
from hugflow.store.layout import Places

# failures.jsonl, README.md and manifest.json.
FILES_BESIDE_ROWS = 3


@dataclass(frozen=True, slots=True)
class Size:
    """Complete rows, and the files and bytes of what was written; the index has no bytes."""

    rows: int = 0
    files: int = 0
    bytes: int = 0


def read_size(places: Places, name: str) -> Size:
    """The size of a dataset; nothing where neither manifest nor plan can be read."""
    manifest = read_manifest(places.dataset(name).manifest)
    if manifest is not None:
        audio, metadata = manifest["audio"], manifest["json"]
        files = audio["files"] + metadata["files"] + len(manifest["index"]) + FILES_BESIDE_ROWS
        return Size(manifest["rows"]["made"], files, audio["bytes"] + metadata["bytes"])
    try:
        plan = read_current_plan(places, name)
    except StateUnreadable:
        return Size()
    if plan is None:
        return Size()
    measured = measure_plan(places, plan)
    files_a_row = 1 if plan.audio_column is None else 2
    return Size(measured.rows, measured.rows * files_a_row, measured.bytes)
