"""The asset `hugflow/overview`: all datasets in one table, which the sensor keeps current."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import dagster as dg

from hugflow.stages.standing.overview import OverviewLine
from hugflow_assets.reporting.glimpses import Metadata

KEY: Final = dg.AssetKey(["hugflow", "overview"])
GROUP: Final = "hugflow"
# Each refresh is an event of about 200 bytes a line.
MOST_LINES: Final = 1000
_COLUMNS: Final = {
    "dataset": "string",
    "state": "string",
    "rows": "int",
    "failed": "int",
    "hours": "float",
    "bytes": "int",
    "licence": "string",
    "commit": "string",
    "owner": "string",
}


def build_overview() -> dg.AssetSpec:
    """Give the asset; no run makes it."""
    return dg.AssetSpec(
        key=KEY,
        group_name=GROUP,
        kinds={"hugflow"},
        description="All datasets that main asks for or that are stored, with totals. The sensor "
        "`requests_on_main` refreshes it when something has changed.",
    )


def overview_materialization(lines: Sequence[OverviewLine]) -> dg.AssetMaterialization:
    """The table and the totals, for Dagster's event log."""
    states = Counter(line.state for line in lines)
    shown = ", ".join(f"{number:,} {state}" for state, number in states.most_common())
    metadata: Metadata = {
        "datasets": _to_table(lines[:MOST_LINES]),
        "dataset_count": len(lines),
        "states": dg.MetadataValue.json(dict(states)),
        "dagster/row_count": sum(line.rows for line in lines),
        "failed_rows": sum(line.failed_rows for line in lines),
        "hours": round(sum(line.hours for line in lines), 3),
        "bytes": sum(line.bytes for line in lines),
    }
    if len(lines) > MOST_LINES:
        more = len(lines) - MOST_LINES
        metadata["more"] = f"{more:,} more datasets: `hugflow status` shows all of them"
    return dg.AssetMaterialization(
        KEY, description=shown or "there are no datasets yet", metadata=metadata
    )


def _to_table(lines: Sequence[OverviewLine]) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                "dataset": line.dataset,
                "state": line.state,
                "rows": line.rows,
                "failed": line.failed_rows,
                "hours": round(line.hours, 3),
                "bytes": line.bytes,
                "licence": line.licence or "",
                "commit": (line.commit or "")[:7],
                "owner": line.owner or "",
            }
        )
        for line in lines
    ]
    columns = [dg.TableColumn(name, kind) for name, kind in _COLUMNS.items()]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns))
