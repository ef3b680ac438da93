"""`compile_flows` on the seed's three repositories: compose, then the root's steps in order."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.hierarchy.worlds import CHILD, GRANDPARENT, PARENT, at, write_repository
from tests.projects import Project

pytestmark = pytest.mark.slow

CREATE = PARENT["steps"][0]
UPDATE = {
    "id": "update_expiration_times",
    "type": "update_expiration_times",
    "sources": ["expiration_times"],
    "default_expiration_time": 1440,
}
OWN_TYPE = """\
from hugflow.hierarchy.steps.registry import StepFields, register_step


class Fields(StepFields):
    models_module: str
    tags: list[int | str]


@register_step("create_flows", Fields)
def create_flows(data, files, fields):
    return {"flows": [{"name": path.stem} for path in files.files_list]}
"""


@pytest.fixture
def child(project: Project, tmp_path: Path) -> Project:
    write_repository(tmp_path / "grandparent", GRANDPARENT)
    write_repository(tmp_path / "parent", at(PARENT, grandparent1="../grandparent"))
    config: dict[str, Any] = at({**CHILD, "steps": [CREATE, UPDATE]}, parent1="../parent")
    write_repository(project.root, config)
    times = project.root / "input/expiration_times/special_expiration_file_child.json"
    times.write_text('{"T_onboarding": 5}')
    inherited = tmp_path / "parent/input/expiration_times/special_expiration_file.json"
    inherited.write_text('{"T_onboarding": 4, "grandparent_templates": 3}')
    return project


def test_the_seeds_steps_run_once_their_type_is_registered(child: Project, cache: Path):
    where = {"HUGFLOW_CACHE_DIR": str(cache)}
    refused = child.run("compile_flows", **where)
    assert refused.returncode == 4
    assert "flow_definitions" in refused.stdout
    assert "step create_flows has the type create_flows" in refused.stderr
    assert "hugflow_steps.py" in refused.stderr
    assert not (child.root / "output").exists()
    (child.root / "hugflow_steps.py").write_text(OWN_TYPE)
    done = child.run("compile_flows", **where)
    assert done.returncode == 0, done.stderr
    assert "wrote output/update_expiration_times.json" in done.stdout
    flows = json.loads((child.root / "output/update_expiration_times.json").read_bytes())["flows"]
    assert [(flow["name"], flow["expire_after_minutes"]) for flow in flows] == [
        ("grandparent_templates", 3),
        ("some_other_id_without_a_name", 1440),
        ("base_templates", 1440),
        ("base_content", 1440),
        ("N_onboarding_data", 1440),
        ("T_onboarding", 5),
        ("localised_sheets", 1440),
    ]
    made_of = child.root / "output/update_expiration_times.sources.json"
    assert json.loads(made_of.read_bytes())["overridden"] is False


def test_an_override_is_marked_in_the_result(child: Project, cache: Path, tmp_path: Path):
    (child.root / "hugflow_steps.py").write_text(OWN_TYPE)
    write_repository(tmp_path / "other", GRANDPARENT)
    override = f"parent1/grandparent1={tmp_path / 'other'}"
    where = {"HUGFLOW_CACHE_DIR": str(cache)}
    done = child.run("compose", "--run", "--override", override, **where)
    assert done.returncode == 0, done.stderr
    assert "flow_definitions is composed with a local override" in done.stderr
    made_of = child.root / "output/update_expiration_times.sources.json"
    assert json.loads(made_of.read_bytes())["overridden"] is True
