"""The selection of all datasets' assets: the same ones, however many, in one pass."""

import dagster as dg

from hugflow.requests.model import AddRequest
from hugflow_assets.datasets import build_dataset
from hugflow_assets.selection import select_datasets
from hugflow_resources.asset_keys import translating
from hugflow_resources.tags import STAGE_TAG


def assets_of(count: int) -> list[dg.AssetsDefinition]:
    requests = [
        AddRequest.model_validate({"hf_id": f"acme/d{n}", "description": "x"}) for n in range(count)
    ]
    return [each for request in requests for each in build_dataset(request)]


@dg.asset
def other() -> None:
    """An asset that is no dataset's."""


def test_it_holds_the_assets_of_the_datasets_and_no_other_and_does_not_grow_with_them():
    one, many = assets_of(1), assets_of(3)
    selection = select_datasets(many)
    keys = {key for each in many for key in each.keys}
    assert selection.resolve([*many, other]) == keys
    assert len(keys) == 15
    assert str(selection) == str(select_datasets(one))


def test_assets_to_which_a_project_gives_other_tags_are_selected_by_their_keys():
    def without_stage(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(
            tags={key: value for key, value in spec.tags.items() if key != STAGE_TAG}
        )

    with translating(without_stage):
        assets = assets_of(2)
    keys = {key for each in assets for key in each.keys}
    assert select_datasets(assets).resolve([*assets, other]) == keys


def test_without_a_dataset_nothing_is_selected():
    assert not select_datasets([]).resolve([other])
