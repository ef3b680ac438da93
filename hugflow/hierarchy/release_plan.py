"""The commands that release a whole hierarchy, ancestor first, as a shell script.

For each repository on a branch: clone it, name the new tags of its parents, merge the branch into
main, release, push. A work tree on this machine is used as it is, and pushed if it has an origin.
Repositories at tags or commits are left as they are.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

from packaging.version import InvalidVersion, Version

from hugflow.clients.remote import read_origin
from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.graph import Node
from hugflow.hierarchy.location import Location, with_ref
from hugflow.hierarchy.lockfile import NAME, ROOT
from hugflow.hierarchy.release import refuse_version, run_git
from hugflow.late_dataclass import dataclass

MAIN_BRANCHES = ("main", "master")
_ARCHIVE = re.compile(r"(https?://[^?#]+?)/archive/(?:refs/heads/)?(.+?)(?:\.zip|\.tar\.gz|\.tgz)")
_SCP = re.compile(r"((?:[A-Za-z0-9._-]+@)?[A-Za-z0-9._-]+):(?!//)(.+)")


@dataclass(frozen=True, slots=True)
class _Repository:
    """Where a repository is released.

    folder: a work tree here; None: it is cloned from `url`. url: of the origin; empty for none.
    branch: the state to release. main: the branch of releases.
    """

    folder: Path | None
    url: str
    branch: str
    main: str


def render_plan(nodes: Mapping[str, Node], version: str) -> str:
    """The script for a graph; version: of the root. Raises ConfigError."""
    refuse_version(version)
    order = _order(nodes)
    lines = [
        "# Each repository is released before those that name it. Read it, then run it with sh.",
        "set -eu",
    ]
    if len(order) > 1:
        lines.append("# The versions to give:")
    lines += [f"{_variable(name)}={quote(_next_version(nodes[name]))}" for name in order[:-1]]
    if any(_find_repository(nodes[name]).folder is None for name in order):
        lines.append("work=$(mktemp -d)")
    for name in order:
        lines += ["", *_release(nodes, name, order, version)]
    return "\n".join(lines) + "\n"


def _order(nodes: Mapping[str, Node]) -> list[str]:
    """The repositories to release: those that move, ancestors first, the root last."""
    order: list[str] = []

    def visit(name: str) -> None:
        for parent in nodes[name].parents.values():
            fetched = nodes[parent].fetched
            if parent not in order and fetched is not None and fetched.is_live:
                visit(parent)
        if name not in order:
            order.append(name)

    visit(ROOT)
    return order


def _release(nodes: Mapping[str, Node], name: str, order: list[str], version: str) -> Iterator[str]:
    """The commands for one repository."""
    node = nodes[name]
    place = _find_repository(node)
    can_push = place.folder is None or bool(place.url)
    given = quote(version) if name == ROOT else f'"${_variable(name)}"'
    yield f"# {'this repository' if name == ROOT else name}"
    if place.folder is not None:
        yield f"cd {quote(str(place.folder))}"
        if name != ROOT:
            yield f"git checkout --quiet {quote(place.branch)}"
    else:
        yield f'git clone --quiet --branch {quote(place.branch)} {quote(place.url)} "$work"/{name}'
        yield f'cd "$work"/{name}'
    moved = [(each, parent) for each, parent in node.parents.items() if parent in order]
    for each, parent in moved:
        yield f"hugflow parents set {each} {_reference(nodes[parent])}"
    if moved:
        yield f"git add {node.project.config_file.name} {NAME}"
        yield f"git commit --quiet -m {quote('name the released parents')}"
        if can_push:
            yield f"git push --quiet origin {quote(place.branch)}"
    if place.branch != place.main:
        yield f"git checkout --quiet {place.main}"
        yield f"git merge --quiet --no-edit {quote(place.branch)}"
    yield f"hugflow release {given}"
    if can_push:
        yield f"git push --quiet origin {place.main} {given}"


def _reference(node: Node) -> str:
    """What a child writes for the new release of a parent, as a word of the shell."""
    tag = f'refs/tags/"${_variable(node.name)}"'
    location = _location(node)
    if with_ref(location.text, "x") is not None:
        return tag
    place = _find_repository(node)
    return f"{quote('git+' + _to_url(place))}@{tag}"


def _find_repository(node: Node) -> _Repository:
    """Where a repository is released. Raises ConfigError for one that nobody can release."""
    if node.location is None:
        return _of_folder(node.project.root)
    location = node.location
    if location.kind == "path" and location.path is not None:
        return _of_folder(location.path.resolve())
    if location.kind == "git":
        branch = (location.ref or "").removeprefix("refs/heads/").removeprefix("heads/")
        if location.path is not None and (location.path / ".git").exists():
            return _of_folder(location.path, branch)
        return _of_url(location.url, branch)
    archive = _ARCHIVE.fullmatch(location.url)
    if archive is not None:
        return _of_url(f"{archive[1]}.git", archive[2])
    raise ConfigError(
        f"{location.text} cannot be released by a script",
        why="it is neither a git repository nor an archive of one",
        mend="release it by hand, and name its new state with `hugflow parents set`",
        trail=node.trail,
    )


def _of_folder(folder: Path, branch: str = "") -> _Repository:
    now = branch or run_git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    return _Repository(
        folder, read_origin(folder) or "", now, _choose_main(str(folder), folder, now)
    )


def _of_url(url: str, branch: str) -> _Repository:
    main = _choose_main(url, Path("/"), branch)
    return _Repository(None, url, branch or main, main)


def _choose_main(address: str, folder: Path, branch: str) -> str:
    """The branch of releases: main, else master, else the branch itself."""
    try:
        listed = run_git(folder, "ls-remote", "--quiet", "--heads", "--", address)
    except ConfigError:
        listed = ""
    heads = {line.rpartition("refs/heads/")[2] for line in listed.splitlines()}
    return next((each for each in MAIN_BRANCHES if each in heads), branch or MAIN_BRANCHES[0])


def _to_url(place: _Repository) -> str:
    """The address of a repository for a location, from what git calls its origin."""
    origin = place.url or f"file://{place.folder}"
    scp = _SCP.fullmatch(origin)
    if urlsplit(origin).scheme in ("https", "http", "ssh", "file"):
        return origin
    if scp is not None:
        return f"ssh://{scp[1]}/{scp[2].lstrip('/')}"
    return f"file://{origin}"


def _location(node: Node) -> Location:
    if node.location is None:
        raise ValueError("the root is nobody's parent")
    return node.location


def _variable(name: str) -> str:
    return "version_" + re.sub(r"[^A-Za-z0-9_]", "_", name)


def _next_version(node: Node) -> str:
    """One patch above the highest version that the repository has had; 0.1.0 for the first."""
    known = [str(node.project.config.meta.get("version") or ""), *_list_tags(node)]
    versions = []
    for each in known:
        try:
            versions.append(Version(each))
        except InvalidVersion:
            continue
    if not versions:
        return "0.1.0"
    highest = max(versions)
    return f"{highest.major}.{highest.minor}.{highest.micro + 1}"


def _list_tags(node: Node) -> list[str]:
    """The tags of a repository; none if it cannot be asked now."""
    place = _find_repository(node)
    try:
        listed = run_git(
            place.folder or Path("/"), "ls-remote", "--quiet", "--tags", "--refs", "--",
            place.url or str(place.folder),
        )  # fmt: skip
    except ConfigError:
        return []
    return [line.rpartition("refs/tags/")[2] for line in listed.splitlines()]
