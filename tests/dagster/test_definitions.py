"""What Dagster loads: assets from the catalogue or the work tree, whatever state they are in."""

import logging

import dagster as dg
import pytest

from hugflow.requests.catalog import Catalog, write_catalog
from hugflow.requests.model import AddRequest
from hugflow.settings import load_settings
from hugflow.store.layout import Places
from hugflow_assets import datasets
from hugflow_assets.definitions import load_definitions
from tests.dagster.conftest import Project

SPEECH = "hf_id: acme/speech\ndescription: Speech\n"
TEXT = "hf_id: acme/text\ndescription: Text\n"


def names_in(project: Project) -> set[str]:
    definitions = load_definitions(load_settings(project.root, {}))
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    return {key.path[0] for key in keys} - {"hugflow"}


def places_of(project: Project) -> Places:
    return load_settings(project.root, {}).places


def test_without_requests_there_is_the_sensor_and_no_asset(project: Project):
    assert names_in(project) == set()
    repository = load_definitions(load_settings(project.root, {})).get_repository_def()
    assert {sensor.name for sensor in repository.sensor_defs} == {"requests_on_main", "outcomes"}
    assert {sensor.default_status for sensor in repository.sensor_defs} == {
        dg.DefaultSensorStatus.RUNNING
    }


def test_the_overview_is_an_asset_and_sensors_target_what_they_touch(project: Project):
    project.write_request("speech.yaml", SPEECH)
    repository = load_definitions(load_settings(project.root, {})).get_repository_def()
    keys = repository.asset_graph.get_all_asset_keys()
    target = repository.get_sensor_def("requests_on_main").asset_selection
    assert target is not None
    # No run makes the overview, and only a person asks for the overlaps.
    of_all = {dg.AssetKey(["hugflow", name]) for name in ("overview", "overlaps")}
    assert of_all < keys
    assert target.resolve(repository.asset_graph) == keys - of_all
    assert repository.get_sensor_def("outcomes").asset_selection is None


def test_without_a_catalogue_the_work_tree_counts(project: Project):
    project.write_request("speech.yaml", SPEECH)
    assert names_in(project) == {"acme__speech__split_train__rev_main"}


def test_with_a_catalogue_main_counts_and_not_the_work_tree(project: Project):
    project.write_request("speech.yaml", SPEECH)
    write_catalog(places_of(project), Catalog("a" * 40, {"requests/add/t.yaml": TEXT.encode()}))
    assert names_in(project) == {"acme__text__split_train__rev_main"}


def test_an_empty_main_has_no_assets_whatever_the_work_tree_holds(project: Project):
    project.write_request("speech.yaml", SPEECH)
    write_catalog(places_of(project), Catalog("a" * 40, {}))
    assert names_in(project) == set()


def test_a_bad_request_is_logged_and_keeps_no_other_out(
    project: Project, caplog: pytest.LogCaptureFixture
):
    project.write_request("speech.yaml", SPEECH)
    project.write_request("bad.yaml", "hf_id: 7\nnothing: else\n")
    with caplog.at_level(logging.WARNING):
        assert names_in(project) == {"acme__speech__split_train__rev_main"}
    assert "requests/add/bad.yaml:1" in caplog.text


def test_a_damaged_catalogue_is_logged_and_the_sensor_loads_to_mend_it(
    project: Project, caplog: pytest.LogCaptureFixture
):
    catalog = places_of(project).catalog
    catalog.mkdir(parents=True)
    (catalog / "requests.json").write_bytes(b"{")
    with caplog.at_level(logging.WARNING):
        assert names_in(project) == set()
    assert "catalogue" in caplog.text


def test_the_module_validates_and_lists_without_a_network(project: Project):
    project.write_request("speech.yaml", SPEECH)
    listed = project.dagster("asset", "list", "-m", "hugflow_assets.definitions")
    assert "acme__speech__split_train__rev_main/raw" in listed.stdout, listed.stderr
    assert "BetaWarning" not in listed.stderr
    validated = project.dagster("definitions", "validate")
    assert validated.returncode == 0, validated.stderr


def test_every_request_of_the_catalogue_becomes_five_assets(project: Project):
    files = {
        f"requests/add/{n}.yaml": f"hf_id: acme/d{n}\ndescription: Number {n}\n".encode()
        for n in range(40)
    }
    write_catalog(places_of(project), Catalog("a" * 40, files))
    defs = load_definitions(load_settings(project.root))
    assert len(defs.resolve_asset_graph().get_all_asset_keys()) == 200 + 2
    # What a job holds is only settled here: two datasets once made the whole location fail.
    dg.Definitions.validate_loadable(defs)
    assert defs.get_repository_def().get_sensor_def("requests_on_main")


@pytest.mark.slow
def test_two_requests_validate_as_dagster_itself_does_it(project: Project):
    project.write_request("speech.yaml", SPEECH)
    project.write_request("more.yaml", "hf_id: acme/more\ndescription: More\n")
    validated = project.dagster("definitions", "validate")
    assert validated.returncode == 0, validated.stderr


def test_a_request_whose_assets_cannot_be_built_keeps_no_other_out(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    project.write_request("speech.yaml", SPEECH)
    project.write_request("more.yaml", "hf_id: acme/more\ndescription: More\n")
    build = datasets.build_dataset

    def surprise(request: AddRequest, *rest: object) -> list[dg.AssetsDefinition]:
        if request.hf_id == "acme/more":
            raise RuntimeError("a surprise")
        return build(request)

    monkeypatch.setattr(datasets, "build_dataset", surprise)
    defs = load_definitions(load_settings(project.root, {}))
    assert len(defs.resolve_asset_graph().get_all_asset_keys()) == 5 + 2
    assert "requests/add/more.yaml" in caplog.text
