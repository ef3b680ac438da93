"""Removing a dataset from Dagster's records: what Dagster shows green must exist on disk."""

import dagster as dg

from hugflow.ledger.stages import asset_names
from hugflow_assets.reporting.materializations import partitions_name
from hugflow_resources.asset_keys import stage_key


def forget_dataset(instance: dg.DagsterInstance, name: str) -> bool:
    """Delete a dataset's partitions and materializations; returns whether there were any.

    The logs of its runs stay. A dataset that is restored or made again is reported again.
    """
    keys = instance.get_dynamic_partitions(partitions_name(name))
    assets = [stage_key(name, stage) for stage in ("plan", *asset_names(has_flows=True))]
    known = [key for key in assets if instance.has_asset_key(key)]
    instance.wipe_assets(known)
    for key in keys:
        instance.delete_dynamic_partition(partitions_name(name), key)
    return bool(keys or known)
