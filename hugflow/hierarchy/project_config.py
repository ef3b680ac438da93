"""The project's configuration: what people write about parents, sources and steps.

    meta: {version: "1.0.0", pipeline_version: "0.1.0"}
    parents:
      parent1: {location: "git+https://example.org/parent.git@refs/tags/1.0.0"}
    sheet_names: {templates: "1AbC_the_id_of_a_google_sheet"}
    sources:
      flow_definitions:
        format: sheets
        subformat: google_sheets
        parent_sources: [parent1.flow_definitions]
        files_list: [templates]
    steps:
      - {id: create_flows, type: create_flows, sources: [flow_definitions]}

The root's `hugflow.yaml` is strict. In `config.json` and in parents, unknown keys and sources of
other systems' formats are left out; the steps of parents are never read.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

KEYS = (
    "parents",
    "sources",
    "sheet_names",
    "steps",
    "meta",
    "inputpath",
    "temppath",
    "outputpath",
    "flows_outputbasename",
    "output_split_number",
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_LONGEST_NAME = 100


def _refuse_name(name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ValueError("a name is letters, digits, _ and -, does not begin with -, and is short")
    return name


def _refuse_reference(reference: str) -> str:
    parent, dot, source = reference.partition(".")
    if not dot or not _NAME.fullmatch(parent) or not _NAME.fullmatch(source):
        raise ValueError("a parent's source is written `parent.source`, with exactly one dot")
    return reference


def _refuse_outside(path: str) -> str:
    """A path inside the repository, without `./` and doubled slashes."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or not parts or ".." in parts or re.search(r"[\\:\x00-\x1f]", path):
        raise ValueError("the folder must be inside the repository")
    return "/".join(parts)


Name: TypeAlias = Annotated[str, AfterValidator(_refuse_name)]
SourceReference: TypeAlias = Annotated[str, AfterValidator(_refuse_reference)]
_Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=4_000)]
_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class ParentRef(BaseModel):
    """Where a parent is; `follows` gives other locations for that parent's own parents."""

    model_config = _STRICT

    location: _Text
    follows: dict[Name, _Text] = Field(default_factory=dict)


class SourceBase(BaseModel):
    """A source's files, and how they join those of its parents' sources."""

    model_config = _STRICT

    parent_sources: list[SourceReference] = Field(default_factory=list)
    files_list: list[_Text] = Field(default_factory=list)
    files_dict: dict[_Text, _Text | list[_Text]] = Field(default_factory=dict)
    basepath: _Text | None = None
    files_archive: _Text | None = None
    on_collision: Literal["override", "append", "error"] = "override"
    duplicates: Literal["first", "keep", "error"] = "first"


class SheetsSource(SourceBase):
    """Workbooks, stored as JSON with text cells."""

    format: Literal["sheets"]
    subformat: Literal["google_sheets", "xlsx", "ods", "csv", "json"]


class JsonSource(SourceBase):
    """JSON or YAML files, stored as JSON."""

    format: Literal["json"]


class RequestsSource(SourceBase):
    """Request files, as in `requests/add/`, stored as they are."""

    format: Literal["requests"]


Source: TypeAlias = Annotated[
    SheetsSource | JsonSource | RequestsSource, Field(discriminator="format")
]
FORMATS = ("sheets", "json", "requests")
SOURCE_ADAPTER: TypeAdapter[SheetsSource | JsonSource | RequestsSource] = TypeAdapter(Source)


class StepConfig(BaseModel):
    """One step; fields of its type are kept as they are written (`model_extra`)."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, hide_input_in_errors=True)

    id: _Text
    type: _Text
    sources: list[Name] = Field(default_factory=list)


class ProjectConfig(BaseModel):
    """The whole configuration, with the defaults of everything that is not written."""

    model_config = _STRICT

    meta: dict[str, Any] = Field(default_factory=dict)
    parents: dict[Name, ParentRef] = Field(default_factory=dict)
    sheet_names: dict[_Text, _Text] = Field(default_factory=dict)
    sources: dict[Name, Source] = Field(default_factory=dict)
    steps: list[StepConfig] = Field(default_factory=list)
    inputpath: Annotated[str, AfterValidator(_refuse_outside)] = "input"
    temppath: _Text = "temp"
    outputpath: _Text = "output"
    flows_outputbasename: str | None = None
    output_split_number: Annotated[int, Field(ge=1)] = 1


def without_unknown(values: Mapping[str, Any], *, keeps_steps: bool) -> dict[str, Any]:
    """The values of a lenient file that this version knows.

    keeps_steps: False for a parent, whose steps are never read.
    """
    known = {key: value for key, value in values.items() if key in KEYS and value is not None}
    if not keeps_steps:
        known.pop("steps", None)
    if isinstance(parents := known.get("parents"), Mapping):
        known["parents"] = {
            name: _only(value, ParentRef.model_fields) for name, value in parents.items()
        }
    if isinstance(sources := known.get("sources"), Mapping):
        known["sources"] = {
            name: _only(value, SheetsSource.model_fields, _fields_of(value))
            for name, value in sources.items()
            if not is_foreign(value)
        }
    return known


def without_nulls(value: object) -> object:
    """A mapping without the keys that have no value, such as a list whose lines are comments."""
    if not isinstance(value, Mapping):
        return value
    return {key: each for key, each in value.items() if each is not None}


def is_foreign(source: object) -> bool:
    """Whether a source has the format of another system, such as `translation_repo`."""
    return isinstance(source, Mapping) and source.get("format") not in FORMATS


def _fields_of(source: object) -> Mapping[str, object]:
    format_ = source.get("format") if isinstance(source, Mapping) else None
    return SheetsSource.model_fields if format_ == "sheets" else JsonSource.model_fields


def _only(value: object, *fields: Mapping[str, object]) -> object:
    if not isinstance(value, Mapping):
        return value
    return {key: each for key, each in value.items() if all(key in names for names in fields)}
