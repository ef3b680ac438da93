"""What `local-sync` and CI made, told to Dagster's instance."""

import subprocess
import sys
import threading
from pathlib import Path

import dagster as dg
import pytest

from hugflow.ledger.stages import STAGE_NAMES
from hugflow.requests.model import AddRequest
from hugflow.settings import load_settings
from hugflow.stages.build.build import Build
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.sync import Synced, sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow_assets.reporting.report import report
from hugflow_resources.hub import HubResource
from hugflow_resources.instance import open_instance, prepare_instance
from hugflow_resources.storage import Storage
from tests.dagster.conftest import Project


def sync(project: Project, hf_id: str) -> tuple[Synced, Build]:
    settings = load_settings(project.root)
    request = AddRequest(hf_id=hf_id, description="For tests")
    storage = Storage.of(settings)
    build = open_build(request, storage.places, HubResource().open(), storage.options())
    return sync_dataset(build), build


def events(instance: dg.DagsterInstance, name: str, stage: str) -> int:
    return len(instance.fetch_materializations(dg.AssetKey([name, stage]), limit=50).records)


def test_what_was_made_shows_as_materialized_whatever_the_working_directory(
    project: Project, hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    publish_speech(hub, "events/told", rows=6, shards=3)
    monkeypatch.chdir(tmp_path)
    synced, build = sync(project, "events/told")
    assert report(project.root, synced, build) == "reported 3 shards to Dagster"
    with open_instance(project.root) as instance:
        keys = list(build.plan.shard_by_key())
        assert list(instance.get_dynamic_partitions(f"{build.name}/shards")) == keys
        assert events(instance, build.name, "plan") == 1
        for stage in STAGE_NAMES:
            key = dg.AssetKey([build.name, stage])
            assert instance.get_materialized_partitions(key) == set(keys)
    assert (project.root / ".hugflow-state" / "dagster").is_dir()
    assert not (tmp_path / ".hugflow-state").exists()


def test_telling_twice_adds_nothing(project: Project, hub: LoopbackHub):
    publish_speech(hub, "events/twice", rows=4, shards=2)
    report(project.root, *sync(project, "events/twice"))
    synced, build = sync(project, "events/twice")
    assert report(project.root, synced, build) == "Dagster knew 2 shards already"
    with open_instance(project.root) as instance:
        assert [events(instance, build.name, stage) for stage in ("plan", *STAGE_NAMES)] == [
            1,
            *[2] * 4,
        ]


def test_without_an_instance_nobody_is_told(project: Project, hub: LoopbackHub):
    publish_speech(hub, "events/nobody", rows=2, shards=1)
    (project.root / "dagster.yaml").unlink()
    assert "nothing was reported to Dagster" in report(
        project.root, *sync(project, "events/nobody")
    )
    assert not (project.root / ".hugflow-state" / "dagster").exists()


def test_several_processes_may_prepare_a_fresh_instance_at_once(project: Project):
    codes: list[int] = []

    def prepare() -> None:
        command = [sys.executable, "-m", "hugflow_resources.instance", str(project.root)]
        codes.append(subprocess.run(command, env=project.environment, check=False).returncode)

    threads = [threading.Thread(target=prepare) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0, 0]
    prepare_instance(project.root, slots=5)
    with open_instance(project.root) as instance:
        assert list(instance.get_runs()) == []
