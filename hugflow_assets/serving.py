"""What a project serves: external assets `served/local/<endpoint>` with a check `worker_alive`.

The workers run outside of Dagster. The sensor `flow_directory` looks at them; the check can also be
run by hand.
"""

from collections.abc import Sequence

import dagster as dg

from hugflow.errors import HugflowError
from hugflow.flows.project_key import ServeEntry
from hugflow.serving.records import LOCAL
from hugflow.serving.status import has_worker
from hugflow_resources.flows import FlowsResource

CHECK = "worker_alive"


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


def _build_check(entry: ServeEntry) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=endpoint_key(entry.endpoint),
        name=CHECK,
        description=f"A worker of the dispatch point {entry.dispatch_point} runs.",
    )
    def worker_alive(flows: FlowsResource) -> dg.AssetCheckResult:
        try:
            with flows.connect() as cl:
                is_alive = has_worker(cl, cl.get_user_id(), entry.dispatch_point)
        except HugflowError as error:
            return dg.AssetCheckResult(passed=False, description=error.what)
        words = "a worker runs" if is_alive else f"no worker of {entry.dispatch_point} runs"
        return dg.AssetCheckResult(passed=is_alive, description=words)

    return worker_alive
