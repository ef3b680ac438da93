"""The rows of a mixture, and the files that trainers read of it.

Rows are taken in the order of a hash over seed, dataset and row until their hours are reached, so
the same seed and the same datasets give the same rows, and more hours only add some.

    <out>/<dataset>.jsonl     NeMo's manifest of the chosen rows, with absolute paths; that of a
                              dataset that has left the mixture is deleted
    <out>/input_cfg.yaml      NeMo's list of these manifests with weights
    <out>/cuts.jsonl.gz       Lhotse's cuts of all chosen rows
    <out>/rows.parquet        the chosen rows as one table
    <out>/mixture.lock.json   what they were chosen from
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from hugflow.corpus.mixture_file import Mixture, Part
from hugflow.errors import PlanOutOfDate, UsageWrong
from hugflow.exports.export import ExportSource
from hugflow.exports.lhotse import cut, gzipped, recording
from hugflow.exports.nemo import nemo_line
from hugflow.exports.wording import json_line
from hugflow.late_dataclass import dataclass
from hugflow.requests.keep import parse_keep
from hugflow.requests.match_names import is_meant
from hugflow.rows.kept_values import read_kept_values
from hugflow.shards.kept_fields import refuse_expression
from hugflow.stages.publishing.export_stored import open_source
from hugflow.stages.publishing.write_exports import write_export_file
from hugflow.statistics.tables import Table, flat
from hugflow.store.atomic import (
    commit_file,
    disk_errors,
    fresh_temporary,
    is_file,
    make_folder,
    read_file,
    write_file,
)
from hugflow.store.layout import Places

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chosen:
    """One part of a mixture with its rows. places: positions in the index, in order."""

    part: Part
    table: Table
    source: ExportSource
    places: frozenset[int]
    hours: float
    available_rows: int
    available_hours: float

    @property
    def licence(self) -> str | None:
        """The licence of its dataset."""
        return self.source.plan.licence


def choose_rows(mixture: Mixture, tables: Sequence[Table], places: Places) -> list[Chosen]:
    """The rows of each part. Raises UsageWrong for a dataset that is not complete here."""
    sources = [(part, _find_table(part, tables)) for part in mixture.parts]
    _refuse_twice(sources)
    shared = sum(part.weight for part in mixture.parts if part.hours is None)
    fixed = sum(part.hours or 0.0 for part in mixture.parts)
    chosen = []
    for part, table in sources:
        hours = part.hours
        if hours is None and mixture.hours is not None:
            hours = max(mixture.hours - fixed, 0.0) * part.weight / shared
        chosen.append(_choose(mixture.seed, part, table, open_source(places, table.name), hours))
    return chosen


def write_mixture(
    mixture: Mixture, chosen: Sequence[Chosen], out: Path, *, update: bool = False
) -> list[Path]:
    """Write the files of a mixture into `out`; returns them.

    Raises PlanOutOfDate if `out` was written from other rows, unless `update` is given.
    """
    lock = _lock(mixture, chosen)
    known = _read_lock(out / "mixture.lock.json")
    before = lock | {"mixture": mixture.file_digest}
    if known not in (None, lock, before) and not update:
        raise PlanOutOfDate(
            f"{out} was written from other rows",
            why="the mixture, or one of its datasets, has changed since: mixture.lock.json says so",
            mend="repeat the command with --update, or write it into another folder by --out",
        )
    make_folder(out)
    written = []
    entries = []
    for each in chosen:
        path = out / f"{each.table.name}.jsonl"
        write_export_file(path, (nemo_line(each.source, row) for row in _rows(each)))
        written.append(path)
        if not each.places:
            # NeMo does not start with an empty manifest.
            log.warning("%s: no row of %s is in the mixture", mixture.name, each.table.name)
            continue
        entries.append(
            {
                "type": "nemo",
                "manifest_filepath": str(path.absolute()),
                "weight": each.part.weight,
            }
        )
    write_file(out / "input_cfg.yaml", yaml.safe_dump(entries, sort_keys=False))
    cuts = (json_line(_cut(each, row)) for each in chosen for row in _rows(each))
    write_export_file(out / "cuts.jsonl.gz", gzipped(cuts))
    frames = [_table_of(each) for each in chosen]
    table = out / "rows.parquet"
    with disk_errors(table):
        pl.concat(frames).write_parquet(fresh_temporary(table))
    commit_file(table)
    _delete_other_manifests(out, known or {}, lock)
    write_file(out / "mixture.lock.json", json.dumps(lock, indent=2) + "\n")
    names = ("input_cfg.yaml", "cuts.jsonl.gz", "rows.parquet", "mixture.lock.json")
    return [*written, *(out / name for name in names)]


def _find_table(part: Part, tables: Sequence[Table]) -> Table:
    found = [table for table in tables if table.name == part.dataset] or [
        table for table in tables if is_meant(part.dataset, table.name, table.hf_id, table.split)
    ]
    if not found:
        raise UsageWrong(
            f"the mixture names {part.dataset}, which is no complete dataset here",
            why="rows are taken of complete datasets only, and none has this name or hf_id",
            mend="write its name as `hugflow status` shows it, or sync it first",
        )
    if len(found) > 1:
        raise UsageWrong(
            f"the mixture names {part.dataset}, which is {len(found)} complete datasets here",
            why=f"each part is one dataset, and it means {', '.join(each.name for each in found)}",
            mend="write the name of one, or each as a part of its own",
        )
    if not found[0].has_audio:
        raise UsageWrong(
            f"the mixture names {part.dataset}, which has no audio",
            why=f"{found[0].name} is complete, but none of its columns is audio",
            mend="delete it from the mixture, which is of rows with clips",
        )
    return found[0]


def _refuse_twice(sources: Sequence[tuple[Part, Table]]) -> None:
    """Raise UsageWrong if two parts are one dataset, which has a name and an hf_id."""
    part_by_table: dict[str, Part] = {}
    for part, table in sources:
        first = part_by_table.setdefault(table.name, part)
        if first is not part:
            raise UsageWrong(
                f"the mixture names {table.name} twice, as {first.dataset} and {part.dataset}",
                why="its rows would be in the mixture twice",
                mend="delete one of the two; `weight` and `hours` say how much of it is taken",
            )


def _choose(
    seed: int, part: Part, table: Table, source: ExportSource, hours: float | None
) -> Chosen:
    rows = flat(table).select("row", "duration").collect()
    able = _able(part, table, source)
    ranked = sorted(
        (hashlib.blake2b(f"{seed} {table.name} {row}".encode(), digest_size=8).digest(), place)
        for place, row in enumerate(rows["row"])
        if able is None or place in able
    )
    durations = rows["duration"].to_list()
    limit_s = float("inf") if hours is None else hours * 3600
    places: set[int] = set()
    seconds = 0.0
    for _, place in ranked:
        if seconds >= limit_s:
            break
        places.add(place)
        seconds += durations[place]
    available = sum(durations[place] for _, place in ranked)
    return Chosen(
        part, table, source, frozenset(places), seconds / 3600, len(ranked), available / 3600
    )


def _able(part: Part, table: Table, source: ExportSource) -> frozenset[int] | None:
    """Positions of the rows that meet `keep` of a part; None for all rows."""
    if part.keep is None:
        return None
    refuse_expression(source.plan, part.keep)
    test = parse_keep(part.keep)
    found: set[int] = set()
    place = 0
    for path in table.index:
        for _, values in read_kept_values(source.plan, table.root / path, part.keep):
            if test.holds(values):
                found.add(place)
            place += 1
    return frozenset(found)


def _rows(chosen: Chosen) -> Iterator[Any]:
    return (row for place, row in enumerate(chosen.source.rows()) if place in chosen.places)


def _cut(chosen: Chosen, row: Any) -> dict[str, Any]:
    """A row's cut, whose ids no other dataset has."""
    id_ = f"{chosen.table.name}/{row.clip.stem}"
    found = cut(chosen.source, row, {**recording(chosen.source, row), "id": id_})
    spoken = [
        {**each, "id": f"{chosen.table.name}/{each['id']}", "recording_id": id_}
        for each in found["supervisions"]
    ]
    return {**found, "id": id_, "supervisions": spoken}


