"""Checks of this machine: Python, packages, folders, disks, quota."""

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from hugflow.doctor.findings import Finding, Patient, of_error, ok, problem, warning
from hugflow.errors import SettingInvalid
from hugflow.requests.grammar import BYTES_PER_GB
from hugflow.stages.standing.measure import measure_storage

OLDEST_PYTHON = (3, 11)
FEW_BYTES = 10 * 10**9
TOO_FEW_BYTES = 10**9
FEW_INODES = 100_000
NEARLY_FULL = 0.9
ROOTS = ("STORAGE_ROOT", "PROCESSED_ROOT", "STATE_DIR")
# File systems on which file locks and SQLite are not reliable.
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs",
     "glusterfs", "ocfs2", "gfs2", "davfs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone",
     "fuse.glusterfs", "fuse.ceph", "fuse.gcsfuse", "fuse.juicefs"}
)  # fmt: skip


def check_python(patient: Patient) -> Iterator[Finding]:
    """Hugflow supports this version of Python."""
    if sys.version_info < OLDEST_PYTHON:
        yield problem("python", f"Python {platform.python_version()}", "use Python 3.11 or later")
    else:
        yield ok("python", f"Python {platform.python_version()}")


def check_packages(patient: Patient) -> Iterator[Finding]:
    """All required packages are installed, in supported versions."""
    from packaging.requirements import Requirement

    unfit: list[str] = []
    for text in requires("hugflow") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            unfit.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            unfit.append(f"{requirement.name} {found} is not {requirement.specifier}")
    if unfit:
        yield problem("packages", "; ".join(unfit), "install hugflow again: pip install -U hugflow")
        return
    shown = ("hugflow", "dagster", "huggingface_hub", "datasets", "pyarrow")
    yield ok("packages", ", ".join(f"{name} {version(name)}" for name in shown))


def check_settings(patient: Patient) -> Iterator[Finding]:
    """The project is found, and every setting is valid."""
    project = patient.project
    if project.root is None:
        mend = "go into a project, make one with `hugflow init`, or set HUGFLOW_HOME"
        yield problem("project", "there is no project here", mend)
    else:
        yield ok("project", str(project.root))
    for error in patient.wrong:
        yield of_error("settings", error)
    for oddity in project.warnings:
        yield warning("settings", oddity, "correct the line, or delete it")
    if not patient.wrong and not project.warnings:
        said = sum(origin != "default" for origin in project.origins.values())
        yield ok("settings", f"{said} set; `hugflow config show --origin` lists them")


def check_roots(patient: Patient) -> Iterator[Finding]:
    """The three roots are writable, allow links, and do not overlap."""
    for name in ROOTS:
        try:
            yield _try_writing(name, patient.project.resolve(name))
        except SettingInvalid as error:
            yield of_error(name, error)
    folders = _resolve_roots(patient)
    if len(folders) == len(ROOTS):
        yield from _compare_roots(folders)


def check_disks(patient: Patient) -> Iterator[Finding]:
    """Every disk has room: bytes and inodes."""
    name_by_device: dict[int, str] = {}
    for name, root in _resolve_roots(patient).items():
        folder = _nearest_existing(root)
        if name_by_device.setdefault(folder.stat().st_dev, name) == name:
            yield _look_at_disk(f"disk of {name}", folder)


def check_file_systems(patient: Patient) -> Iterator[Finding]:
    """State and Dagster's SQLite are on a local disk."""
    folders = {
        name: folder for name, folder in _resolve_roots(patient).items() if name == "STATE_DIR"
    }
    if patient.project.root is not None:
        folders["Dagster's SQLite"] = patient.project.root / ".hugflow-state" / "dagster"
    for name, folder in folders.items():
        kind = _file_system(_nearest_existing(folder))
        if kind in NETWORK_FILE_SYSTEMS:
            yield warning(
                "file system",
                f"{name} is on {kind}, a network file system",
                "put it on a local disk; several hosts share Postgres instead of SQLite",
            )
        elif kind is not None:
            yield ok("file system", f"{name} is on {kind}")


