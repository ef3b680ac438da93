"""Types of steps over data: load_json, enrich_json and requests.

- {id: load, type: load_json, sources: [times]}
- {id: enrich, type: enrich_json, sources: [speakers], by: speaker, into: details}
- {id: ask, type: requests, sources: [corpora]}
"""

import json
from collections.abc import Iterator
from typing import Any

from hugflow.errors import HugflowError
from hugflow.hierarchy.steps.files import StepFiles
from hugflow.hierarchy.steps.registry import StepFields, register_step
from hugflow.requests.read import parse_request


class StepInputInvalid(HugflowError):
    """A step cannot work on what the previous step gave it, or on its files."""


class LoadFields(StepFields):
    """key: only the files of this key of the dict."""

    key: str | None = None


@register_step("load_json", LoadFields)
def load_json(data: Any, files: StepFiles, fields: LoadFields) -> Any:
    """The content of the step's files: of one file itself, of several a list in order."""
    paths = files.files_list if fields.key is None else files.files_dict.get(fields.key, ())
    contents = [json.loads(path.read_bytes()) for path in paths]
    return contents[0] if len(contents) == 1 else contents


class EnrichFields(StepFields):
    """by: the field that rows and entries share. into: a field for the row; None merges it in."""

    by: str
    into: str | None = None


@register_step("enrich_json", EnrichFields)
def enrich_json(data: Any, files: StepFiles, fields: EnrichFields) -> Any:
    """Add to each entry the row of the step's sheets that has the same value in the field `by`.

    data: a list of mappings, or one mapping with lists of mappings below it. A later row of one
    value replaces an earlier one; values of the row replace those of the entry.
    """
    rows = {str(row[fields.by]): row for row in _rows(files) if fields.by in row}

    def enrich(entry: dict[str, Any]) -> dict[str, Any]:
        row = rows.get(str(entry.get(fields.by)))
        if row is None:
            return entry
        return {**entry, fields.into: row} if fields.into else {**entry, **row}

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            below = {key: walk(each) for key, each in value.items()}
            return enrich(below) if fields.by in value else below
        return [walk(each) for each in value] if isinstance(value, list) else value

    if not isinstance(data, list | dict):
        raise StepInputInvalid(
            "there is nothing to enrich",
            why="the step before it gave no list and no mapping",
            mend="put a step of type load_json before it",
        )
    return walk(data)


@register_step("requests")
def read_requests(data: Any, files: StepFiles, fields: StepFields) -> Any:
    """The requests of the step's sources, as mappings of their fields, sorted by dataset."""
    requests = [
        parse_request(path.read_bytes(), f"requests/add/{path.name}") for path in files.files_list
    ]
    dumped = [request.model_dump(mode="json") for request in requests]
    return sorted(dumped, key=lambda each: json.dumps(each, sort_keys=True))


def _rows(files: StepFiles) -> Iterator[dict[str, Any]]:
    """The rows of workbooks, and the mappings of JSON lists, in order."""
    for content in files.read_json():
        sheets = content.get("sheets") if isinstance(content, dict) else {"": content}
        for rows in (sheets or {}).values():
            yield from (row for row in rows if isinstance(row, dict))
