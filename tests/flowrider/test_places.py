"""Where a flow, its configs and run ids are."""

import sys
from pathlib import Path

import pytest

from hugflow.flowrider import (
    FlowConfigError,
    RunNotFound,
    config_path_for,
    flow_path_for,
    load_run_id,
)
from hugflow.flowrider.config import FlowConfig
from hugflow.flowrider.engines import choose_engine
from hugflow.flowrider.places import choose_package, find_configs, find_places, run_id_path_for
from tests.flowrider.project import FlowProject


def test_paths_follow_from_flow_and_tag(flow_project: FlowProject):
    package = flow_project.package
    assert flow_path_for("a/b", package=package) == package / "pipeline/a/b.py"
    assert config_path_for("a/b", package=package) == package / "config/pipeline/a/b_dev.yaml"
    assert config_path_for("b", "v1.2", package=package) == package / "config/pipeline/b_v1.2.yaml"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("flow_v1.2.yaml", "flow_v1.2.run_id"), ("flow_v1.2", "flow_v1.2.run_id")],
)
def test_a_dot_in_a_tag_is_kept(given: str, expected: str):
    assert run_id_path_for(Path(given)) == Path(expected)


@pytest.mark.parametrize("flow", ["../x", "/x", "a/../x", "", "a//b", ".hidden", "a\\b", "a\nb"])
def test_a_flow_outside_of_the_package_is_refused(flow_project: FlowProject, flow: str):
    with pytest.raises(FlowConfigError, match="is no flow"):
        flow_path_for(flow, package=flow_project.package)


@pytest.mark.parametrize("tag", ["../x", "a/b", "", ".x"])
def test_a_tag_is_part_of_a_name(flow_project: FlowProject, tag: str):
    with pytest.raises(FlowConfigError, match="is no tag"):
        config_path_for("x", tag, package=flow_project.package)


def test_a_package_is_a_folder_a_module_or_an_importable_name(
    flow_project: FlowProject, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(str(flow_project.root))
    assert find_places("project_name").package == flow_project.package
    assert "project_name" not in sys.modules
    import project_name  # type: ignore[import-not-found]  # made by the fixture

    assert find_places(project_name).package == flow_project.package
    with pytest.raises(FlowConfigError, match="no package 'no_such_thing'"):
        find_places("no_such_thing")


def test_the_only_package_with_flows_is_chosen(flow_project: FlowProject):
    assert choose_package(flow_project.root).name == "project_name"
    flow_project.write("second/pipeline/x.py", "")
    with pytest.raises(FlowConfigError, match="2 packages"):
        choose_package(flow_project.root)
    assert choose_package(flow_project.root, "second").name == "second"


def test_configs_are_found_though_flows_and_tags_hold_the_same_sign(flow_project: FlowProject):
    flow_project.write("project_name/pipeline/example/example.py", "")
    flow_project.write_config("flow_x", "", "example/example")
    flow_project.write_config("my_tag", "")
    flow_project.write_config("dev", "", "example/nothing")
    assert find_configs(find_places(flow_project.package)) == [
        ("example/example_flow", "dev"),
        ("example/example_flow", "my_tag"),
        ("example/example_flow", "x"),
    ]


def test_a_run_id_is_read_as_text(flow_project: FlowProject):
    config = flow_project.config("dev")
    with pytest.raises(RunNotFound, match="names no run"):
        load_run_id(config)
    config.with_suffix(".run_id").write_text("argo-hello-x7\n")
    assert load_run_id(config) == load_run_id(config.with_suffix("")) == "argo-hello-x7"


def test_the_engine_is_what_the_file_is_written_for_and_the_file_is_not_run(tmp_path: Path):
    file = tmp_path / "flow.py"
    file.write_text("import metaflow\nraise SystemExit\nclass F(metaflow.FlowSpec): pass\n")
    assert choose_engine(FlowConfig(), file) == "metaflow"
    assert choose_engine(FlowConfig("dagster"), file) == "dagster"
    file.write_text("raise SystemExit\n")
    assert choose_engine(FlowConfig(), file) == "dagster"
