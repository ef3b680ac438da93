"""Steps: the root's, in order, each with what the previous one gave."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.hierarchy.compose import compose_project
from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.pulling.pull import pull
from hugflow.hierarchy.steps.run import PipelineResult, StepFailed, _split, run_steps
from tests.flowrider.project import LOCAL_YAML, make_flow_project

FLOWS = {"flows": [{"name": "a"}, {"name": "b"}]}
TIMES = {"format": "json", "files_list": ["times.json"], "files_dict": {"more": "more.json"}}


@pytest.fixture(autouse=True)
def own_modules() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("cleaning", "hugflow_steps")):
            del sys.modules[name]


def run(root: Path, steps: list[dict[str, Any]], **keys: Any) -> PipelineResult:
    for name, value in {"flows": FLOWS, "times": {"a": 5}, "more": {"c": 6}}.items():
        (root / f"{name}.json").write_text(json.dumps(value))
    sources = {"times": TIMES, "flows": {"format": "json", "files_list": ["flows.json"]}}
    config = {"sources": sources, "steps": steps, **keys}
    (root / "hugflow.json").write_text(json.dumps(config))
    pull(root)
    composition = compose_project(root)
    return run_steps(composition.project, composition.sources)


LOAD = {"id": "load", "type": "load_json", "sources": ["flows"]}
UPDATE = {
    "id": "update_expiration_times",
    "type": "update_expiration_times",
    "sources": ["times"],
    "default_expiration_time": 1440,
}


def test_the_last_steps_result_is_written_below_outputpath(tmp_path: Path):
    result = run(tmp_path, [LOAD, UPDATE], outputpath="out")
    assert result.outputs == (tmp_path / "out/update_expiration_times.json",)
    assert json.loads(result.outputs[0].read_bytes()) == {
        "flows": [
            {"name": "a", "expire_after_minutes": 5},
            {"name": "b", "expire_after_minutes": 1440},
        ]
    }


def test_a_python_step_gets_what_the_previous_one_gave_and_the_joint_files(tmp_path: Path):
    (tmp_path / "cleaning.py").write_text(
        "def clean(data, files, *, limit):\n"
        "    return [data['flows'][:limit], [p.name for p in files.files_list],\n"
        "            {key: [p.name for p in value] for key, value in files.files_dict.items()}]\n"
    )
    python = {"id": "py", "type": "python", "function": "cleaning:clean", "params": {"limit": 1}}
    result = run(tmp_path, [LOAD, {**python, "sources": ["flows", "times"]}])
    assert result.value == [
        [{"name": "a"}],
        ["flows.json.json", "times.json.json", "more.json"],
        {"more": ["more.json"]},
    ]
    assert str(tmp_path) not in sys.path


def test_a_step_that_gives_nothing_passes_its_input_on(tmp_path: Path):
    (tmp_path / "cleaning.py").write_text("def look(data, files):\n    pass\n")
    look = {"id": "look", "type": "python", "function": "cleaning:look"}
    assert run(tmp_path, [LOAD, look, look | {"id": "again"}]).value == FLOWS
    assert run(tmp_path, []).outputs == ()


def test_rows_of_sheets_enrich_the_entries_that_share_a_value(tmp_path: Path):
    (tmp_path / "people.csv").write_text("name,city\na,Rome\n")
    sheets = {"format": "sheets", "subformat": "csv", "files_list": ["people.csv"]}
    config = {"id": "e", "type": "enrich_json", "sources": ["people"], "by": "name"}
    flows = {"format": "json", "files_list": ["flows.json"]}
    sources = {"people": sheets, "flows": flows}
    assert run(tmp_path, [LOAD, config], sources=sources).value == {
        "flows": [{"name": "a", "city": "Rome"}, {"name": "b"}]
    }
    nested = run(tmp_path, [LOAD, {**config, "into": "about"}], sources=sources).value
    assert nested["flows"][0] == {"name": "a", "about": {"name": "a", "city": "Rome"}}


def test_a_step_of_a_type_that_nobody_registered_keeps_its_fields_and_runs_nothing(tmp_path: Path):
    (tmp_path / "cleaning.py").write_text("def fail(data, files):\n    raise AssertionError\n")
    before = {"id": "py", "type": "python", "function": "cleaning:fail"}
    foreign = {
        "id": "create_flows",
        "type": "create_flows",
        "sources": ["flows"],
        "models_module": "models.parenttext_models",
        "tags": [4, "response"],
    }
    with pytest.raises(ConfigError, match="create_flows, which nobody has registered") as caught:
        run(tmp_path, [before, foreign])
    assert caught.value.exit_code == 4
    assert '@register_step("create_flows")' in caught.value.mend
    (tmp_path / "hugflow_steps.py").write_text(
        "from hugflow.hierarchy.steps.registry import StepFields, register_step\n"
        "class Fields(StepFields):\n"
        "    models_module: str\n"
        "    tags: list[int | str]\n"
        '@register_step("create_flows", Fields)\n'
        "def create(data, files, fields):\n"
        "    return [fields.models_module, *fields.tags]\n"
    )
    assert run(tmp_path, [foreign]).value == ["models.parenttext_models", 4, "response"]


def test_a_slip_in_the_name_of_a_common_field_is_told_with_the_nearest(tmp_path: Path):
    with pytest.raises(ConfigError, match="source is no field") as caught:
        run(tmp_path, [{"id": "one", "type": "load_json", "source": ["flows"]}])
    assert caught.value.mend == "did you mean sources?"


def test_a_field_that_a_known_type_does_not_take_is_an_error_with_its_place(tmp_path: Path):
    with pytest.raises(ConfigError, match="default_expiration_tim is no field") as caught:
        run(tmp_path, [{**UPDATE, "default_expiration_tim": 3}])
    assert "did you mean default_expiration_time?" in caught.value.mend
    assert caught.value.key == "steps.0.default_expiration_tim"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("def f(data, files):\n    return 1 / 0\n", "ZeroDivisionError"),
        ("def f(data, files):\n    return {1, 2}\n", "no JSON"),
        ("def g(data, files):\n    return 1\n", "has no attribute 'f'"),
    ],
)
def test_an_error_names_the_step_and_nothing_is_written(tmp_path: Path, code: str, why: str):
    (tmp_path / "cleaning.py").write_text(code)
    with pytest.raises(StepFailed, match="step bad") as caught:
        run(tmp_path, [LOAD, {"id": "bad", "type": "python", "function": "cleaning:f"}])
    assert caught.value.step == "bad"
    assert why in caught.value.why
    assert not (tmp_path / "output").exists()


@given(total=st.integers(0, 30), parts=st.integers(1, 8))
def test_a_list_is_split_in_order_into_parts_of_nearly_one_size(total: int, parts: int):
    split = _split(list(range(total)), parts)
    assert [each for part in split for each in part] == list(range(total))
    assert len(split) == parts
    assert max(map(len, split)) - min(map(len, split)) <= 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Metaflow itself
def test_a_flow_step_runs_a_flow_by_its_yaml_and_passes_its_input_on(tmp_path: Path):
    project = make_flow_project(tmp_path / "work")
    project.write_config("dev", LOCAL_YAML)
    flow = {"id": "train", "type": "flow", "flow": "example/example_flow"}
    assert run(project.root, [LOAD, flow]).value == FLOWS
    [run_id] = project.root.glob("*/config/pipeline/example/example_flow_dev.run_id")
    assert run_id.read_text().strip()
    with pytest.raises(StepFailed, match="step train: there is no flow example/gone"):
        run(project.root, [{**flow, "flow": "example/gone"}])
