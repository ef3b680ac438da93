"""The assets of all datasets, as a selection that Dagster resolves in time linear in their number."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

import dagster as dg

from hugflow_resources.tags import STAGE_TAG


def select_datasets(assets: Sequence[dg.AssetsDefinition]) -> dg.AssetSelection:
    """The assets of the datasets, by the tags of their stages; by their keys without these tags.

    A selection by groups would look at every asset for each group, and a dataset has its own group.
    """
    tags = {spec.tags.get(STAGE_TAG) for each in assets for spec in each.specs}
    stages = sorted(stage for stage in tags if stage is not None)
    if None in tags or not stages:
        # A project of its own may give the assets other tags.
        return dg.AssetSelection.assets(*(key for each in assets for key in each.keys))
    return reduce(or_, (dg.AssetSelection.tag(STAGE_TAG, stage) for stage in stages))
