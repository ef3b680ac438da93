"""The paths of all files; nothing here reads or writes them.

STORAGE_ROOT/<name>/audio/<stem>.mp3  audio/<column>/<stem>.mp3  json/<row>.json  index/<shard>.parquet
                    failures.jsonl  README.md  manifest.json
STORAGE_ROOT/.next/<name>/<plan id>/         a new tree that will replace <name>
STORAGE_ROOT/.next/<name>/replaced/          the old tree, for the moment of the exchange
STORAGE_ROOT/.versions/<name>/<version>/     a tree that was replaced, and is kept
STORAGE_ROOT/.set-aside/<name>/<time>/       damaged and unknown files that were moved away
STORAGE_ROOT/samples/<name>/first_<N>/       a sample: the first N rows
STORAGE_ROOT/.trash/<id>/                    a removed tree, if STATE_DIR is on another disk
PROCESSED_ROOT/<name> -> STORAGE_ROOT/<name>
STATE_DIR/plans/<name>/<plan id>.json      what to make, settled once
          plans/<name>/current             the id of the plan in force
          plans/<name>/standing            the id of the plan of the tree in STORAGE_ROOT/<name>
          ledger/<name>/<plan id>/<shard>.jsonl, <shard>.<stage>.json, <shard>.groups.json
          raw/<name>/<plan id>/<shard>     fetched bytes, until their rows are made
          progress/<name>.json             a view for people and scripts
          notices/<name>.json              the latest state, for comments and messages
          outbox/<key>.json                what to send to GitHub or Slack, and what was sent
          outbox/limits/<service>.json     until when a service asked for no more calls
          removed/<name>.json              it was removed, by a person or by main
          retries/<name>.json              a person asked to try it again
          kept/<name>.json                 a person restored it despite a removal request
          hosts/<host>.json                what each host that takes part runs, and its clock
          verified/<name>.json             how far a deep verification came before it was stopped
          trash/<id>/                      what was removed, kept for some days
          audit.jsonl  audit.head          who did what
          locks/  catalog/  mirror.git  dagster/
"""

from pathlib import Path

from hugflow.late_dataclass import dataclass
from hugflow.names import audio_folders

DAGSTER_CONFIG = "dagster.yaml"
DAGSTER_FOLDER = Path(".hugflow-state") / "dagster"


def dagster_folders(root: Path, home: str | None) -> tuple[Path, Path]:
    """Where Dagster's settings are, and where its records are.

    home: DAGSTER_HOME; None or "" for the instance of the project. It may also name the project,
    whose settings keep the records in a folder of their own.
    """
    if not home or Path(home).resolve() == root.resolve():
        return root, root / DAGSTER_FOLDER
    return Path(home), Path(home)


@dataclass(frozen=True, slots=True)
class DatasetFolder:
    """The tree of one dataset under STORAGE_ROOT."""

    root: Path

    @property
    def audio(self) -> Path:
        """Folder of the MP3 files."""
        return self.root / "audio"

    def mp3_folders(self, all_audio: tuple[str, ...]) -> tuple[Path, ...]:
        """Folder of the MP3 files of each audio column; the main one, which is first, has `audio`."""
        others = (self.audio / name for name in audio_folders(all_audio[1:]))
        return (self.audio, *others) if all_audio else ()

    @property
    def json(self) -> Path:
        """Folder of the rows' JSON files."""
        return self.root / "json"

    @property
    def index(self) -> Path:
        """Folder of the index, one parquet file per shard that has rows."""
        return self.root / "index"

    @property
    def failures(self) -> Path:
        """The failed rows, in row order."""
        return self.root / "failures.jsonl"

    @property
    def card(self) -> Path:
        """The dataset card, which `datasets.load_dataset` reads."""
        return self.root / "README.md"

    @property
    def manifest(self) -> Path:
        """Marks the tree as complete; written last."""
        return self.root / "manifest.json"

    def index_file(self, shard_name: str) -> Path:
        """The index of one shard."""
        return self.index / f"{shard_name}.parquet"


