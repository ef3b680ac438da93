"""The sensor that looks at the flows which the project serves: who runs them, and what waits.

When something has changed, it evaluates the check `worker_alive` of each declared endpoint and
records an observation: instances, messages that wait, the worker, version. It starts no runs.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence

import dagster as dg

from hugflow.errors import HugflowError
from hugflow.serving.status import EndpointStatus, read_status
from hugflow_assets.serving import CHECK, describe_endpoint, endpoint_key
from hugflow_resources.flows import FlowsResource
from hugflow_resources.surprises import no_secret_in_errors

INTERVAL_S = 30


def build_flow_directory(endpoints: Sequence[str]) -> dg.SensorDefinition:
    """Give the sensor for some declared endpoints."""
    keys = [endpoint_key(endpoint) for endpoint in endpoints]

    @dg.sensor(
        name="flow_directory",
        asset_selection=dg.AssetSelection.assets(*keys),
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at served flows: whether workers run, and what waits.",
    )
    @no_secret_in_errors()
    def flow_directory(
        context: dg.SensorEvaluationContext, flows: FlowsResource
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            with flows.connect() as cl:
                by_name = {each.name: each for each in read_status(cl).endpoints}
            problem = ""
        except HugflowError as error:
            by_name, problem = {}, error.what
        events, cursor = describe_endpoints(endpoints, by_name, problem)
        if cursor == context.cursor:
            return dg.SkipReason("nothing has changed at the served flows")
        return dg.SensorResult(asset_events=events, cursor=cursor)

    return flow_directory


def describe_endpoints(
    endpoints: Sequence[str], by_name: Mapping[str, EndpointStatus], problem: str
) -> tuple[list[dg.AssetObservation | dg.AssetCheckEvaluation], str]:
    """The events for what was seen, and a digest of it.

    problem: why the server could not be asked; then it is unknown how the endpoints are, and no
        observation is recorded.
    """
    events: list[dg.AssetObservation | dg.AssetCheckEvaluation] = []
    told: list[list[object]] = []
    for endpoint in endpoints:
        status = by_name.get(endpoint)
        is_alive = status is not None and status.is_open and status.has_worker
        words = problem or _words(status)
        told.append([endpoint, is_alive, words])
        events.append(
            dg.AssetCheckEvaluation(
                asset_key=endpoint_key(endpoint),
                check_name=CHECK,
                passed=is_alive,
                description=words,
                metadata={},
            )
        )
        if status is not None:
            told[-1] += [dataclasses.astuple(status)]
            seen = describe_endpoint(status)
            key = endpoint_key(endpoint)
            events.append(dg.AssetObservation(asset_key=key, metadata=seen))
    return events, hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _words(status: EndpointStatus | None) -> str:
    if status is None or not status.is_open:
        return "it is declared, and not served"
    return "a worker runs" if status.has_worker else f"no worker of {status.dispatch_point} runs"
