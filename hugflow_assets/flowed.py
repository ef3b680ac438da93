"""The stages of a dataset with row steps: two ops, so that its steps count for a pool of their own.

    rows    raw, audio, metadata      pool hf_downloads
    flows   flows, processed          pool flows

The second op runs if the first has made all that the run selected of it. No op returns an output of
an asset: its events are yielded as shards are done, so they survive a kill. An op whose inputs were
all left out is skipped by Dagster, so the first one hands on an output that is no asset.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import dagster as dg

from hugflow.ledger.stages import FLOWS, PUBLISHING, SHARD_STAGES
from hugflow.names import op_name
from hugflow.requests.model import AddRequest
from hugflow_assets.making import RESOURCES, STAGES_SCHEMA, Event, make_stages
from hugflow_resources.asset_keys import stage_key
from hugflow_resources.instance import FLOWS_POOL, POOL

MADE: Final = "made"
STAGES_BY_OP: Final = {"rows": SHARD_STAGES, "flows": (FLOWS, PUBLISHING)}


def build_flowed(
    request: AddRequest,
    group: str,
    specs: Sequence[dg.AssetSpec],
    checks: Sequence[dg.AssetCheckSpec],
) -> dg.AssetsDefinition:
    """Give the assets of the stages. Run config is given once, as for a dataset without steps."""
    name = request.name
    key_by_output = {
        stage: stage_key(name, stage) for stages in STAGES_BY_OP.values() for stage in stages
    }
    check_by_output = {each.get_python_identifier(): each for each in checks}
    outputs_by_op = {
        op: [
            *stages,
            *(
                output
                for output, check in check_by_output.items()
                if check.asset_key in {key_by_output[stage] for stage in stages}
            ),
        ]
        for op, stages in STAGES_BY_OP.items()
    }

    def optional(op: str) -> dict[str, dg.Out]:
        return {output: dg.Out(dg.Nothing, is_required=False) for output in outputs_by_op[op]}

    @dg.op(
        name=op_name(group, "rows"),
        ins={"plan": dg.In(dg.Nothing)},
        out={**optional("rows"), MADE: dg.Out(dg.Nothing)},
        config_schema=STAGES_SCHEMA,
        required_resource_keys=RESOURCES,
        pool=POOL,
    )
    def rows(context: dg.AssetExecutionContext) -> Iterator[Event | dg.Output[None]]:
        yield from make_stages(context, request, STAGES_BY_OP["rows"])
        if MADE in context.op_execution_context.selected_output_names:
            yield dg.Output(None, MADE)

    @dg.op(
        name=op_name(group, "flows"),
        ins={MADE: dg.In(dg.Nothing)},
        out=optional("flows"),
        config_schema=STAGES_SCHEMA,
        required_resource_keys=RESOURCES,
        pool=FLOWS_POOL,
    )
    def flows(context: dg.AssetExecutionContext) -> Iterator[Event]:
        yield from make_stages(context, request, STAGES_BY_OP["flows"])

    @dg.graph(
        name=op_name(group, "stages"),
        ins={"plan": dg.GraphIn()},
        out={output: dg.GraphOut() for outputs in outputs_by_op.values() for output in outputs},
        config=dg.ConfigMapping(_for_both, config_schema=STAGES_SCHEMA),
    )
    def stages(plan: Any) -> dict[str, Any]:
        made = rows.alias("rows")(plan=plan)
        flowed = flows.alias("flows")(**{MADE: getattr(made, MADE)})
        return {
            output: getattr(results, output)
            for op, results in (("rows", made), ("flows", flowed))
            for output in outputs_by_op[op]
        }

    return dg.AssetsDefinition(
        node_def=stages,
        keys_by_input_name={"plan": stage_key(name, "plan")},
        keys_by_output_name=key_by_output,
        specs=specs,
        check_specs_by_output_name=check_by_output,
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )


def _for_both(config: dict[str, Any]) -> dict[str, Any]:
    return {op: {"config": config} for op in STAGES_BY_OP}
