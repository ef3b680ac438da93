"""The asset `hugflow/overlaps`: what all datasets have in common, in a table and as checks."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from hugflow_assets.reporting.glimpses import MOST_CHARACTERS
from hugflow_assets.reporting.markdown import to_cell
from hugflow_resources.storage import Storage
from hugflow_resources.surprises import no_secret_in_errors

if TYPE_CHECKING:
    from hugflow.corpus.compare import Compared
    from hugflow.statistics.overlaps import Overlap

KEY: Final = dg.AssetKey(["hugflow", "overlaps"])
# One line for each kind and pair of datasets.
MOST_LINES: Final = 500
MEANING_BY_CHECK: Final = {
    "same_audio": "No two rows have the same decoded samples.",
    "same_sound": "No two rows have the same sound, encoded again or trimmed.",
    "same_text": "No text is in two datasets, in any case and spacing.",
    "same_speaker": "No speaker is in two datasets.",
}
_COLUMNS: Final = {
    "kind": "string",
    "dataset": "string",
    "other": "string",
    "count": "int",
    "row": "int",
    "other_row": "int",
    "value": "string",
}


class OverlapsConfig(dg.Config):
    """What is compared. sound: also by fingerprints of the MP3s, as `hugflow overlaps` does."""

    sound: bool = False


def build_overlaps() -> dg.AssetsDefinition:
    """Give the asset and its checks; it is made when somebody asks for it."""

    @dg.asset(
        key=KEY,
        group_name="hugflow",
        kinds={"hugflow"},
        description="What complete datasets have in common: samples, texts and speakers, by their "
        "indexes, and with the config `sound: true` the same sound, by fingerprints of the MP3s.",
        check_specs=[
            dg.AssetCheckSpec(name, asset=KEY, description=meaning)
            for name, meaning in MEANING_BY_CHECK.items()
        ],
    )
    def overlaps(
        config: OverlapsConfig, storage: Storage
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        # Polars takes as long to load as everything else.
        from hugflow.corpus.compare import compare_tables
        from hugflow.corpus.tables import read_tables

        with no_secret_in_errors():
            places = storage.places
            tables = read_tables(places)
            fingerprints = places.fingerprints if config.sound else None
            compared = compare_tables(tables, fingerprints, storage.workers)
        lines = _group(compared.overlaps)
        yield dg.MaterializeResult(asset_key=KEY, metadata=_metadata(lines, len(tables)))
        yield from _results(lines, compared)

    return overlaps


Lines = Mapping[tuple[str, str, str], Sequence["Overlap"]]


def _group(found: Sequence["Overlap"]) -> Lines:
    lines: dict[tuple[str, str, str], list[Overlap]] = defaultdict(list)
    for each in found:
        lines[each.kind, each.dataset, each.other_dataset].append(each)
    return lines


def _metadata(lines: Lines, datasets: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "overlaps": _to_table(lines),
        "dataset_count": datasets,
        "dagster/row_count": sum(map(len, lines.values())),
    }
    if len(lines) > MOST_LINES:
        more = len(lines) - MOST_LINES
        metadata["more"] = f"{more:,} more lines: `hugflow overlaps --json` lists all"
    return metadata


def _results(lines: Lines, compared: "Compared") -> Iterator[dg.AssetCheckResult]:
    for check in MEANING_BY_CHECK:
        kind = check.removeprefix("same_")
        own = {key: members for key, members in lines.items() if key[0] == kind}
        what = f"{sum(map(len, own.values())):,} found"
        if kind not in compared.kinds:
            obstacle = compared.obstacle
            why = obstacle.what if obstacle is not None else "the config `sound` is false"
            what = f"not compared: {why}"
        yield dg.AssetCheckResult(
            asset_key=KEY,
            check_name=check,
            passed=not own,
            severity=dg.AssetCheckSeverity.WARN,
            description=what,
            metadata={"overlaps": _to_table(own)} if own else {},
        )


def _to_table(lines: Lines) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                "kind": kind,
                "dataset": dataset,
                "other": other,
                "count": len(members),
                "row": members[0].row,
                "other_row": members[0].other_row,
                "value": to_cell(members[0].value or "", MOST_CHARACTERS),
            }
        )
        for (kind, dataset, other), members in list(lines.items())[:MOST_LINES]
    ]
    columns = [dg.TableColumn(name, kind) for name, kind in _COLUMNS.items()]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns))
