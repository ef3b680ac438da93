"""The asset check `drift`: whether datasets have moved on upstream."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg

from hugflow.clients.repository import RepoId
from hugflow.errors import HubUnavailable, HugflowError
from hugflow.requests.model import AddRequest
from hugflow.stages.standing.drift import Drift, find_drift
from hugflow_resources.asset_keys import read_stage_key, stage_key
from hugflow_resources.hub import HubResource
from hugflow_resources.storage import Storage
from hugflow_resources.surprises import no_secret_in_errors

DRIFT = "drift"
# While it loads, Dagster goes through all checks of an op for each of them.
DATASETS_PER_OP = 100


def build_drift_checks(requests: Sequence[AddRequest]) -> list[dg.AssetChecksDefinition]:
    """Give the check `drift` of every dataset's plan.

    An op checks a hundred datasets, and one run has all ops: `drift`, `drift_2` and so on.
    """
    firsts = range(0, len(requests), DATASETS_PER_OP)
    return [
        _build_drift_check(
            DRIFT if number == 1 else f"{DRIFT}_{number}",
            requests[first : first + DATASETS_PER_OP],
        )
        for number, first in enumerate(firsts, 1)
    ]


def _build_drift_check(op: str, requests: Sequence[AddRequest]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            DRIFT,
            asset=stage_key(request.name, "plan"),
            description="The revision still points to the commit that was planned.",
        )
        for request in requests
    ]

    @dg.multi_asset_check(name=op, specs=specs, can_subset=True)
    def drift(
        context: dg.AssetCheckExecutionContext, hub: HubResource, storage: Storage
    ) -> Iterator[dg.AssetCheckResult]:
        places, client = storage.places, hub.open()
        for key in context.selected_asset_check_keys:
            name = _name_of(key)
            try:
                with no_secret_in_errors():
                    found = find_drift(places, name, client, datetime.now(UTC))
            except HubUnavailable as error:
                # Being unable to look says nothing: the last result stays valid.
                context.log.warning("%s: %s (%s)", name, error.what, error.why)
                continue
            except HugflowError as error:
                yield _result(key, passed=False, what=f"{error.what}: {error.why}")
                continue
            yield _to_result(key, found, client.endpoint)

    return drift


def _name_of(key: dg.AssetCheckKey) -> str:
    found = read_stage_key(key.asset_key)
    assert found is not None, key  # noqa: S101  # the check's own keys are those of stages
    return found[0]


def _to_result(key: dg.AssetCheckKey, found: Drift | None, endpoint: str) -> dg.AssetCheckResult:
    if found is None:
        return _result(key, passed=True, what="it is not planned yet")
    plan, name, what = found.plan, _name_of(key), found.words
    if found.gone is not None:
        what += ". What is published stays"
    elif found.has_moved:
        what += f". To follow it, materialize {name}/plan with the config `update: true`"
    base = RepoId.dataset(plan.request.hf_id).page(endpoint)
    metadata = {"planned": dg.MetadataValue.url(f"{base}/tree/{plan.commit}")}
    if found.upstream is not None:
        metadata["upstream"] = dg.MetadataValue.url(f"{base}/tree/{found.upstream}")
        metadata["changes"] = dg.MetadataValue.url(f"{base}/commits/{found.upstream}")
    return _result(key, passed=not found.has_moved, what=what, metadata=metadata)


def _result(
    key: dg.AssetCheckKey,
    *,
    passed: bool,
    what: str,
    metadata: dict[str, dg.UrlMetadataValue] | None = None,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=what,
        metadata=metadata or {},
    )
