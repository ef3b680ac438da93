"""Three asset checks: is the lock current, are parents pinned, is the own data fresh."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg

from hugflow.errors import HugflowError
from hugflow.hierarchy.graph import Node
from hugflow.hierarchy.load import load_project
from hugflow.hierarchy.lock import update_lock
from hugflow.hierarchy.lockfile import ROOT
from hugflow.hierarchy.pulling.pull import find_stale
from hugflow_assets.hierarchy.ops import Overrides, compose_here, find_access
from hugflow_assets.hierarchy.specs import View, has_own_files, input_key, source_key

LOCK_IS_CURRENT = "lock_is_current"
PARENTS_ARE_PINNED = "parents_are_pinned"
INPUT_IS_FRESH = "input_is_fresh"


def build_checks(view: View, overrides: Overrides | None) -> list[dg.AssetChecksDefinition]:
    """The checks: of the lock and parents for sources that have some, of own data for the rest."""
    config = view.project.config
    inherited = [name for name, source in config.sources.items() if source.parent_sources]
    own = [name for name, source in config.sources.items() if has_own_files(source)]
    made = []
    if inherited:
        made.append(_lock_checks(view.project.root, inherited, overrides))
    if own:
        made.append(_input_checks(view.project.root, own))
    return made


def _lock_checks(
    root: Path, sources: list[str], overrides: Overrides | None
) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(check, asset=source_key(name), description=what)
        for check, what in (
            (LOCK_IS_CURRENT, "hugflow.lock agrees with the parents of the project file."),
            (PARENTS_ARE_PINNED, "No parent is a folder or a branch, or overridden."),
        )
        for name in sources
    ]

    @dg.multi_asset_check(name="hierarchy_checks", specs=specs, can_subset=True)
    def hierarchy_checks(
        context: dg.AssetCheckExecutionContext,
    ) -> Iterator[dg.AssetCheckResult]:
        wrong: dict[str, str | None] = {}
        names = {key.name for key in context.selected_asset_check_keys}
        if LOCK_IS_CURRENT in names:
            wrong[LOCK_IS_CURRENT] = _find_lock_difference(root)
        if PARENTS_ARE_PINNED in names:
            wrong[PARENTS_ARE_PINNED] = _find_unpinned(root, overrides)
        for key in sorted(context.selected_asset_check_keys):
            yield _result(key, wrong[key.name])

    return hierarchy_checks


def _input_checks(root: Path, sources: list[str]) -> dg.AssetChecksDefinition:
    what = "What is stored is what the configuration asks for, and nobody changed it by hand."
    specs = [
        dg.AssetCheckSpec(INPUT_IS_FRESH, asset=input_key(name), description=what)
        for name in sources
    ]

    @dg.multi_asset_check(name="hierarchy_input_checks", specs=specs, can_subset=True)
    def hierarchy_input_checks(
        context: dg.AssetCheckExecutionContext,
    ) -> Iterator[dg.AssetCheckResult]:
        stale = find_stale(load_project(root))
        for key in sorted(context.selected_asset_check_keys):
            name = key.asset_key.path[1]
            mine = [line for line in stale if line.startswith((f"{name}:", f"{name} "))]
            yield _result(key, "; ".join(mine) + ". Pull it again" if mine else None)

    return hierarchy_input_checks


def _find_lock_difference(root: Path) -> str | None:
    try:
        report = update_lock(root, writes=False, access=find_access(root))
    except HugflowError as error:
        return f"{error.what}: {error.why}"
    if not report.is_changed:
        return None
    return f"{'; '.join(report.changes) or 'the file differs'}. Run `hugflow lock`"


def _find_unpinned(root: Path, overrides: Overrides | None) -> str | None:
    try:
        nodes = compose_here(root, overrides).nodes
    except HugflowError as error:
        return f"{error.what}: {error.why}"
    return "; ".join(_describe_unpinned(nodes)) or None


def _describe_unpinned(nodes: Mapping[str, Node]) -> Iterator[str]:
    for node in nodes.values():
        if node.name == ROOT or node.location is None:
            continue
        where = f"{'/'.join(node.trail)} ({node.location.text})"
        if node.overridden:
            yield f"{where} is overridden"
        elif node.fetched is not None and node.fetched.is_live:
            yield f"{where} is a folder or a branch, which may change"


def _result(key: dg.AssetCheckKey, wrong: str | None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=wrong is None,
        severity=dg.AssetCheckSeverity.WARN,
        description=wrong or "as it should be",
    )
