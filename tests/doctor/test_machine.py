"""What the doctor makes of disks and file systems that no test can bring along."""

import os
from pathlib import Path

import pytest

from hugflow.doctor import machine
from hugflow.doctor.findings import Patient
from hugflow.settings import load_settings


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    """A project whose three roots lie in it."""
    (tmp_path / "workspace.yaml").touch()
    return Patient(load_settings(tmp_path, {"PROCESSED_ROOT": "processed"}), (), {})


def with_disk(monkeypatch: pytest.MonkeyPatch, *, free_bytes: int, inodes: int, free_inodes: int):
    real = os.statvfs("/")
    values = list(real)
    values[1], values[4] = 1, free_bytes
    values[5], values[7] = inodes, free_inodes
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(values))


@pytest.mark.parametrize(
    ("free_bytes", "inodes", "free_inodes", "state"),
    [
        (10**12, 10**7, 10**6, "ok"),
        (10**12, 0, 0, "ok"),
        (5 * 10**9, 10**7, 10**6, "warning"),
        (10**12, 10**7, 5_000, "warning"),
        (10**8, 10**7, 10**6, "problem"),
        (10**12, 10**7, 0, "problem"),
    ],
)
def test_a_disk_that_fills_up_is_told_in_time(
    patient: Patient,
    monkeypatch: pytest.MonkeyPatch,
    free_bytes: int,
    inodes: int,
    free_inodes: int,
    state: str,
):
    with_disk(monkeypatch, free_bytes=free_bytes, inodes=inodes, free_inodes=free_inodes)
    [finding] = machine.check_disks(patient)
    assert (finding.check, finding.state) == ("disk of STORAGE_ROOT", state)


@pytest.mark.parametrize(("kind", "states"), [("nfs4", ["warning"] * 2), ("ext4", ["ok"] * 2)])
def test_sqlite_on_a_network_file_system_is_warned_about(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, kind: str, states: list[str]
):
    monkeypatch.setattr(machine, "_file_system", lambda folder: kind)
    assert [finding.state for finding in machine.check_file_systems(patient)] == states


def test_the_file_system_of_this_folder_is_known(tmp_path: Path):
    assert machine._file_system(tmp_path) is not None
    assert machine._file_system(Path("/proc/self")) == "proc"


def test_a_package_that_is_too_old_is_named(patient: Patient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "requires", lambda name: ["pyyaml>=99", "nothing-of-this-name"])
    [finding] = machine.check_packages(patient)
    assert finding.state == "problem"
    assert "pyyaml" in finding.what
    assert "nothing-of-this-name is missing" in finding.what
