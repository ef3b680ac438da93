"""What a project serves: external assets `served/local/<endpoint>` with a check `worker_alive`.

The workers run outside of Dagster. The sensor `flow_directory` looks at them; the check can also be
run by hand.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import dagster as dg

from hugflow.errors import HugflowError
from hugflow.flows.project_key import ServeEntry
from hugflow.serving.descriptions import show_description
from hugflow.serving.records import LOCAL
from hugflow.serving.status import EndpointStatus, has_worker
from hugflow_resources.flows import FlowsResource

CHECK = "worker_alive"
# Instances in the table of an observation.
MOST_SHOWN = 100


def endpoint_key(endpoint: str) -> dg.AssetKey:
    """The key of an endpoint's asset: its user is the project's own, whose id a load need not know."""
    return dg.AssetKey(["served", LOCAL, endpoint])


def build_endpoints(entries: Sequence[ServeEntry]) -> list[dg.AssetSpec]:
    """An external asset for each declared endpoint."""
    return [
        dg.AssetSpec(
            endpoint_key(entry.endpoint),
            description=f"The flow {entry.flow}, served at flows:{entry.endpoint}.",
            metadata={
                "class": entry.flow,
                "dispatch_point": entry.dispatch_point,
                "singleton": entry.singleton,
                "parallel": entry.parallel,
            },
            group_name="served_flows",
            kinds={"nats"},
        )
        for entry in entries
    ]


def build_worker_checks(entries: Sequence[ServeEntry]) -> list[dg.AssetChecksDefinition]:
    """For each declared endpoint, whether a worker runs it now."""
    return [_build_check(entry) for entry in entries]


def describe_endpoint(status: EndpointStatus) -> dict[str, Any]:
    """What an observation of an endpoint shows: numbers, and a table of the longest queues."""
    longest = sorted(status.queues, key=lambda each: -each.waiting)[:MOST_SHOWN]
    records = [
        dg.TableRecord({"instance": each.flow_id, "user": each.client, "waiting": each.waiting})
        for each in longest
    ]
    columns = [
        dg.TableColumn("instance"),
        dg.TableColumn("user"),
        dg.TableColumn("waiting", "int"),
    ]
    return {
        "instances": status.instances,
        "waiting": status.waiting,
        "worker": "runs" if status.has_worker else "none",
        "dispatch_point": status.dispatch_point,
        "class": status.flow_class_name,
        "version": status.description.get("version", ""),
        "description": show_description(status.description),
        "queues": dg.MetadataValue.table(records, schema=dg.TableSchema(columns)),
    }


def _build_check(entry: ServeEntry) -> dg.AssetChecksDefinition:
    key = endpoint_key(entry.endpoint)
    # Names that differ in - and _ alone would give one name of an op, and the location would fail.
    digest = hashlib.sha256(entry.endpoint.encode()).hexdigest()[:6]

    @dg.multi_asset_check(
        name=f"{key.to_python_identifier()}_{CHECK}_{digest}",
        specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=key,
                description=f"A worker of the dispatch point {entry.dispatch_point} runs.",
            )
        ],
    )
    def worker_alive(flows: FlowsResource) -> dg.AssetCheckResult:
        try:
            with flows.connect() as cl:
                is_alive = has_worker(cl, cl.get_user_id(), entry.dispatch_point)
        except HugflowError as error:
            return _result(key, error.what, is_alive=False)
        words = "a worker runs" if is_alive else f"no worker of {entry.dispatch_point} runs"
        return _result(key, words, is_alive=is_alive)

    return worker_alive


def _result(key: dg.AssetKey, words: str, *, is_alive: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=is_alive, asset_key=key, check_name=CHECK, description=words)
