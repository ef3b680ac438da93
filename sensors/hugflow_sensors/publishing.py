"""Runs that only publish a finished dataset to the place that `publish_to` of its request names."""

from collections.abc import Sequence
from dataclasses import replace

import dagster as dg

from hugflow.ledger.stages import PUBLISHING
from hugflow.stages.build.build import Build
from hugflow.stages.standing.publication import Publication, find_publication
from hugflow.stages.tree.manifest import Manifest
from hugflow.stages.tree.versions import version_id
from hugflow_resources.asset_keys import stage_key
from hugflow_resources.tags import ATTEMPT_TAG, DATASET_TAG, PART_TAG, PUSH_TAG, SHOWN_TAG
from hugflow_sensors.decide import PastRun


def find_unpushed(build: Build, manifest: Manifest) -> Publication | None:
    """The publication of a finished dataset that is not where its request wants it; else None."""
    found = find_publication(build.places, build.name, build.request.publish_to or "", manifest)
    return None if found is None or found.state == "published" else found


def push_tags(build: Build, publication: Publication, manifest: Manifest) -> dict[str, str]:
    """The tags that mark the sensor's attempts to publish this version to this place."""
    return {
        DATASET_TAG: build.name,
        PUSH_TAG: f"{version_id(manifest)} {publication.to}",
    }


def as_pushes(past: Sequence[PastRun]) -> list[PastRun]:
    """Past attempts at a publication that is still missing.

    A run whose push failed succeeds, because its dataset stays published; here it counts as failed.
    """
    return [replace(run, ending="failed") if run.ending == "succeeded" else run for run in past]


def push_request(build: Build, tags: dict[str, str], attempt: int) -> dg.RunRequest:
    """A run that publishes: the last stage of one partition, so that no row is made again."""
    key = next(iter(build.plan.shard_by_key()))
    return dg.RunRequest(
        run_key="/".join([*tags.values(), str(attempt)]),
        asset_selection=[stage_key(build.name, PUBLISHING)],
        tags={
            SHOWN_TAG: build.name,
            **tags,
            ATTEMPT_TAG: str(attempt),
            PART_TAG: f"{build.plan.id}/{key}",
            "dagster/asset_partition_range_start": key,
            "dagster/asset_partition_range_end": key,
        },
    )
