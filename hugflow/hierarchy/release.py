"""Releasing a project: `meta.version` is set, committed and tagged; nothing is pushed.

What a release holds must be the same for everybody for ever, so a project with uncommitted changes,
with parents at branches or in folders, or with a stale lock or stale data, is refused.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from hugflow.hierarchy.access import Access
from hugflow.hierarchy.compose import compose_project
from hugflow.hierarchy.edit_file import set_value
from hugflow.hierarchy.errors import ConfigError, LockError
from hugflow.hierarchy.load import Project, load_project
from hugflow.hierarchy.lock import update_lock
from hugflow.hierarchy.lockfile import NAME, read_lock
from hugflow.hierarchy.overrides import read_overrides
from hugflow.hierarchy.pulling.pull import find_stale
from hugflow.store.atomic import write_file

GIT_TIMEOUT_S = 120.0
_VERSION = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._+-]*[0-9A-Za-z])?")


def release_project(
    path: str | Path, version: str, access: Access, environ: Mapping[str, str] | None = None
) -> str:
    """Set the version, commit and tag; the commit. Raises ConfigError, and then changes nothing."""
    project = load_project(path)
    refuse_version(version)
    root = project.root
    _refuse_unreleasable(project, version, access, os.environ if environ is None else environ)
    file = project.config_file
    before = file.read_bytes()
    if project.config.meta.get("version") != version:
        write_file(file, set_value(before, file.name, ("meta", "version"), version))
        try:
            load_project(root)
            run_git(root, "commit", "--quiet", "-m", f"release {version}", "--", file.name)
        except BaseException:
            write_file(file, before)
            raise
    run_git(root, "tag", "-a", version, "-m", f"release {version}")
    return run_git(root, "rev-parse", "HEAD")


def refuse_version(version: str) -> None:
    """Raise ConfigError for a version that is no plain tag."""
    if not _VERSION.fullmatch(version) or ".." in version or version.endswith(".lock"):
        raise ConfigError(
            f"{version[:80]!r} is no version",
            why="it becomes a tag, and a part of locations",
            mend="write letters, digits, dots, - and +, such as 1.1.0",
        )


def _refuse_unreleasable(
    project: Project, version: str, access: Access, environ: Mapping[str, str]
) -> None:
    root = project.root
    changed = run_git(root, "status", "--porcelain", "--", ".")
    if changed:
        raise ConfigError(
            f"{root} has uncommitted changes",
            why="; ".join(line.strip() for line in changed.splitlines()[:5]),
            mend="commit them, or take them back",
        )
    if run_git(root, "tag", "--list", version):
        raise ConfigError(
            f"there is a tag {version} already",
            why="a release never changes",
            mend="choose the next version",
        )
    if overrides := read_overrides(root, environ):
        raise ConfigError(
            f"{'/'.join(next(iter(overrides)))} is overridden",
            why="others would not compose what you see",
            mend="delete the overrides from hugflow.local.yaml and HUGFLOW_OVERRIDES",
        )
    _refuse_live(project)
    if update_lock(root, writes=False, access=access, environ=environ).is_changed:
        raise LockError(
            f"{NAME} is not current",
            why="it does not say what the project file asks for",
            mend="run `hugflow lock`, and commit the file",
        )
    if stale := find_stale(project):
        raise ConfigError(
            "the stored data is not current", why="; ".join(stale[:5]),
            mend="run `hugflow pull`, and commit the input folder",
        )  # fmt: skip
    compose_project(root, locked=True, access=access, environ=environ)


def _refuse_live(project: Project) -> None:
    """Raise ConfigError if any repository may be another one tomorrow."""
    lock = read_lock(project.root)
    if lock is None and project.config.parents:
        raise LockError(
            f"there is no {NAME}",
            why="nothing says which state of the parents belongs to the release",
            mend="run `hugflow lock`, and commit the file",
        )
    for name, node in lock.nodes.items() if lock is not None else ():
        if node.live:
            kind = "folder" if node.kind == "path" else "branch"
            raise ConfigError(
                f"the parent {name} is a {kind}: {node.location}",
                why=f"a {kind} may hold something else tomorrow",
                mend="release it first and name its tag; `hugflow release VERSION --plan` prints "
                "the commands",
            )


def run_git(folder: Path, *arguments: str) -> str:
    """Run git in the user's own repository, as the user would; its output."""
    try:
        done = subprocess.run(  # noqa: S603  # a list; the version is checked
            ["git", *arguments],  # noqa: S607  # git is looked up as any shell would
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=GIT_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(
            f"git {arguments[0]} cannot be run", why=str(error), mend="see that git works here"
        ) from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[:300]
        raise ConfigError(
            f"git {arguments[0]} failed",
            why=said or f"it ended with {done.returncode}",
            mend=f"run `git {arguments[0]}` by hand in {folder} to see why",
        )
    return done.stdout.strip()
