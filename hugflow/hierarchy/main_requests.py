"""What one commit of main is composed of, read from the mirror: nothing is checked out.

That is its requests, and the allow entries of its parents. Project file, lock and own requests are
those of the commit; parents are what its lock says, so a branch of a parent that moves changes
nothing. Local overrides do not count.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hugflow.clients.git import hold_mirror, read_blobs
from hugflow.clients.git_program import READ_TIMEOUT_S, run_git
from hugflow.errors import HugflowError, SettingInvalid
from hugflow.flows.project_key import allow_parents_of
from hugflow.flows.trust import Allowed
from hugflow.hierarchy.access import Access, read_access
from hugflow.hierarchy.composed_requests import (
    FORMAT,
    ComposedRequest,
    compose_requests,
    has_request_sources,
)
from hugflow.hierarchy.contents import refuse_path
from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.inherited_allow import inherited_entries
from hugflow.hierarchy.load import parse_repository, read_repository
from hugflow.hierarchy.lockfile import NAME as LOCK_NAME
from hugflow.hierarchy.overrides import VARIABLE
from hugflow.hierarchy.parent_hosts import parent_hosts_of
from hugflow.project_file import parse_project_file
from hugflow.requests.catalog import ArrivalOnMain, Catalog
from hugflow.store.atomic import make_folder

_PLAIN_MODES = (b"100644", b"100755")
_last: dict[tuple[object, ...], dict[str, ComposedRequest]] = {}


def with_composed_requests(
    catalog: Catalog, before: Catalog | None, mirror: Path, environ: Mapping[str, str] | None = None
) -> Catalog:
    """The catalogue of a commit with the requests that the commit's sources are composed of.

    before: the previous catalogue, for when a request was first seen.
    Raises ConfigError if they cannot be composed; a parent that is not cached is fetched.
    """
    composed = compose_main_requests(
        mirror, catalog.commit, catalog.config, catalog.config_name, environ
    )
    arrivals = before.asked_by_path if before is not None else {}
    asked = {}
    for path, request in composed.items():
        is_same = before is not None and before.data_by_path.get(path) == request.data
        known = arrivals.get(path) if is_same else None
        asked[path] = replace(
            known or ArrivalOnMain(catalog.commit),
            repository=request.repository,
            repository_commit=request.commit,
        )
    return replace(
        catalog,
        data_by_path={
            **catalog.data_by_path,
            **{path: request.data for path, request in composed.items()},
        },
        asked_by_path={**catalog.asked_by_path, **asked},
    )


def with_inherited_allow(
    catalog: Catalog, before: Catalog | None, mirror: Path, environ: Mapping[str, str] | None = None
) -> Catalog:
    """The catalogue of a commit with the allow entries of the parents that its project file names.

    before: the previous catalogue; if it has entries of the same commit, they are kept.
    If parents cannot be read, their entries do not count, and `allow_fault` says why.
    """
    if before is not None and before.commit == catalog.commit and before.allow:
        return replace(catalog, allow=before.allow)
    config, name = catalog.config, catalog.config_name
    try:
        entries = inherited_on_main(mirror, catalog.commit, config, name, environ)
    except SettingInvalid:
        # The sensor and `Storage` say what is wrong with the file.
        return catalog
    except HugflowError as error:
        fault = f"{error.what} ({error.why}). To fix it: {error.mend}"
        return replace(catalog, allow_fault=fault)
    return replace(catalog, allow=tuple(map(str, entries)))


def inherited_on_main(
    mirror: Path,
    commit: str,
    config: bytes | None,
    config_name: str,
    environ: Mapping[str, str] | None = None,
) -> tuple[Allowed, ...]:
    """The allow entries of the parents that a commit's project file names.

    Raises SettingInvalid for what that file says, and ConfigError where a parent cannot be read.
    """
    file = parse_project_file(config or b"", config_name)
    if file.problems or not allow_parents_of(file):
        return ()
    environ = os.environ if environ is None else environ
    with hold_mirror(mirror):
        lock = read_blobs(mirror, _list_blobs(mirror, commit, [LOCK_NAME]))
    with _written(mirror, {config_name: config or b"", **lock}) as root:
        access = _access_of(root, environ)
        return inherited_entries(root, file, access=access, environ=_of_main(environ))


def compose_main_requests(
    mirror: Path,
    commit: str,
    config: bytes | None,
    config_name: str,
    environ: Mapping[str, str] | None = None,
) -> dict[str, ComposedRequest]:
    """The requests that the sources of a commit are composed of, by path.

    config, config_name: the commit's project file. Raises as `with_composed_requests` does.
    """
    environ = os.environ if environ is None else environ
    if config is None or not has_request_sources(parse_project_file(config, config_name)):
        return {}
    project = parse_repository(config, config_name, ("main",))
    folders = [
        f"{project.config.inputpath}/{name}"
        for name, source in project.config.sources.items()
        if source.format == FORMAT
    ]
    with hold_mirror(mirror):
        oid_by_path = _list_blobs(mirror, commit, [LOCK_NAME, *folders])
        key = (str(mirror), config, *sorted(oid_by_path.items()))
        if key in _last:
            return _last[key]
        data_by_path = read_blobs(mirror, oid_by_path)
    with _written(mirror, {config_name: config, **data_by_path}) as root:
        composed = compose_requests(
            root, locked=True, access=_access_of(root, environ), environ=_of_main(environ)
        )
    _last.clear()
    _last[key] = composed
    return composed


@contextmanager
def _written(mirror: Path, data_by_path: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder with files of main for the block; a ConfigError says `main` in its place."""
    with tempfile.TemporaryDirectory(dir=_scratch(mirror)) as folder:
        root = Path(folder)
        for path, data in data_by_path.items():
            make_folder((root / path).parent)
            (root / path).write_bytes(data)
        try:
            yield root
        except ConfigError as error:
            what, why = (text.replace(str(root), "main") for text in (error.what, error.why))
            raise ConfigError(what, why=why, mend=error.mend) from error


def _of_main(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without local overrides."""
    return {name: value for name, value in environ.items() if name != VARIABLE}


def _access_of(root: Path, environ: Mapping[str, str]) -> Access:
    return read_access(environ, parent_hosts=parent_hosts_of(read_repository(root)))


def _list_blobs(mirror: Path, commit: str, paths: list[str]) -> dict[str, bytes]:
    """The ids of plain files at a commit, below some paths."""
    listed = run_git(mirror, ["ls-tree", "-r", "-z", commit, "--", *paths], READ_TIMEOUT_S)
    found: dict[str, bytes] = {}
    for entry in filter(None, listed.split(b"\0")):
        head, _, name = entry.partition(b"\t")
        mode, _, oid = head.split()
        if mode in _PLAIN_MODES:
            path = os.fsdecode(name)
            # A tree that no git program made may name `..`.
            refuse_path(path)
            found[path] = oid
    return found


def _scratch(mirror: Path) -> Path:
    make_folder(mirror.parent)
    return mirror.parent
