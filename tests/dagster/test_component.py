"""`HugflowRequests`: a project of Hugflow inside a Dagster project of somebody's own."""

import subprocess
from pathlib import Path

import dagster as dg
import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from hugflow_assets.component import HugflowRequests
from hugflow_resources import asset_keys
from hugflow_resources.asset_keys import read_stage_key, stage_key
from hugflow_sensors.runs import _made_names
from tests.cluster.venv import make_cluster_venv

NAME = "component__speech__split_train__rev_main"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that asks for one dataset; its translation ends with the test."""
    monkeypatch.setattr(asset_keys, "_key_by_stage", {})
    monkeypatch.setattr(asset_keys, "_stage_by_key", {})
    root = tmp_path / "hugflow"
    (root / "requests" / "add").mkdir(parents=True)
    (root / "workspace.yaml").write_text("load_from: []\n")
    (root / ".env").write_text("PROCESSED_ROOT=./processed\n")
    text = "hf_id: component/speech\ndescription: For tests\n"
    (root / "requests" / "add" / "speech.yaml").write_text(text)
    return root


class OurRequests(HugflowRequests):
    """What a person writes to have everything another way."""

    def get_asset_spec(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        spec = super().get_asset_spec(spec)
        return spec.replace_attributes(key=["lake", f"hf_{spec.key.path[-1]}"])


def test_keys_groups_owners_and_tags_are_those_of_the_project(root: Path):
    component = HugflowRequests(
        project=str(root),
        key_prefix=["speech"],
        group="ours",
        owners=["team:data"],
        tags={"a": "b"},
    )
    defs = dg.build_defs_for_component(component)
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs() if NAME in spec.key.path}
    assert dg.AssetKey(["speech", NAME, "processed"]) in specs
    assert len(specs) == 5
    for spec in specs.values():
        assert (spec.group_name, list(spec.owners), spec.tags["a"]) == ("ours", ["team:data"], "b")
    audio = specs[dg.AssetKey(["speech", NAME, "audio"])]
    assert [dep.asset_key for dep in audio.deps] == [dg.AssetKey(["speech", NAME, "raw"])]


@pytest.mark.slow
def test_a_run_makes_the_assets_under_their_translated_keys(
    root: Path, hub: LoopbackHub, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    publish_text(hub, "component/speech", rows=2, shards=1)
    monkeypatch.chdir(root)
    defs = dg.build_defs_for_component(OurRequests(project=str(root)))
    job = defs.resolve_implicit_global_asset_job_def()
    lake = [dg.AssetKey(["lake", f"hf_{stage}"]) for stage in ("plan", "raw", "audio", "metadata")]
    lake.append(dg.AssetKey(["lake", "hf_processed"]))
    planned = job.execute_in_process(instance=instance, asset_selection=lake[:1])
    assert planned.success
    (partition,) = instance.get_dynamic_partitions(f"{NAME}/shards")
    made = job.execute_in_process(
        instance=instance, asset_selection=lake[1:], partition_key=partition
    )
    assert made.success
    for key in lake[1:]:
        assert instance.get_materialized_partitions(key) == {partition}
    assert read_stage_key(lake[-1]) == (NAME, "processed")
    assert stage_key(NAME, "audio") == lake[2]
    assert _made_names(made.dagster_run) == {NAME}


def test_without_a_component_keys_are_the_name_and_the_stage():
    assert stage_key(NAME, "audio") == dg.AssetKey([NAME, "audio"])
    assert read_stage_key(dg.AssetKey(["other"])) is None


@pytest.mark.slow
@pytest.mark.xdist_group("cluster")
def test_dg_accepts_it_in_a_project_of_its_own(root: Path, tmp_path: Path):
    project = tmp_path / "ours"
    folder = project / "ours" / "defs" / "speech"
    folder.mkdir(parents=True)
    (project / "pyproject.toml").write_text(
        '[project]\nname = "ours"\nversion = "0"\n'
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "ours"\n'
    )
    (project / "ours" / "__init__.py").touch()
    (project / "ours" / "definitions.py").write_text(
        "from pathlib import Path\nimport dagster as dg\n\n"
        "@dg.definitions\ndef defs():\n"
        "    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)\n"
    )
    (folder / "defs.yaml").write_text(
        "type: hugflow_assets.component.HugflowRequests\n"
        f"attributes:\n  project: {root}\n  key_prefix: [speech]\n"
    )
    python = make_cluster_venv()
    done = subprocess.run(
        [str(python), "-c", "from dagster_dg_cli.cli import main; main()", "check", "defs"],
        cwd=project,
        env={"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "loaded successfully" in done.stdout + done.stderr
