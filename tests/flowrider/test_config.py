"""The YAML of a run: sections, and errors with file, line and key."""

import pytest

from hugflow.flowrider import FlowConfigError, parse_config
from hugflow.flowrider.config import parse_config_text
from tests.flowrider.project import SEED_HOOK_YAML, SEED_YAML, FlowProject


def test_the_config_of_the_document_is_read():
    config = parse_config_text(SEED_YAML)
    assert config.preflow_kwargs["with"] == "batch:cpu=1"
    assert config.flow_kwargs == {"random_seed": None}
    assert config.tags == ["my extra tag", "another one"]


@pytest.mark.parametrize("text", ["", "flow_kwargs:\n", "tags:\npreflow_kwargs:\nenv:\n"])
def test_a_file_and_its_sections_may_be_empty(text: str):
    config = parse_config_text(text)
    assert not any((config.preflow_kwargs, config.flow_kwargs, config.tags, config.env))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("flow_kwarg:\n  a: 1\n", "x.yaml:1: flow_kwarg is an unknown key"),
        ("tags: []\nengine: airflow\n", "x.yaml:2: engine"),
        ("flow_kwargs:\n  a: 1\n  run-id-file: f\n", "x.yaml:3: flow_kwargs.run-id-file"),
        ("preflow_kwargs:\n  run_id_file: f\n", "x.yaml:2: preflow_kwargs.run_id_file"),
        ("flow_kwargs:\n  --a: 1\n", "x.yaml:2: flow_kwargs.--a"),
        ("env:\n  A-B: 1\n", "x.yaml:2: env.A-B"),
        ("flow_kwargs: [1]\n", "x.yaml:1: flow_kwargs: it is not a mapping"),
        ("tags: {a: 1}\n", "x.yaml:1: tags: it is not a list"),
        ("- 1\n", "x.yaml:1: the file is not a mapping"),
        ("tags: [a\n", "x.yaml:1"),
        ("flow_kwargs:\n  a: 1\n  a: 2\n", "x.yaml:3"),
        (
            "flow_kwargs:\n  a:\n    - b: 1\n    - b:\n        hook: {nam: x.y}\n",
            "x.yaml:5: flow_kwargs.a[1].b.hook: it has no name",
        ),
        ("tags:\n  - hook: {name: x.y, arg: 1}\n", "tags[0].hook.arg"),
        ("flow_kwargs:\n  a:\n    hook: {name: x.y, kwargs: [1]}\n", "a.hook.kwargs"),
        ("flow_kwargs:\n  a:\n    hook: {name: len}\n", "a.hook.name"),
    ],
)
def test_an_error_names_file_line_and_key(text: str, place: str):
    with pytest.raises(FlowConfigError) as failed:
        parse_config_text(text, "x.yaml")
    assert place in failed.value.what


def test_reading_a_config_imports_no_hook(flow_project: FlowProject):
    flow_project.write("project_name/pipeline/example/example_flow.py", "raise SystemExit(9)")
    parse_config(flow_project.write_config("dev", SEED_HOOK_YAML))


def test_a_config_that_is_missing_is_named(flow_project: FlowProject):
    with pytest.raises(FlowConfigError, match=r"example_flow_prod\.yaml does not exist"):
        parse_config(flow_project.config("prod"))
