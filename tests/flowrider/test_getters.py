"""Getters: the artifact of exactly the run that is pinned, as the document of flowrider has it."""

import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hugflow.flowrider import RunNotFound, load_run_id
from hugflow.flowrider.getters import auto_getter
from tests.flowrider.project import FlowProject

pytestmark = pytest.mark.slow

CONFIG = "config/pipeline/example/example_flow_dev.yaml"
INFO = {"seed": 7, "deployment": '{"a": 1, "b": 2}'}
# The document's own words; only the prefix of the imports is ours.
PROGRAM = """
from hugflow.flowrider.metaflow_client import auto_getter
from project_name.pipeline.example.example_flow import EnvironmentFlow
import project_name

artifact = "info"
config_path = "config/pipeline/example/example_flow_dev.yaml"
MODULE = project_name

print(auto_getter(EnvironmentFlow, config_path, artifact, MODULE, cache_strategy=None))  # No caching
print(auto_getter(EnvironmentFlow, config_path, artifact, MODULE))
"""


@pytest.fixture
def module(
    ran: tuple[FlowProject, dict[str, bytes | None]], monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    monkeypatch.syspath_prepend(str(ran[0].root))
    for name in ("USER", "USERNAME", "SUDO_USER", "METAFLOW_USER"):
        monkeypatch.delenv(name, raising=False)
    return importlib.import_module("project_name")


def test_the_program_of_the_document_prints_the_artifact(
    ran: tuple[FlowProject, dict[str, bytes | None]],
):
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM],
        cwd=ran[0].root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{INFO}\n{INFO}\n", done.stderr


@pytest.mark.parametrize(
    "name", ["hugflow.flowrider", "hugflow.flowrider.client.getter", "hugflow.flowrider.cache"]
)
def test_the_names_of_the_document_exist(name: str):
    assert importlib.import_module(name).cache_getter_fn


def test_a_flow_is_its_class_or_name_and_the_suffix_may_be_missing(module: ModuleType):
    class EnvironmentFlow:
        pass

    assert auto_getter(EnvironmentFlow, CONFIG, "info", module) == INFO
    assert auto_getter("EnvironmentFlow", CONFIG.removesuffix(".yaml"), "info", module) == INFO


def test_an_artifact_that_is_kept_outlives_the_datastore_and_another_one_does_not(
    module: ModuleType, ran: tuple[FlowProject, dict[str, bytes | None]], tmp_path: Path
):
    project = ran[0]
    assert auto_getter("EnvironmentFlow", CONFIG, "info", module) == INFO
    assert auto_getter("EnvironmentFlow", CONFIG, "odd", module) == {1, 2}
    store = project.root / ".metaflow"
    store.rename(tmp_path / ".metaflow")
    try:
        assert auto_getter("EnvironmentFlow", CONFIG, "info", module) == INFO
        with pytest.raises(RunNotFound, match="knows no run"):
            auto_getter("EnvironmentFlow", CONFIG, "odd", module)
    finally:
        (tmp_path / ".metaflow").rename(store)


def test_a_datastore_that_has_moved_is_read_where_it_is_and_for_any_user(
    module: ModuleType,
    ran: tuple[FlowProject, dict[str, bytes | None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    store = ran[0].root / ".metaflow"
    shutil.copytree(store, tmp_path / "moved" / ".metaflow")
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(tmp_path / "moved"))
    monkeypatch.setenv("USER", "somebody-else")
    store.rename(tmp_path / "away")
    try:
        assert auto_getter("EnvironmentFlow", CONFIG, "info", module, cache_strategy=None) == INFO
    finally:
        (tmp_path / "away").rename(store)


def test_a_strategy_decorates_a_function_of_flow_run_and_artifact(
    module: ModuleType, ran: tuple[FlowProject, dict[str, bytes | None]]
):
    def strategy(get: Callable[[str, str, str], Any]) -> Callable[[str, str, str], Any]:
        return lambda flow_name, run_id, artifact: (get.__name__, flow_name, run_id, artifact)

    run_id = load_run_id(ran[0].package / CONFIG)
    assert auto_getter("AnyFlow", CONFIG, "info", module, cache_strategy=strategy) == (
        "get_artifact",
        "AnyFlow",
        run_id,
        "info",
    )


def test_what_is_not_there_is_named_with_what_is(module: ModuleType):
    with pytest.raises(RunNotFound, match=r"has no artifact inf; it has .*info"):
        auto_getter("EnvironmentFlow", CONFIG, "inf", module)
    with pytest.raises(RunNotFound, match="knows no run NoFlow/"):
        auto_getter("NoFlow", CONFIG, "info", module)
    with pytest.raises(RunNotFound, match="names no run"):
        auto_getter("EnvironmentFlow", "config/pipeline/x_dev.yaml", "info", module)
