"""Dagster's private names are imported by one module, and are all there."""

import ast
from pathlib import Path

import dagster as dg

from hugflow_resources import dagster_private

ROOT = Path(__file__).parents[2]
ROOMS = ("hugflow", "hugflow_assets", "resources", "sensors")


def private_imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [m for m in modules if m.startswith(("dagster._", "dagster_webserver."))]
    return names


def test_one_module_alone_imports_what_dagster_keeps_private():
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    found = {path.name for path in files if private_imports(path)}
    assert found == {"dagster_private.py"}


def test_owners_are_judged_as_dagster_judges_them_when_it_loads_an_asset():
    assert dagster_private.is_valid_owner("ada@example.org")
    assert dagster_private.is_valid_owner("team:speech")
    assert not dagster_private.is_valid_owner("ada")


def test_runs_that_are_not_finished_are_those_that_may_still_change():
    assert dg.DagsterRunStatus.STARTED in dagster_private.NOT_FINISHED_STATUSES
    assert dg.DagsterRunStatus.SUCCESS not in dagster_private.NOT_FINISHED_STATUSES
