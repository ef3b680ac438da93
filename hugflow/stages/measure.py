"""How much of each dataset is there: rows, bytes and seconds, by its manifest or its ledger."""

from dataclasses import dataclass

from hugflow.errors import StateUnreadable
from hugflow.ledger.journal import RowMade, read_journal
from hugflow.ledger.markers import read_marker
from hugflow.shards.plan import Plan, Shard
from hugflow.shards.plans import read_current_plan
from hugflow.stages.manifest import read_manifest
from hugflow.store.layout import DatasetState, Places


@dataclass(frozen=True, slots=True)
class Measured:
    """What stands of a dataset or a shard. bytes: of MP3 and JSON files. seconds: of audio."""

    rows: int = 0
    failed_rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    shards_done: int = 0

    def __add__(self, other: "Measured") -> "Measured":
        """Both together."""
        return Measured(
            self.rows + other.rows,
            self.failed_rows + other.failed_rows,
            self.bytes + other.bytes,
            self.seconds + other.seconds,
            self.shards_done + other.shards_done,
        )


def measure_stored(places: Places) -> int:
    """Bytes of all datasets under STORAGE_ROOT, finished or not, as far as we know of them."""
    if not places.storage_root.is_dir():
        return 0
    names = (path.name for path in places.storage_root.iterdir() if path.is_dir())
    return sum(_stored_bytes(places, name) for name in names if not name.startswith("."))


def measure_plan(places: Places, plan: Plan) -> Measured:
    """What stands of the rows of a plan, by its ledger: markers, and journals of begun shards."""
    state = places.state(plan.dataset, plan.id)
    return sum((_measure_shard(state, shard) for shard in plan.shards), Measured())


def _stored_bytes(places: Places, name: str) -> int:
    manifest = read_manifest(places.dataset(name).manifest)
    if manifest is not None:
        return int(manifest["audio"]["bytes"]) + int(manifest["json"]["bytes"])
    try:
        plan = read_current_plan(places, name)
    except StateUnreadable:
        return 0
    return measure_plan(places, plan).bytes if plan is not None else 0


def _measure_shard(state: DatasetState, shard: Shard) -> Measured:
    audio = read_marker(state.marker(shard.name, "audio"))
    metadata = read_marker(state.marker(shard.name, "metadata"))
    if audio is not None and metadata is not None:
        return Measured(
            rows=metadata.rows,
            failed_rows=len(metadata.failed_rows),
            bytes=audio.bytes + metadata.bytes,
            seconds=audio.audio_seconds,
            shards_done=1,
        )
    outcomes = read_journal(state.journal(shard.name)).values()
    made = [outcome for outcome in outcomes if isinstance(outcome, RowMade)]
    return Measured(
        rows=sum(row.json_bytes is not None for row in made),
        failed_rows=len(outcomes) - len(made),
        bytes=sum((row.mp3_bytes or 0) + (row.json_bytes or 0) for row in made),
        seconds=sum(row.audio.duration for row in made if row.audio is not None),
    )
