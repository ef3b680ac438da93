"""The options of a build, as plain values from the settings."""

from dataclasses import field, fields
from pathlib import Path
from typing import Any

from hugflow.audio.encoding import QUALITY
from hugflow.audit import this_user
from hugflow.flows.project_key import ServingConfig
from hugflow.flows.trust import Trust
from hugflow.late_dataclass import dataclass
from hugflow.requests.grammar import BYTES_PER_GB, DEFAULT_EXPORTS, BadRowBudget
from hugflow.requests.policy import Policy
from hugflow.shards.plan_request import ROW_FIELDS


@dataclass(frozen=True, slots=True)
class Options:
    """How the work is done.

    mp3_source, max_bad_rows, repair_audio, max_clip_hours: taken where the request names none. The
    last two decide which rows fail; a row that was made is not made again when they change.
    verify_load: load a folder with `datasets` before it is published.
    measure: whether clips are measured, where the request does not say; "all": copied ones too.
    mp3_quality: LAME's, where the request does not say.
    exports: the exports to write, where the request names none.
    workers: rows encoded at once. download_slots: connections that fetch at once on this host,
    over all runs. storage_quota_bytes: what all datasets may take together, None for no limit.
    fetch_ahead_bytes: source files fetched ahead of the encoder; the next shard always is.
    keep_versions: trees kept of a dataset when it is replaced.
    lock_wait_s: how long to wait for another holder of a lock. short_wait_s: the least that is
    waited for the lock of a dataset, which is held for seconds. progress_interval: rows of a dataset
    between two notices of its progress. policy: what requests may ask for.
    flow_root: the folder of flow modules and of the project's own code, None outside of a project.
    trust: which flow modules may run. serving: the user, server and names of served flows. actor: who does it, for
    the audit trail. run_id: of the run of Dagster that does it.
    """

    workers: int = 2
    download_slots: int = 5
    fetch_ahead_bytes: int = 2 * BYTES_PER_GB
    keep_raw: bool = False
    keep_versions: int = 0
    mp3_source: str = "copy"
    max_bad_rows: BadRowBudget = "1%"
    repair_audio: bool = True
    max_clip_hours: float = 6
    measure: str = "false"
    mp3_quality: int = QUALITY
    verify_load: bool = False
    exports: tuple[str, ...] = DEFAULT_EXPORTS
    storage_quota_bytes: int | None = None
    lock_wait_s: float = 0.0
    short_wait_s: float = 10.0
    progress_interval: int = 10_000
    policy: Policy = field(default_factory=Policy)
    flow_root: Path | None = None
    trust: Trust = field(default_factory=Trust)
    serving: ServingConfig = field(default_factory=ServingConfig)
    actor: str = field(default_factory=this_user)
    run_id: str | None = None

    @classmethod
    def names(cls) -> frozenset[str]:
        """Names of all options."""
        return frozenset(each.name for each in fields(cls))

    @property
    def row_defaults(self) -> dict[str, Any]:
        """The options that affect rows, by the request field whose default they are."""
        return {name: getattr(self, name) for name in ROW_FIELDS if name in self.names()}