@dataclass(frozen=True, slots=True)
class DatasetState:
    """The state of one dataset under one plan, in STATE_DIR."""

    ledger: Path
    raw: Path
    locks: Path

    def journal(self, shard_name: str) -> Path:
        """The journal of one shard's rows."""
        return self.ledger / f"{shard_name}.jsonl"

    def marker(self, shard_name: str, stage: str) -> Path:
        """The marker that one stage of one shard is done."""
        return self.ledger / f"{shard_name}.{stage}.json"

    def raw_file(self, shard_name: str) -> Path:
        """The fetched bytes of one shard."""
        return self.raw / shard_name

    def shard_lock(self, shard_name: str) -> Path:
        """The lock of a shard's one writer."""
        return self.locks / f"{shard_name}.lock"


@dataclass(frozen=True, slots=True)
class Places:
    """The three roots, all absolute, and every path below them."""

    storage_root: Path
    processed_root: Path
    state_dir: Path

    def dataset(self, name: str) -> DatasetFolder:
        """The tree of the dataset called `name`."""
        return DatasetFolder(self.storage_root / name)

    def next_trees(self, name: str) -> Path:
        """Folder of the new trees that will replace the tree of `name`."""
        return self.storage_root / ".next" / name

    def next_tree(self, name: str, plan_id: str) -> DatasetFolder:
        """The new tree that will replace the tree of `name`, made under another plan."""
        return DatasetFolder(self.next_trees(name) / plan_id)

    def replaced_tree(self, name: str) -> Path:
        """Where the old tree of `name` is during the exchange."""
        return self.next_trees(name) / "replaced"

    def versions(self, name: str) -> Path:
        """Folder of the kept versions of `name`: trees that were replaced."""
        return self.storage_root / ".versions" / name

    def samples(self, name: str) -> Path:
        """Folder of the samples of `name`."""
        return self.storage_root / "samples" / name

    def sample(self, name: str, rows: int) -> DatasetFolder:
        """The tree of the first `rows` rows of `name`, which is never published."""
        return DatasetFolder(self.samples(name) / f"first_{rows}")

    def link(self, name: str) -> Path:
        """The symlink that publishes the dataset."""
        return self.processed_root / name

    def state(self, name: str, plan_id: str) -> DatasetState:
        """Ledger, raw bytes and locks of `name` under the plan `plan_id`."""
        return DatasetState(
            ledger=self.state_dir / "ledger" / name / plan_id,
            raw=self.state_dir / "raw" / name / plan_id,
            locks=self.state_dir / "locks" / name,
        )

    def sample_state(self, name: str, plan_id: str, rows: int) -> DatasetState:
        """Ledger, raw bytes and locks of a sample of `name`, beside those of the dataset."""
        state = self.state(name, plan_id)
        key = f"{plan_id}-first_{rows}"
        return DatasetState(
            ledger=state.ledger.with_name(key),
            raw=state.raw.with_name(key),
            locks=state.locks / key,
        )

    def plans(self, name: str) -> Path:
        """Folder of the plans of `name`."""
        return self.state_dir / "plans" / name

    def dataset_lock(self, name: str) -> Path:
        """The lock for planning, publishing and removing `name`; held briefly."""
        return self.state_dir / "locks" / name / "dataset.lock"

    def run_lock(self, run_id: str) -> Path:
        """The lock that a run of Dagster holds as long as its process lives."""
        return self.state_dir / "locks" / "runs" / f"{run_id}.lock"

    def progress(self, name: str) -> Path:
        """The progress file of seed 004."""
        return self.state_dir / "progress" / f"{name}.json"

    def notice(self, name: str) -> Path:
        """The latest notice of `name`."""
        return self.state_dir / "notices" / f"{name}.json"

    def set_aside(self, name: str) -> Path:
        """Folder of the files of `name` that were moved away: damaged and unknown ones."""
        return self.storage_root / ".set-aside" / name

    @property
    def fingerprints(self) -> Path:
        """Folder of the acoustic fingerprints, by which the same sound is found."""
        return self.state_dir / "fingerprints"

    @property
    def running_up(self) -> Path:
        """Where `hugflow up` runs."""
        return self.state_dir / "up" / "running.json"

    @property
    def outbox(self) -> Path:
        """Folder of the conversations on GitHub and Slack."""
        return self.state_dir / "outbox"

    def conversation(self, key: str) -> Path:
        """The file of one conversation: what to send, and what was sent."""
        return self.outbox / f"{key}.json"

    def conversation_lock(self, key: str) -> Path:
        """The lock for changing a conversation's file; held for moments."""
        return self.state_dir / "locks" / "outbox" / f"{key}.lock"

    def sending_lock(self, key: str) -> Path:
        """The lock for delivering a conversation."""
        return self.state_dir / "locks" / "outbox" / f"{key}.sending.lock"

    def service_limit(self, service: str) -> Path:
        """Until when a service asked for no more calls."""
        return self.outbox / "limits" / f"{service}.json"

    def state_folders(self, name: str) -> dict[str, Path]:
        """Folders in STATE_DIR of `name` under all its plans, by kind."""
        return {part: self.state_dir / part / name for part in ("plans", "ledger", "raw")}

    def removed(self, name: str) -> Path:
        """Record: `name` was removed."""
        return self.state_dir / "removed" / f"{name}.json"

    def kept(self, name: str) -> Path:
        """Record: a person restored `name` despite a removal request."""
        return self.state_dir / "kept" / f"{name}.json"

    def retry(self, name: str) -> Path:
        """Record: a person asked to try `name` again."""
        return self.state_dir / "retries" / f"{name}.json"

    def told(self, name: str) -> Path:
        """Mark: Dagster knows all of the published dataset `name`."""
        return self.state_dir / "told" / f"{name}.json"

    def obstacle(self, name: str) -> Path:
        """Record: why the request for `name` is not being carried out."""
        return self.state_dir / "obstacles" / f"{name}.json"

    def upstream(self, name: str) -> Path:
        """Record: the Hub's last answer about the source of `name`."""
        return self.state_dir / "upstream" / f"{name}.json"

    def pushed(self, name: str) -> Path:
        """Record: the last push of `name` to the place that its request names."""
        return self.state_dir / "pushed" / f"{name}.json"

    def verified(self, name: str) -> Path:
        """Record: how far a deep verification of `name` came before it was stopped."""
        return self.state_dir / "verified" / f"{name}.json"

    @property
    def hosts(self) -> Path:
        """Folder of the cards of the hosts that work on this state."""
        return self.state_dir / "hosts"

    @property
    def audit(self) -> Path:
        """The audit trail."""
        return self.state_dir / "audit.jsonl"

    @property
    def audit_head(self) -> Path:
        """Number and hash of the last line of the trail."""
        return self.state_dir / "audit.head"

    @property
    def archives(self) -> Path:
        """Folder of imported archives, each called by its sha256."""
        return self.state_dir / "archives"

    def expansion(self, digest: str) -> Path:
        """The datasets that one request with `expand` becomes."""
        return self.state_dir / "expanded" / f"{digest}.json"

    @property
    def trash(self) -> Path:
        """Folder of what was removed."""
        return self.state_dir / "trash"

    @property
    def storage_trash(self) -> Path:
        """Folder of removed trees that cannot be renamed into STATE_DIR: it is on another disk."""
        return self.storage_root / ".trash"

    @property
    def download_slots(self) -> Path:
        """Folder of the download slots of each host."""
        return self.state_dir / "locks" / "downloads"

    @property
    def catalog(self) -> Path:
        """Folder of the catalogue: the requests on main."""
        return self.state_dir / "catalog"

    @property
    def mirror(self) -> Path:
        """The bare mirror of the requests repository."""
        return self.state_dir / "mirror.git"
