"""A disk that refuses, anywhere: never a false success, and nothing that a rerun cannot mend."""

import errno
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.crash.conftest import NAME, REQUEST, Undisturbed, sync
from tests.crash.disk import failing
from tests.crash.lost import check_nothing_lost, check_recovered
from tests.projects import HUGFLOW, Project
from tests.trees import read_rows_json, read_tree

FULL = {errno.ENOSPC, errno.EDQUOT}
SAFE = re.compile(r"^error: .*; (\d+)(?: of 400)? rows are safe$", re.MULTILINE)
# A shell that sees mounts of its own; root needs no name space of users for it.
ALONE = ["unshare", *([] if os.getuid() == 0 else ["-Ur"]), "-m", "sh", "-c"]
TREE = f"datasets/{NAME}"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("crash")]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the disk refuses: from the `at`th call of a kind on, once or for good.

    is_view: nothing but a view is lost by it, so the work may go on.
    """

    kind: str
    number: int
    path: str
    at: int = 1
    lasts: bool = True
    is_view: bool = field(default=False, kw_only=True)

    def __str__(self) -> str:
        once = "" if self.lasts else "-once"
        return f"{self.kind}-{errno.errorcode[self.number]}-{self.path}-{self.at}{once}"


REFUSALS = [
    # Rows: at the first, within a batch, and near the end.
    Refusal("write", errno.ENOSPC, "/audio/"),
    Refusal("write", errno.ENOSPC, "/audio/", 150),
    Refusal("write", errno.ENOSPC, "/audio/", 390, lasts=False),
    Refusal("write", errno.EDQUOT, "/json/", 200),
    Refusal("write", errno.EIO, "/json/", 10, lasts=False),
    Refusal("write", errno.EIO, "/audio/", 250),
    Refusal("syncfs", errno.EIO, "/audio"),
    Refusal("fsync", errno.EIO, "/json", 2, lasts=False),
    Refusal("syncfs", errno.ENOSPC, "/audio", 2),
    Refusal("rename", errno.EIO, "/audio/", 100),
    Refusal("rename", errno.ENOSPC, "/json/", 30, lasts=False),
    Refusal("rename", errno.EROFS, "/json/", 300),
    Refusal("open", errno.ENOSPC, "/audio/", 77),
    Refusal("open", errno.EMFILE, "/audio/", 200),
    Refusal("open", errno.EMFILE, "/json/", 5, lasts=False),
    Refusal("open", errno.EACCES, "/json/", 111),
    Refusal("mkdir", errno.ENOSPC, "/audio"),
    Refusal("mkdir", errno.EROFS, TREE),
    # What is told of rows.
    Refusal("write", errno.ENOSPC, ".jsonl", 3),
    Refusal("fsync", errno.EIO, ".jsonl", 4),
    Refusal("open", errno.EIO, "/ledger/", 2),
    Refusal("write", errno.ENOSPC, ".audio.json"),
    Refusal("rename", errno.EIO, ".metadata.json", 2),
    Refusal("write", errno.ENOSPC, "/plans/"),
    Refusal("rename", errno.ENOSPC, "/plans/", 2, lasts=False),
    Refusal("fsync", errno.EIO, "/plans/", 3),
    Refusal("write", errno.ENOSPC, "audit.jsonl", 1),
    Refusal("fsync", errno.EIO, "audit.jsonl", 2),
    Refusal("write", errno.EIO, "audit.head", 2, lasts=False),
    Refusal("open", errno.EMFILE, "/locks/", 9),
    Refusal("write", errno.ENOSPC, ".holder", 3),
    # The fetched file.
    Refusal("write", errno.ENOSPC, ".part", 2),
    Refusal("write", errno.EIO, ".part", 5, lasts=False),
    Refusal("fsync", errno.EIO, ".part", 2),
    Refusal("rename", errno.EIO, "/raw/", 3),
    Refusal("open", errno.EMFILE, "/raw/", 4),
    Refusal("read", errno.EIO, "/raw/", 6),
    Refusal("read", errno.EMFILE, "/raw/", 9),
    Refusal("unlink", errno.EIO, "/raw/", 2),
    # What completes a tree.
    Refusal("write", errno.ENOSPC, "/index/"),
    Refusal("write", errno.EIO, "/index/", 9, lasts=False),
    Refusal("open", errno.EMFILE, "/index/", 2),
    Refusal("fsync", errno.EIO, "/index/", 2),
    Refusal("rename", errno.ENOSPC, "/index/", 3),
    Refusal("write", errno.ENOSPC, ".failures.jsonl"),
    Refusal("rename", errno.EIO, "README.md"),
    Refusal("write", errno.ENOSPC, "manifest.json"),
    Refusal("fsync", errno.EIO, "manifest.json"),
    Refusal("rename", errno.EIO, "manifest.json"),
    Refusal("symlink", errno.EACCES, "/processed/"),
    Refusal("symlink", errno.ENOSPC, "/processed/"),
    Refusal("rename", errno.EIO, "/processed/"),
    Refusal("mkdir", errno.EROFS, "/processed"),
    # Views.
    Refusal("write", errno.ENOSPC, "/progress/", is_view=True),
    Refusal("rename", errno.EIO, "/progress/", 2, is_view=True),
    Refusal("write", errno.ENOSPC, "/notices/", is_view=True),
    Refusal("rename", errno.EIO, "/notices/", is_view=True),
]
# One of each sort runs always.
SAMPLED = {1, 10, 18, 36, 46, 54}


def soaked(*values: object) -> object:
    """A case of the soak alone."""
    return pytest.param(*values, marks=pytest.mark.soak)


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(refusal, id=str(refusal), marks=() if i in SAMPLED else pytest.mark.soak)
        for i, refusal in enumerate(REFUSALS)
    ],
)
def test_what_the_disk_refuses_is_told_with_what_is_safe_and_a_rerun_completes(
    crashing: Project, undisturbed: Undisturbed, shim: Path, refusal: Refusal
):
    refused = sync(
        crashing,
        failing(
            shim,
            crashing.root,
            at=refusal.at,
            do=refusal.number,
            last=0 if refusal.lasts else None,
            kinds=refusal.kind,
            path=refusal.path,
            log=crashing.root.with_name("calls"),
        ),
    )
    calls = crashing.root.with_name("calls").read_text("utf-8").splitlines()
    assert len(calls) >= refusal.at, "there was no such call"
    if refusal.is_view:
        assert refused.returncode == 0, refused.stderr
        assert read_tree(crashing.dataset(NAME).root) == undisturbed.tree
    else:
        assert refused.returncode == (6 if refusal.number in FULL else 1), refused.stderr
        check_told(crashing, refused.stderr, os.strerror(refusal.number))
    standing = check_nothing_lost(crashing, NAME, undisturbed.tree)
    again = sync(crashing)
    assert again.returncode == 0, again.stderr
    check_recovered(crashing, NAME, undisturbed.tree, standing)


def check_told(project: Project, talk: str, reason: str) -> None:
    """One error, of three lines: what and where, how many rows are safe, why, and the mend."""
    [safe] = SAFE.findall(talk)
    what, why, mend = talk[talk.index("error: ") :].splitlines()[:3]
    assert str(project.root) in what
    assert reason in why
    assert "again" in mend
    assert int(safe) <= len(read_rows_json(project.dataset(NAME)))


@pytest.mark.parametrize("share", [soaked(0.1), 0.5, soaked(0.9)])
def test_a_disk_that_fills_up_costs_no_row_that_stood_and_goes_on_when_there_is_room(
    crashing: Project, undisturbed: Undisturbed, shim: Path, share: float
):
    room = int(share * sum(map(len, undisturbed.tree.values())))
    full = sync(crashing, failing(shim, crashing.root, room=room))
    assert full.returncode == 6
    check_told(crashing, full.stderr, os.strerror(errno.ENOSPC))
    standing = check_nothing_lost(crashing, NAME, undisturbed.tree)
    again = sync(crashing)
    assert again.returncode == 0, again.stderr
    check_recovered(crashing, NAME, undisturbed.tree, standing)


def can_mount() -> bool:
    """Whether this user may mount something for one process alone."""
    asked = [*ALONE, "mount -t tmpfs none /mnt"]
    try:
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def run_mounted(project: Project, script: str) -> str:
    """Run a script that may mount; it calls `sync`, and what that ends with is printed."""
    command = f"{HUGFLOW} local-sync {REQUEST} --no-report"
    line = f"sync() {{ {command} && code=0 || code=$?; echo ended with $code; }}"
    done = subprocess.run(
        [*ALONE, f"set -e; {line}; {script}"],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout + done.stderr


# Where this user may mount nothing, the shim alone stands in for such disks.
if can_mount():

    @pytest.mark.parametrize(
        ("folder", "size"), [("datasets", "2m"), soaked(".hugflow-state", "300k")]
    )
    def test_a_real_full_disk_ends_with_6_and_goes_on_when_it_is_larger(
        crashing: Project, undisturbed: Undisturbed, folder: str, size: str
    ):
        said = run_mounted(
            crashing,
            f"mkdir {folder}; mount -t tmpfs -o size={size} none {folder}; sync; "
            f"mount -o remount,size=64m {folder}; sync; cp -a {folder} kept",
        )
        (crashing.root / folder).rmdir()
        (crashing.root / "kept").rename(crashing.root / folder)
        assert re.findall(r"ended with (\d+)", said) == ["6", "0"], said
        check_told(crashing, said, os.strerror(errno.ENOSPC))
        check_recovered(crashing, NAME, undisturbed.tree)

    @pytest.mark.parametrize(
        ("folder", "reason"),
        [
            ("datasets", os.strerror(errno.EROFS)),
            soaked(".hugflow-state", os.strerror(errno.EROFS)),
            soaked("processed", "this user may not write it"),
        ],
    )
    def test_a_read_only_root_ends_with_1_and_goes_on_when_it_can_be_written(
        crashing: Project, undisturbed: Undisturbed, folder: str, reason: str
    ):
        said = run_mounted(
            crashing,
            f"mkdir {folder}; mount --bind {folder} {folder}; mount -o remount,bind,ro {folder}; "
            f"sync; umount {folder}; sync",
        )
        assert re.findall(r"ended with (\d+)", said) == ["1", "0"], said
        check_told(crashing, said, reason)
        check_recovered(crashing, NAME, undisturbed.tree)
