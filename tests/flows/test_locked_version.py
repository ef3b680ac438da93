"""A version that changes with the locked commits of flow modules."""

from pathlib import Path

from hugflow.flows.locked_version import locked_version
from hugflow.flows.names import parse_module_id
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import LockEntry, Synced, write_lock
from hugflow.requests.model import AddRequest
from hugflow_assets.datasets import build_dataset
from hugflow_sensors.work_tree import stamp_work_tree

MODULE = "acme/Marks"
STEP = {"name": "mark", "use": MODULE, "flow": "Mark", "rows": {"in": ["text"], "out": ["mark"]}}


def lock(root: Path, commit: str) -> None:
    module = parse_module_id(MODULE)
    places = FlowPlaces(root)
    places.lock_file.parent.mkdir(exist_ok=True)
    write_lock(
        places.lock_file,
        {module: LockEntry(Synced(module, "main", commit, "sha256:" + "d" * 64), by_project=True)},
    )


def code_version(root: Path) -> str | None:
    request = AddRequest.model_validate(
        {"hf_id": "acme/speech", "description": "Speech", "flows": [STEP]}
    )
    assets = build_dataset(request, root=root)
    specs = {spec.key.path[1]: spec for each in assets for spec in each.specs}
    return specs["flows"].code_version


def test_a_module_that_moved_makes_the_steps_out_of_date_and_reloads_the_assets(tmp_path: Path):
    lock(tmp_path, "a" * 40)
    version, stamp = code_version(tmp_path), stamp_work_tree(tmp_path)
    assert code_version(tmp_path) == version
    lock(tmp_path, "b" * 40)
    assert code_version(tmp_path) != version
    assert stamp_work_tree(tmp_path) != stamp


def test_without_a_lock_or_with_one_that_cannot_be_read_there_is_no_version(tmp_path: Path):
    assert locked_version(tmp_path, [MODULE]) == ""
    (tmp_path / "flow_modules").mkdir()
    FlowPlaces(tmp_path).lock_file.write_text("no lock\n")
    assert locked_version(tmp_path, [MODULE]) == ""


def test_modules_that_are_not_used_do_not_count(tmp_path: Path):
    lock(tmp_path, "a" * 40)
    assert locked_version(tmp_path, ["acme/Others"]) == ""