def check_quota(patient: Patient) -> Iterator[Finding]:
    """The stored datasets are within STORAGE_QUOTA_GB."""
    quota = patient.project.options_without_policy.storage_quota_bytes
    if quota is None:
        yield ok("quota", "not set (STORAGE_QUOTA_GB)")
        return
    used = measure_storage(patient.project.places)
    what = f"{used / BYTES_PER_GB:.3f} of {quota / BYTES_PER_GB:g} GB are taken by datasets"
    mend = "remove datasets (`hugflow remove`), or raise STORAGE_QUOTA_GB"
    if used >= quota:
        yield problem("quota", what, mend)
    elif used >= NEARLY_FULL * quota:
        yield warning("quota", what, mend)
    else:
        yield ok("quota", what)


def _resolve_roots(patient: Patient) -> dict[str, Path]:
    """The roots that can be resolved; `check_roots` reports the others."""
    folders: dict[str, Path] = {}
    for name in ROOTS:
        with suppress(SettingInvalid):
            folders[name] = patient.project.resolve(name)
    return folders


def _try_writing(name: str, folder: Path) -> Finding:
    """Make the folder, a file and a link in it, and delete them again."""
    mend = f"make it writable for this user, or set {name} to a folder that you may write"
    made: list[Path] = []
    try:
        for missing in reversed([p for p in (folder, *folder.parents) if not os.path.lexists(p)]):
            missing.mkdir()
            made.append(missing)
        with tempfile.TemporaryDirectory(prefix=".hugflow-doctor-", dir=folder) as trial:
            file, link = Path(trial) / "file", Path(trial) / "link"
            file.write_bytes(b"0" * 4096)
            link.symlink_to(file)
            link.rename(link.with_name("renamed"))
    except OSError as error:
        reason = error.strerror or "it cannot be written"
        return problem(name, f"{folder} cannot be used: {reason}", mend)
    finally:
        for folder_made in reversed(made):
            with suppress(OSError):
                folder_made.rmdir()
    return ok(name, f"{folder} {'can be made' if made else 'is writable'}")


def _compare_roots(folders: dict[str, Path]) -> Iterator[Finding]:
    real = {name: folder.resolve() for name, folder in folders.items()}
    pairs = [(one, other) for one in ROOTS for other in ROOTS if one != other]
    clashes = 0
    for one, other in pairs:
        if real[one] == real[other] and ROOTS.index(one) < ROOTS.index(other):
            clashes += 1
            yield problem(
                "roots", f"{one} and {other} are the same folder", "give each a folder of its own"
            )
        elif real[one] != real[other] and real[one].is_relative_to(real[other]):
            clashes += 1
            yield warning(
                "roots",
                f"{one} is inside {other}: clearing one clears the other",
                "put them beside each other",
            )
    storage, state = (_nearest_existing(real[name]) for name in ("STORAGE_ROOT", "STATE_DIR"))
    if not clashes and storage.stat().st_dev == state.stat().st_dev:
        yield ok("roots", "separate folders; the trash is on the disk of STORAGE_ROOT")
    elif not clashes:
        yield ok("roots", "separate folders; removed trees wait in STORAGE_ROOT/.trash")


def _look_at_disk(check: str, folder: Path) -> Finding:
    status = os.statvfs(folder)
    free_bytes = status.f_bavail * status.f_frsize
    what = f"{free_bytes / 1e9:.1f} GB free"
    # A file system without a fixed number of inodes reports 0 of 0.
    if status.f_files:
        what += f", {status.f_favail:,} files more"
    mend = "make room: a row needs two files, and a dataset as many bytes as its source"
    if free_bytes < TOO_FEW_BYTES or (status.f_files and status.f_favail == 0):
        return problem(check, what, mend)
    if free_bytes < FEW_BYTES or (status.f_files and status.f_favail < FEW_INODES):
        return warning(check, what, mend)
    return ok(check, what)


def _nearest_existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _file_system(folder: Path) -> str | None:
    """The file system of a folder, by /proc/mounts; None if that does not exist."""
    try:
        lines = Path("/proc/mounts").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    kind_by_mount: dict[Path, str] = {}
    for line in lines:
        _, mount, kind, *_ = line.split(" ")
        kind_by_mount[Path(mount.replace("\\040", " "))] = kind
    real = folder.resolve()
    return next((kind_by_mount[p] for p in (real, *real.parents) if p in kind_by_mount), None)
