"""A plan as a file: `STATE_DIR/plans/<name>/<id>.json`.

    {
      "version": 3,
      "id": "4c1f0d9b2a7e6685",             first 16 hex of the sha256 over what decides the rows
      "dataset": "acme__speech__split_train__rev_main",
      "request": {"hf_id": "acme/speech", "subset": null, "split": "train", "revision": "main",
                  "audio_column": "audio", "text_column": "text", "mp3_source": "copy",
                  "audio_columns": [],          all of them, if there are several
                  "asked": ["text_column"]},    those that the request names itself
      "commit": "8a6c...",                  40 hex: the revision's commit
      "files_commit": "8a6c...",            commit of the files: another one if they are the
                                            Hub's conversion to parquet
      "conversion": {"commit": "5d1e...", "date": "2026-01-01T00:01:00Z",
                     "head": "8a6c...", "head_date": "2026-01-01T00:00:00Z"},
                                            absent if they are not; see clients.repository
      "licence": "cc0-1.0", "is_gated": false,
      "audio_column": "audio",              null: a text-only dataset
      "text_column": "text",                null: there is no column of the default name
      "columns": ["audio", "text"],         as published, in order
      "column_notes": {"label": ["card"]},  absent if there are none; see shards.plan
      "listed_rows": 5,                     rows of the tables; only if some may be in no shard
      "repeated": [[7, 7], [12, 15]],       rows whose stem gets `-<row>`, as ranges
      "repeated_more": {"9": 2},            rows that need it more than once (hardly ever)
      "features": {...}, "card_features": [...],   of the index, as `datasets` writes them
      "numbering": "through",               "by_shard" if a shard's rows are unknown
      "shards": [{"layout": "parquet",
                  "files": [{"path": "data/train-00000-of-00002.parquet", "size_bytes": 123,
                             "sha256": "...", "git_oid": "..."}],
                  "first_row": 0, "rows": 500}, ...],
                                            "rows": null if it must be fetched to be counted;
                                            "odd": "it lacks 'text'" if it cannot be made;
                                            "detail": {...} if the layout needs more to read it
      "warnings": ["..."],
      "sha256": "..."                       of all the above: a damaged plan is refused
    }

Plans of version 2 are read too, and keep their ids. Their shards are parquet files, with the fields
of the one file beside `first_row` and `rows`. Instead of `asked`, their request has
`is_mp3_source_asked`.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from hugflow.clients.repository import Conversion, PublishedFile
from hugflow.errors import StateUnreadable
from hugflow.ledger.progress import to_pairs
from hugflow.shards.plan import PARQUET, Plan, Shard, plan_shards, to_detail
from hugflow.shards.plan_request import PlanRequest

VERSION: Final = 3
# Fields of the request that the file has as lists; plans of earlier versions lack them.
_TUPLES: Final = ("audio_columns", "asked")
_READABLE: Final = (2, VERSION)
# Fields that the file has under the same names, unchanged.
_PLAIN_FIELDS: Final = tuple(
    each.name
    for each in fields(Plan)
    if each.name
    not in (
        "id",
        "request",
        "stem_suffixes",
        "shards",
        "conversion",
        "column_notes",
        "listed_rows",
    )
)


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as the JSON value of its file."""
    value = _content(plan)
    return {**value, "sha256": _sha256(value)}


def _content(plan: Plan) -> dict[str, Any]:
    once = sorted(row for row, times in plan.stem_suffixes.items() if times == 1)
    return {
        "version": VERSION,
        "id": plan.id,
        **{name: _to_plain(getattr(plan, name)) for name in _PLAIN_FIELDS},
        **({} if plan.conversion is None else {"conversion": asdict(plan.conversion)}),
        **({"column_notes": plan.column_notes} if plan.column_notes else {}),
        **({} if plan.listed_rows is None else {"listed_rows": plan.listed_rows}),
        "request": {
            each.name: _to_plain(getattr(plan.request, each.name)) for each in fields(PlanRequest)
        },
        "repeated": to_pairs(once),
        "repeated_more": {str(r): n for r, n in sorted(plan.stem_suffixes.items()) if n > 1},
        "numbering": plan.numbering,
        "shards": [_to_item(shard) for shard in plan.shards],
    }


def _to_plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _to_item(shard: Shard) -> dict[str, Any]:
    return {
        "layout": shard.layout,
        "files": [
            {each.name: getattr(file, each.name) for each in fields(PublishedFile)}
            for file in shard.files
        ],
        "first_row": shard.first_row,
        "rows": shard.rows,
        **({} if shard.odd is None else {"odd": shard.odd}),
        **({"detail": json.loads(shard.detail)} if shard.detail else {}),
    }


def from_json(value: Any) -> Plan:
    """Build a plan from the JSON value of its file.

    Raises StateUnreadable for another version, a missing field, a wrong checksum or a wrong id.
    """
    try:
        if value["version"] not in _READABLE:
            raise StateUnreadable(
                f"a plan has version {value['version']!r}",
                why=f"this hugflow reads version {' and '.join(map(str, _READABLE))}",
                mend="use the version of hugflow that wrote it, or plan the request again",
            )
        if value["sha256"] != _sha256(
            {name: field for name, field in value.items() if name != "sha256"}
        ):
            raise _damaged("its content does not agree with its checksum")
        recorded_id = value["id"]
        plan = _to_plan(_from_version_2(value) if value["version"] == 2 else value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged("a field is missing, or is of another kind") from error
    if plan.id != recorded_id:
        raise _damaged("its id does not agree with its content")
    return plan


def _from_version_2(value: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a plan of version 2, in the form of version 3."""
    request = dict(value["request"])
    asked = ["mp3_source"] if request.pop("is_mp3_source_asked") else []
    shards = []
    for item in value["shards"]:
        file = {each.name: item[each.name] for each in fields(PublishedFile)}
        shards.append({**item, "files": [file], "layout": PARQUET})
    return {**value, "request": {**request, "asked": asked}, "shards": shards}


def _to_plan(value: Mapping[str, Any]) -> Plan:
    request, shards = dict(value["request"]), value["shards"]
    suffixes = dict.fromkeys(_from_pairs(value["repeated"]), 1)
    suffixes |= {int(row): times for row, times in value["repeated_more"].items()}
    layouts = {item["layout"] for item in shards} or {PARQUET}
    [layout] = layouts
    plain = {name: value[name] for name in _PLAIN_FIELDS}
    return Plan(
        **{**plain, "columns": tuple(plain["columns"]), "warnings": tuple(plain["warnings"])},
        request=PlanRequest(
            **{**request, **{name: tuple(request.get(name, ())) for name in _TUPLES}}
        ),
        stem_suffixes=suffixes,
        shards=plan_shards(
            [(tuple(map(_to_file, item["files"])), item["rows"]) for item in shards],
            {place: item["odd"] for place, item in enumerate(shards) if "odd" in item},
            layout=layout,
            details=[to_detail(item.get("detail")) for item in shards],
        ),
        conversion=Conversion(**value["conversion"]) if "conversion" in value else None,
        column_notes=value.get("column_notes", {}),
        listed_rows=value.get("listed_rows"),
    )


def _from_pairs(ranges: Iterable[Sequence[int]]) -> Iterator[int]:
    """Row numbers of `[first, last]` pairs."""
    for first, last in ranges:
        yield from range(first, last + 1)


def _to_file(item: Mapping[str, Any]) -> PublishedFile:
    return PublishedFile(**item)


def _damaged(why: str) -> StateUnreadable:
    return StateUnreadable(
        "a plan cannot be read", why=why, mend="plan the request again: hugflow plan FILE"
    )


def _sha256(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