def _table_of(chosen: Chosen) -> pl.DataFrame:
    frame = flat(chosen.table).collect()
    path = pl.lit(f"{chosen.table.root.absolute()}/") + pl.col("path")
    return frame[sorted(chosen.places)].with_columns(path=path)


def _lock(mixture: Mixture, chosen: Sequence[Chosen]) -> dict[str, Any]:
    return {
        "version": 1,
        "mixture": mixture.digest,
        "seed": mixture.seed,
        "datasets": {
            each.table.name: {
                "commit": each.source.plan.commit,
                "index": dict(each.table.index),
                "rows": len(each.places),
                "hours": round(each.hours, 6),
            }
            for each in chosen
        },
    }


def _read_lock(path: Path) -> dict[str, Any] | None:
    """What the folder was written from; None if nothing was, empty if that cannot be read."""
    if not is_file(path):
        return None
    try:
        known = json.loads(read_file(path))
    except (ValueError, RecursionError):
        known = None
    return known if isinstance(known, dict) else {}


def _delete_other_manifests(out: Path, known: dict[str, Any], lock: dict[str, Any]) -> None:
    """Delete the manifests of datasets that the mixture had when it was last written."""
    before = known.get("datasets")
    others = before.keys() - lock["datasets"].keys() if isinstance(before, dict) else ()
    for path in sorted(out.glob("*.jsonl")):
        if path.stem in others:
            with disk_errors(path):
                path.unlink()
