"""Hooks: imported, called, and replaced by their results, at any depth."""

import sys

import pytest

from hugflow.flowrider import FlowConfig, HookError, auto_getter, resolve_hooks
from hugflow.flowrider.config import parse_config_text
from hugflow.flowrider.listing import list_attempts, list_configs
from hugflow.flowrider.places import PipelinePlaces
from hugflow.flowrider.run_values import values_folder, write_run_value
from tests.flowrider.project import SEED_HOOK_YAML, FlowProject

HOOKS = """
CALLS = []

def add(*numbers, **named):
    CALLS.append(numbers)
    return sum(numbers) + sum(named.values())

def name_only():
    return "called without arguments"

def fail():
    raise KeyError("the cause")

def leave():
    raise SystemExit(3)

class Holder:
    class Inner:
        @staticmethod
        def give(value=5):
            return value
"""


@pytest.fixture(autouse=True)
def hooks(flow_project: FlowProject) -> None:
    flow_project.write("project_name/hooks.py", HOOKS)
    flow_project.write("project_name/broken.py", "import no_such_module_of_ours\n")


def resolve(project: FlowProject, value: str) -> object:
    config = parse_config_text(f"flow_kwargs:\n  a: {value}\n", "dev.yaml")
    return resolve_hooks(config, root=project.root).flow_kwargs["a"]


# Importing Metaflow warns of a renamed module of PyYAML.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_hook_of_the_document_gives_the_value(flow_project: FlowProject):
    config = resolve_hooks(parse_config_text(SEED_HOOK_YAML), root=flow_project.root)
    assert config.flow_kwargs == {"deployment_info": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    ("hook", "result"),
    [
        ("{hook: {name: project_name.hooks.add, args: 1}}", 1),
        ("{hook: {name: project_name.hooks.add, args: [1, 2], kwargs: null}}", 3),
        ("{hook: {name: project_name.hooks.add, kwargs: {a: 1, b: 2}}}", 3),
        ("{hook: {name: project_name.hooks.name_only}}", "called without arguments"),
        ("{hook: {name: project_name.hooks.Holder.Inner.give}}", 5),
        ("[{b: {hook: {name: project_name.hooks.add, args: 4}}}]", [{"b": 4}]),
        ("{hook: one, other: two}", {"hook": "one", "other": "two"}),
    ],
)
def test_a_hook_is_replaced_by_its_result(flow_project: FlowProject, hook: str, result: object):
    assert resolve(flow_project, hook) == result


def test_hooks_in_arguments_are_called_first_at_any_depth(flow_project: FlowProject):
    hook = "1"
    for _ in range(12):
        hook = f"{{hook: {{name: project_name.hooks.add, args: [1], kwargs: {{x: {hook}}}}}}}"
    assert resolve(flow_project, hook) == 13


def test_all_sections_may_have_hooks(flow_project: FlowProject):
    give = {"hook": {"name": "project_name.hooks.Holder.Inner.give", "args": "x"}}
    config = FlowConfig(None, {"with": [give]}, {"p": give}, [give], {"E": give})
    found = resolve_hooks(config, root=flow_project.root)
    assert found == FlowConfig(None, {"with": ["x"]}, {"p": "x"}, ["x"], {"E": "x"})


@pytest.mark.parametrize(
    ("name", "cause", "why"),
    [
        ("project_name.hooks.fail", KeyError, "the cause"),
        ("project_name.hooks.leave", SystemExit, "3"),
        ("project_name.hooks.nope", AttributeError, "nope"),
        ("project_name.nowhere.nope", AttributeError, "nowhere"),
        ("project_name.broken.nope", ModuleNotFoundError, "no_such_module_of_ours"),
        ("no_such_package.nope", ModuleNotFoundError, "no_such_package"),
    ],
)
def test_a_failing_hook_is_located_and_carries_its_cause(
    flow_project: FlowProject, name: str, cause: type[BaseException], why: str
):
    with pytest.raises(HookError) as failed:
        resolve(flow_project, f"[{{b: {{hook: {{name: {name}}}}}}}]")
    assert f"dev.yaml:2: flow_kwargs.a[0].b: the hook {name}" in failed.value.what
    assert why in failed.value.why
    assert isinstance(failed.value.__cause__, cause)


def test_no_hook_runs_when_something_is_only_read(flow_project: FlowProject):
    flow_project.write("project_name/hooks.py", "raise SystemExit('a hook was imported')")
    config = flow_project.write_config(
        "dev", "flow_kwargs: {a: {hook: {name: project_name.hooks.add}}}\n"
    )
    places = PipelinePlaces(flow_project.package)
    [state] = list_configs(places)
    assert (state.flow, state.tag, state.run_id) == ("example/example_flow", "dev", None)
    assert list_attempts(places, state.flow, state.tag) == []
    config.with_suffix(".run_id").write_text("run-1")
    write_run_value(values_folder(places.state, "run-1"), "info", 5)
    assert auto_getter("example_flow", config, "info", flow_project.package) == 5
    [state] = list_configs(places)
    assert state.run_id == "run-1"


def test_hooks_leave_the_path_and_the_tree_as_they_were(flow_project: FlowProject):
    before, files = list(sys.path), flow_project.files()
    resolve(flow_project, "{hook: {name: project_name.hooks.name_only}}")
    assert sys.path == before
    assert flow_project.files() == files
