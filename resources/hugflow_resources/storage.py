"""The storage, and how datasets are made, as a Dagster resource."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import dagster as dg

from hugflow.errors import SettingInvalid
from hugflow.flows.project_key import ServingConfig, allow_parents_of, serving_of, trust_of
from hugflow.flows.trust import Trust, parse_allowed, with_entries
from hugflow.requests.catalog import Catalog
from hugflow.requests.grammar import bad_rows_setting
from hugflow.requests.policy import Policy, PolicyInvalid, policy_unreadable
from hugflow.settings import ProjectSettings
from hugflow.stages.build.options import Options
from hugflow.store.hosts import write_host_card
from hugflow.store.layout import Places
from hugflow.store.locks import FOR_EVER
from hugflow_resources.alive import show_alive

log = logging.getLogger(__name__)
_DEFAULTS = Options()


class Storage(dg.ConfigurableResource["Storage"]):
    """The three roots, absolute, and the settings of the work."""

    storage_root: str
    processed_root: str
    state_dir: str
    workers: int = _DEFAULTS.workers
    download_slots: int = _DEFAULTS.download_slots
    fetch_ahead_bytes: int = _DEFAULTS.fetch_ahead_bytes
    keep_raw: bool = _DEFAULTS.keep_raw
    keep_versions: int = _DEFAULTS.keep_versions
    mp3_source: str = _DEFAULTS.mp3_source
    max_bad_rows: str = str(_DEFAULTS.max_bad_rows)
    repair_audio: bool = _DEFAULTS.repair_audio
    max_clip_hours: float = _DEFAULTS.max_clip_hours
    measure: str = _DEFAULTS.measure
    mp3_quality: int = _DEFAULTS.mp3_quality
    verify_load: bool = _DEFAULTS.verify_load
    exports: list[str] = list(_DEFAULTS.exports)  # noqa: RUF012  # of pydantic, which copies it
    storage_quota_bytes: int | None = _DEFAULTS.storage_quota_bytes
    progress_interval: int = _DEFAULTS.progress_interval
    runs_per_dataset: int = 1
    policy: str = "{}"
    policy_fault: str | None = None
    flow_root: str | None = None
    flows_allow: list[str] = []  # noqa: RUF012  # of pydantic, which copies it
    flows_allow_local: bool = False
    flows_server: str | None = None
    flows_user_seed: str | None = None
    flows_users: dict[str, str] = {}  # noqa: RUF012  # of pydantic, which copies it

    @classmethod
    def of(cls, project: ProjectSettings, catalog: Catalog | None = None) -> Self:
        """Take everything from the project's settings, except the policy and the key `flows`.

        catalog: main, which has both; None: take them from the work tree.
        """
        places, options = project.places, project.options_without_policy
        rules, fault = Policy(), None
        try:
            rules = catalog.policy if catalog is not None else project.policy
        except PolicyInvalid as error:
            # The rest must still load, so that a commit on main can fix it.
            fault = error.why
        trust, serving = _read_flows(project, catalog)
        return cls(
            storage_root=str(places.storage_root),
            processed_root=str(places.processed_root),
            state_dir=str(places.state_dir),
            max_bad_rows=str(options.max_bad_rows),
            exports=list(options.exports),
            **{name: getattr(options, name) for name in cls._plain_options()},
            runs_per_dataset=project.settings.runs_per_dataset,
            policy=rules.model_dump_json(exclude_none=True),
            policy_fault=fault,
            flow_root=str(options.flow_root) if options.flow_root is not None else None,
            flows_allow=[str(each) for each in trust.allowed],
            flows_allow_local=trust.allow_local,
            flows_server=serving.server,
            flows_user_seed=serving.user_seed,
            flows_users=dict(serving.users),
        )

    @classmethod
    def _plain_options(cls) -> frozenset[str]:
        """The options that a field of the same name holds unchanged."""
        in_another_form = {"max_bad_rows", "exports", "policy", "flow_root"}
        return (Options.names() & cls.model_fields.keys()) - in_another_form

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """Give the resource; a run that uses it shows that it is alive while it works."""
        if context.run is None:
            yield self
            return
        write_host_card(self.places)
        with show_alive(self.places, context.run.run_id):
            yield self

    @property
    def places(self) -> Places:
        """The three roots as paths."""
        return Places(Path(self.storage_root), Path(self.processed_root), Path(self.state_dir))

    def options(self, *, lock_wait_s: float = FOR_EVER, policy: Policy | None = None) -> Options:
        """How work is done. A run waits for locks without limit; the sensor does not wait.

        policy: the present policy; None: the loaded one. Raises PolicyInvalid when the loaded one
        could not be read.
        """
        if policy is None and self.policy_fault is not None:
            raise policy_unreadable(self.policy_fault)
        return Options(
            max_bad_rows=bad_rows_setting(self.max_bad_rows),
            exports=tuple(self.exports),
            **{name: getattr(self, name) for name in self._plain_options()},
            lock_wait_s=lock_wait_s,
            short_wait_s=0.0,
            policy=policy or Policy.model_validate_json(self.policy),
            flow_root=Path(self.flow_root) if self.flow_root is not None else None,
            trust=Trust(tuple(map(parse_allowed, self.flows_allow)), self.flows_allow_local),
            serving=ServingConfig(self.flows_server, self.flows_user_seed, self.flows_users),
        )


def _read_flows(project: ProjectSettings, catalog: Catalog | None) -> tuple[Trust, ServingConfig]:
    """The allow list and the served flows of main, or of the work tree where main is unknown.

    When they cannot be read, no module may run; everything else must still load.
    """
    try:
        if catalog is None:
            # Loading uses no network, so parents do not count before the sensor has read main.
            return trust_of(project.file), serving_of(project.file)
        file = catalog.parse_project_file()
        allow_parents_of(file)
        return with_entries(trust_of(file), tuple(map(parse_allowed, catalog.allow))), serving_of(
            file
        )
    except (SettingInvalid, PolicyInvalid) as error:
        log.warning("no flow module may run: %s (%s)", error.what, error.why)
        return Trust(), ServingConfig()
