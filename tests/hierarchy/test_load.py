"""The configuration of a repository: what is read, and how a wrong one is named."""

import json
from pathlib import Path

import pytest

from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.load import load_project, read_repository
from hugflow.hierarchy.project_config import SheetsSource

SEED_PARENT = {
    "parents": {"grandparent1": {"location": "https://example.org/grandparent.zip"}},
    "sheet_names": {"base_templates": "google_sheet_idA"},
    "sources": {
        "flow_definitions": {
            "parent_sources": ["grandparent1.flow_definitions"],
            "format": "sheets",
            "subformat": "google_sheets",
            "files_list": ["base_templates"],
        },
        "expiration_times": {
            "format": "json",
            "files_dict": {"special_expiration_file": "./edits/specific_expiration.json"},
        },
    },
    "steps": [
        {
            "id": "create_flows",
            "type": "create_flows",
            "sources": ["flow_definitions"],
            "models_module": "models.parenttext_models",
            "tags": [4, "response"],
        }
    ],
}


def write(folder: Path, text: str, name: str = "hugflow.yaml") -> Path:
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("name", ["hugflow.json", "config.json", "hugflow.yaml", "hugflow.yml"])
def test_the_configuration_of_the_seed_is_read_from_each_name(tmp_path: Path, name: str):
    project = load_project(write(tmp_path, json.dumps(SEED_PARENT), name))
    source = project.config.sources["flow_definitions"]
    assert isinstance(source, SheetsSource)
    assert source.parent_sources == ["grandparent1.flow_definitions"]
    assert project.config_file.name == name
    assert project.input == tmp_path / "input"
    assert project.config.outputpath == "output"
    [step] = project.config.steps
    assert step.model_extra == {
        "models_module": "models.parenttext_models",
        "tags": [4, "response"],
    }


def test_python_is_never_read_as_a_configuration(tmp_path: Path):
    (tmp_path / "config.py").write_text("raise SystemExit(1)")
    with pytest.raises(ConfigError, match="has no project file"):
        load_project(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sources:\n  a:\n    format: json\n    file_list: [x]\n", "yaml:4: sources.a.file_list"),
        ("sources:\n  a: {format: media_assets}\n", "yaml:2: sources.a: .*no format"),
        ("sources:\n  a: {format: sheets}\n", "yaml:2: sources.a.subformat"),
        ("sources:\n  a: {format: json, parent_sources: [p]}\n", "exactly one dot"),
        ("sources:\n  a: {format: json, parent_sources: [p.a.b]}\n", "exactly one dot"),
        ("sources:\n  a: {format: json, parent_sources: [p.a]}\n", "there is no parent p"),
        ("sources:\n  a b: {format: json}\n", "letters, digits"),
        ("parents:\n  -p: {location: x}\n", "letters, digits"),
        ("parents:\n  p: {}\n", "yaml:2: parents.p.location"),
        ("inputpath: ../elsewhere\n", "yaml:1: inputpath: .*inside the repository"),
        ("inputpath: /etc\n", "inside the repository"),
        ("steps:\n- {id: a, type: python, sources: [x]}\n", "step a names the source x"),
        ("steps:\n- {id: a, type: b}\n- {id: a, type: b}\n", "two steps have the id a"),
        ("sources: {a: {format: json}}\nsources: {}\n", "yaml:2: .*written twice"),
        (
            "sources:\n  a: {format: sheets, subformat: google_sheets, files_archive: x.zip}\n",
            "archive cannot be given",
        ),
        ("sources:\n  a: {format: json, files_list: [x, 5]}\n", "files_list.1: it is not a text"),
        ("sources:\n  a: {format: json, files_list: x}\n", "files_list: it is not a list"),
        ("sources:\n  a: {format: json, files_dict: {k: 5}}\n", "files_dict.k: it is not a text"),
        ("sources: {a: 5}\n", "sources.a: it is not a mapping"),
        ("steps:\n- {id: a}\n", "yaml:2: steps.0.type: it is missing"),
        ("meta: {pipeline_version: 999.0.0}\n", "yaml:1: meta.pipeline_version: .*999"),
        ("meta: {pipeline_version: new}\n", "it is no version"),
        ("sources: [a]\n", "yaml:1: sources"),
    ],
)
def test_a_wrong_configuration_is_named_by_file_line_and_key(tmp_path: Path, text: str, said: str):
    with pytest.raises(ConfigError, match=said):
        load_project(write(tmp_path, text))


def test_a_legacy_file_that_is_no_json_is_an_error(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"config\.json:1"):
        load_project(write(tmp_path, "{sources: 1}", "config.json"))


@pytest.mark.parametrize("name", ["config.json", "hugflow.yaml"])
def test_what_a_parent_has_for_other_systems_is_left_out(tmp_path: Path, name: str):
    values = {
        **SEED_PARENT,
        "meta": {"pipeline_version": "999.0.0"},
        "special": 1,
        "steps": [{"nonsense": True}],
        "sources": {
            "translations": {"format": "translation_repo", "languages": []},
            "plain": {"format": "json", "files_list": ["x"], "unheard_of": 1},
        },
    }
    project = read_repository(write(tmp_path, json.dumps(values), name), ("parent1",))
    assert set(project.config.sources) == {"plain"}
    assert project.foreign_sources == {"translations"}
    assert project.config.steps == []


def test_an_error_in_a_parent_names_the_path_of_parents(tmp_path: Path):
    write(tmp_path, "sources:\n  a: {format: json, parent_sources: [p.a]}\n")
    with pytest.raises(ConfigError, match=r"parent1/grandparent1: hugflow\.yaml:2: sources\.a"):
        read_repository(tmp_path, ("parent1", "grandparent1"))


def test_a_key_without_a_value_is_as_if_it_were_not_there(tmp_path: Path):
    write(tmp_path, "parents:\nsources:\n  a:\n    format: json\n    files_list:\n      # - x\n")
    assert load_project(tmp_path).config.sources["a"].files_list == []
