"""Dagster's private names are imported by one module, and are all there."""

import ast
import subprocess
import sys
from pathlib import Path

import dagster as dg
from dagster._core.definitions import definition_config_schema as dagster_config_schema
from dagster._core.definitions import input as dagster_input
from dagster._core.definitions import output as dagster_output
from dagster._core.definitions.assets.job import asset_in as dagster_asset_in

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


def test_types_and_schemas_are_looked_up_once_within_the_block_and_are_the_same():
    look_up, convert = (
        dagster_output.resolve_dagster_type,
        dagster_config_schema.convert_potential_field,
    )
    schema = {"force": dg.Field(bool, default_value=False)}
    with dagster_private.types_looked_up_once():
        for module in (dagster_input, dagster_output, dagster_asset_in):
            for asked in (dg.Nothing, dg.Any, dg.String, None, int, list[str], dg.Int):
                found = module.resolve_dagster_type(asked)
                assert found == look_up(asked)
                assert module.resolve_dagster_type(asked) is found
        convert_once = dagster_config_schema.convert_potential_field
        found = convert_once(schema)
        assert convert_once(schema) is found
        assert found.config_type.key == convert(schema).config_type.key
        assert convert_once({**schema}) is not found
    for module in (dagster_input, dagster_output, dagster_asset_in):
        assert module.resolve_dagster_type is look_up
    assert dagster_config_schema.convert_potential_field is convert


def test_loading_the_definitions_imports_no_database_and_no_service_that_is_told_of_them(
    tmp_path: Path,
):
    (tmp_path / "workspace.yaml").touch()
    program = (
        "import sys, hugflow_assets.definitions;"
        "print(*sorted(sys.modules.keys() & {'alembic', 'github', 'slack_sdk', 'sqlalchemy'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr
