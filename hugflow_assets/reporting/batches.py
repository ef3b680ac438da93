"""Telling Dagster of many events: up to two hundred of them in one transaction."""

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeAlias

import dagster as dg

from hugflow_resources.dagster_private import one_transaction

log = logging.getLogger(__name__)

BATCH_EVENTS: Final = 200
Event: TypeAlias = dg.AssetMaterialization | dg.AssetCheckEvaluation


def tell_events(instance: dg.DagsterInstance, events: Iterable[Event]) -> Iterator[str | None]:
    """Record events that belong to no run, and give the partition of each once it is recorded.

    A batch that cannot be stored as one is stored event by event.
    """
    waiting = iter(events)
    while batch := list(islice(waiting, BATCH_EVENTS)):
        try:
            with one_transaction(instance):
                _tell_each(instance, batch)
        except Exception as error:  # noqa: BLE001  # whatever a database raises; told one by one
            log.debug("%d events were not stored as one: %s", len(batch), error)
            _tell_each(instance, batch)
        yield from (event.partition for event in batch)


def yield_together(
    instance: dg.DagsterInstance, events: Iterable[dg.AssetMaterialization]
) -> Iterator[dg.AssetMaterialization]:
    """Give an op the events to yield: Dagster stores a batch of them in one transaction."""
    waiting = iter(events)
    while batch := list(islice(waiting, BATCH_EVENTS)):
        with one_transaction(instance):
            yield from batch


def _tell_each(instance: dg.DagsterInstance, events: Iterable[Event]) -> None:
    for event in events:
        instance.report_runless_asset_event(event)
