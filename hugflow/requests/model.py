"""The two kinds of request, as the fields that people write.

    hf_id: "mozilla-foundation/common_voice_11_0"   # an add; required
    description: "Malay ASR training data"           # required
    revision: "main"
    subset: "ms"
    split: "train"
    audio_column: "audio"
    audio_columns: [audio, target_audio]             # instead of audio_column
    text_column: "text"
    text_join: " "
    max_bad_rows: "1%"
    mp3_source: "copy"
    repair_audio: true
    max_clip_hours: 6
    measure: true
    mp3_quality: 3
    mp3_bitrate: 128
    sample_rate: 16000
    keep: "snr > 15 and duration between 1 and 30"
    exports: ["nemo", "lhotse"]
    publish_to: "speech-team/common_voice_ms"
    owner: "speech@example.org"
    flows: []                                        # see `flow_steps`
    source: {recipe: common_voice}                   # see `sources`
    segments: {start: begin, end: end}               # see `segments`
    expand: {subsets: "*", splits: all}              # see `expand`
    confirm: true

    hf_id: "mozilla-foundation/common_voice_11_0"   # a removal; required
    reason: "No longer needed, replaced with v12"    # required
    revision: "main"
    subset: "ms"
    split: "train"
    confirm: true

docs/requests.md explains each field; `grammar` defines its allowed values.
"""

import hashlib
import json
from collections.abc import Collection
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import models_json_schema

from hugflow.audio.encoding import BITRATE_KBPS_BY_RATE, BITRATES_KBPS, bitrates_at
from hugflow.audio.quality import Measure
from hugflow.late_dataclass import dataclass
from hugflow.names import DEFAULT_REVISION, DEFAULT_SPLIT, dataset_name, short_name
from hugflow.requests import grammar
from hugflow.requests.expand import EXPAND_SCHEMA, ExpandSpec, expand_spec
from hugflow.requests.flow_steps import (
    MAX_BATCH,
    MAX_FIELDS,
    MAX_STEPS,
    MAX_TIMEOUT_S,
    FlowStep,
    flow_steps,
)
from hugflow.requests.keep import MAX_CHARACTERS
from hugflow.requests.segments import SEGMENTS_SCHEMA, SegmentSpec, segment_spec
from hugflow.requests.sources import SOURCE_SCHEMA, SourceSpec, source_spec

Kind: TypeAlias = Literal["add", "remove"]
Mp3Source: TypeAlias = Literal["copy", "reencode"]

_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_HfId = Annotated[
    str,
    AfterValidator(grammar.hf_id),
    Field(json_schema_extra={"pattern": f"^{grammar.HF_ID_PATTERN}$"}),
]
_Prose = Annotated[
    str,
    AfterValidator(grammar.prose),
    Field(json_schema_extra={"minLength": 1, "maxLength": grammar.MAX_PROSE_CHARACTERS}),
]
_Revision = Annotated[
    str,
    AfterValidator(grammar.revision),
    Field(json_schema_extra={"minLength": 1, "maxLength": grammar.MAX_REVISION_CHARACTERS}),
]
_Subset = Annotated[
    str,
    AfterValidator(grammar.subset),
    Field(json_schema_extra={"minLength": 1, "maxLength": grammar.MAX_SUBSET_CHARACTERS}),
]
_Split = Annotated[
    str,
    AfterValidator(grammar.split),
    Field(json_schema_extra={"minLength": 1, "maxLength": grammar.MAX_SPLIT_CHARACTERS}),
]
_Column = Annotated[
    str,
    AfterValidator(grammar.column),
    Field(json_schema_extra={"minLength": 1, "maxLength": grammar.MAX_COLUMN_CHARACTERS}),
]
_Columns = Annotated[
    tuple[str, ...],
    BeforeValidator(grammar.audio_columns),
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 1,
            "maxItems": grammar.MAX_AUDIO_COLUMNS,
            "uniqueItems": True,
            "items": {
                "type": "string",
                "minLength": 1,
                "maxLength": grammar.MAX_COLUMN_CHARACTERS,
            },
        }
    ),
]
_Joint = Annotated[
    str,
    AfterValidator(grammar.joint),
    Field(json_schema_extra={"maxLength": grammar.MAX_JOINT_CHARACTERS}),
]
_Owner = Annotated[
    str,
    AfterValidator(grammar.owner),
    Field(json_schema_extra={"minLength": 1, "maxLength": grammar.MAX_OWNER_CHARACTERS}),
]
_BadRowBudget = Annotated[
    grammar.BadRowBudget,
    BeforeValidator(grammar.max_bad_rows),
    Field(
        json_schema_extra={
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": grammar.MAX_BAD_ROWS},
                {"type": "string", "pattern": f"^{grammar.PERCENT_PATTERN}$"},
            ]
        }
    ),
]
_ClipHours = Annotated[
    float,
    BeforeValidator(grammar.max_clip_hours),
    Field(json_schema_extra={"minimum": 0, "maximum": grammar.MAX_CLIP_HOURS}),
]
_Exports = Annotated[
    tuple[str, ...],
    BeforeValidator(grammar.exports),
    WithJsonSchema(
        {"type": "array", "uniqueItems": True, "items": {"enum": list(grammar.EXPORTS)}}
    ),
]
_Others = Annotated[
    tuple[str, ...],
    BeforeValidator(grammar.no_overlap_with),
    WithJsonSchema({"type": "array", "maxItems": grammar.MAX_OTHERS, "items": {"type": "string"}}),
]
_PublishTo = Annotated[
    str,
    AfterValidator(grammar.publish_to),
    Field(json_schema_extra={"pattern": f"^{grammar.PUBLISH_TO_PATTERN}$"}),
]
_Keep = Annotated[
    str,
    AfterValidator(grammar.keep),
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_CHARACTERS}),
]
_Measure = Annotated[
    Measure,
    BeforeValidator(grammar.measure),
    WithJsonSchema({"enum": [True, False, "all"]}),
]
_Mp3Quality = Annotated[
    int,
    BeforeValidator(grammar.mp3_quality),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 9}),
]
_Mp3Bitrate = Annotated[
    int, BeforeValidator(grammar.mp3_bitrate), WithJsonSchema({"enum": list(BITRATES_KBPS)})
]
_SampleRate = Annotated[
    int,
    BeforeValidator(grammar.sample_rate),
    WithJsonSchema({"enum": sorted(BITRATE_KBPS_BY_RATE)}),
]
_NAMES = {"type": "array", "items": {"type": "string"}, "maxItems": MAX_FIELDS}
_STEP = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "oneOf": [{"required": ["flow"]}, {"required": ["endpoint"]}],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"},
        "use": {"type": "string"},
        "flow": {"type": "string"},
        "config": {"type": "object"},
        "rows": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"in": _NAMES, "out": _NAMES},
        },
        "user": {"type": "string"},
        "endpoint": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
        "attach": _NAMES,
        "batch": {"type": "integer", "minimum": 1, "maximum": MAX_BATCH},
        "timeout_s": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_TIMEOUT_S},
    },
}
_Flows = Annotated[
    tuple[FlowStep, ...],
    BeforeValidator(flow_steps),
    WithJsonSchema({"type": "array", "maxItems": MAX_STEPS, "items": _STEP}),
]

_Source = Annotated[
    SourceSpec,
    BeforeValidator(source_spec),
    WithJsonSchema(SOURCE_SCHEMA),
]

_Segments = Annotated[
    SegmentSpec,
    BeforeValidator(segment_spec),
    WithJsonSchema(SEGMENTS_SCHEMA),
]

_Expand = Annotated[ExpandSpec, BeforeValidator(expand_spec), WithJsonSchema(EXPAND_SCHEMA)]

# Added after the first version of a request.
_LATER_FIELDS = frozenset(
    {
        "audio_columns",
        "repair_audio",
        "max_clip_hours",
        "text_join",
        "exports",
        "segments",
        "expand",
        "hf_collection",
        "confirm",
        "source",
        "measure",
        "mp3_quality",
        "mp3_bitrate",
        "sample_rate",
        "keep",
        "no_overlap_with",
        "publish_to",
    }
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a dataset unique: two requests with one identity ask for the same rows."""

    hf_id: str
    subset: str | None
    split: str
    revision: str

    @property
    def name(self) -> str:
        """The name of the dataset's folder."""
        return dataset_name(self.hf_id, self.subset, self.split, self.revision)

    @property
    def short_name(self) -> str:
        """The name without the parts that are defaults; two datasets may share it."""
        return short_name(self.hf_id, self.subset, self.split, self.revision)


class _Request(BaseModel):
    """What both kinds share: strict types, no unknown fields, null counts as absent."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, fields: Any) -> Any:
        if isinstance(fields, dict):
            return {field: value for field, value in fields.items() if value is not None}
        return fields

    @property
    def digest(self) -> str:
        """Hex sha256 over every field and over which fields were written; equal for equal requests.

        Comments, order, quotes and the file's name do not change it. A field of a later version
        that the file does not name does not change it either, so old requests keep their digests.
        """
        unnamed = set(_LATER_FIELDS - self.model_fields_set)
        fields = self.model_dump(mode="json", exclude=unnamed)
        content = [type(self).__name__, fields, sorted(self.model_fields_set)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class AddRequest(_Request):
    """Bring a dataset from the Hub into storage."""

    hf_id: _HfId = Field(description="The dataset on the Hub: owner/name.")
    hf_collection: _HfId | None = Field(
        None,
        description="In place of hf_id: a collection on the Hub; each of its datasets is one here.",
    )
    description: _Prose = Field(description="What the dataset is for, in a sentence.")
    revision: _Revision = Field(
        DEFAULT_REVISION, description="A branch, a tag, refs/... or a commit."
    )
    subset: _Subset | None = Field(None, description="One of the dataset's configurations.")
    split: _Split = Field(DEFAULT_SPLIT, description="One split; no slices, no sums.")
    audio_column: _Column = Field("audio", description="The column that holds the audio.")
    audio_columns: _Columns = Field(
        (),
        description="Several columns that hold audio, the main one first; not with audio_column.",
    )
    text_column: _Column = Field("text", description="The column that holds the transcript.")
    text_join: _Joint | None = Field(
        None, description="What to join the texts of a list by, where the text column holds lists."
    )
    max_bad_rows: _BadRowBudget | None = Field(
        None, description='Rows that may fail: a count, or "0%" to "100%". Default: the setting.'
    )
    mp3_source: Mp3Source | None = Field(
        None, description="copy: a sound mono MP3 passes byte for byte. reencode: it is made again."
    )
    repair_audio: bool | None = Field(
        None, description="true: a clip's framing is repaired where all samples are there."
    )
    max_clip_hours: _ClipHours | None = Field(
        None, description="Longer clips are refused; 0 for no limit. Default: the setting."
    )
    measure: _Measure | None = Field(
        None,
        description="true: the quality of encoded clips is measured. all: of copied ones too. "
        "Default: the setting.",
    )
    mp3_quality: _Mp3Quality | None = Field(
        None, description="LAME's quality, 0 best and slowest to 9. Default: the setting."
    )
    mp3_bitrate: _Mp3Bitrate | None = Field(
        None,
        description="kbit/s; at a sampling rate without it, the nearest lower one. "
        "Default: up to 192, by the rate.",
    )
    sample_rate: _SampleRate | None = Field(
        None, description="Hz; clips at a higher rate are resampled. Default: the source's."
    )
    keep: _Keep | None = Field(
        None,
        description="Rows to publish: tests of columns and quality. The others are left out.",
    )
    no_overlap_with: _Others = Field(
        (),
        description="Datasets, by name or hf_id#split, whose rows it must not have.",
    )
    publish_to: _PublishTo | None = Field(
        None,
        description="Where it is pushed to once it is published: owner/name, or s3://...",
    )
    exports: _Exports | None = Field(
        None, description="The forms for other tools. Default: the setting."
    )
    owner: _Owner | None = Field(None, description="Who answers for the dataset.")
    flows: _Flows = Field((), description="Steps over the rows, in order.")
    expand: _Expand | None = Field(
        None, description="Several subsets and splits at once, each a dataset of its own."
    )
    confirm: bool | None = Field(
        None, description="Asked for when a request gives more datasets than the policy allows."
    )
    segments: _Segments | None = Field(
        None, description="Rows that are time ranges of longer recordings."
    )
    source: _Source | None = Field(
        None,
        description="How the dataset is published, if its files do not say it.",
    )

    @model_validator(mode="before")
    @classmethod
    def _name_by_collection(cls, fields: Any) -> Any:
        """Where a collection is named, it has the place of the dataset."""
        if isinstance(fields, dict) and fields.get("hf_id") is None:
            collection = fields.get("hf_collection")
            return fields if collection is None else {**fields, "hf_id": collection}
        return fields

    @model_validator(mode="after")
    def _refuse_two_sources(self) -> Self:
        if self.hf_collection not in (None, self.hf_id):
            raise grammar.FieldInvalid(
                "says what hf_id says too",
                mend="keep one of the two lines",
                field="hf_collection",
            )
        if self.hf_collection is not None and self.source is not None:
            raise grammar.FieldInvalid(
                "does not go with source: its datasets are published in several ways",
                mend="write one request for each dataset",
                field="hf_collection",
            )
        return self

    @model_validator(mode="after")
    def _refuse_one_place_of_several(self) -> Self:
        if self.publish_to is not None and (self.expand is not None or self.hf_collection):
            raise grammar.FieldInvalid(
                "is one place, and the request gives several datasets",
                mend="write one request for each dataset that is pushed",
                field="publish_to",
            )
        return self

    @model_validator(mode="after")
    def _refuse_itself(self) -> Self:
        if not self.is_several and self.name in self.no_overlap_with:
            raise grammar.FieldInvalid(
                "names the dataset itself",
                mend="name the datasets whose rows it must not have",
                field="no_overlap_with",
            )
        return self

    @model_validator(mode="after")
    def _refuse_two_main_columns(self) -> Self:
        if {"audio_column", "audio_columns"} <= self.model_fields_set:
            raise grammar.FieldInvalid(
                "says what audio_column says too",
                mend="delete the line of audio_column: the first of audio_columns is the main one",
            )
        return self

    @model_validator(mode="after")
    def _refuse_other_table(self) -> Self:
        rate_hz, kbps = self.sample_rate, self.mp3_bitrate
        if rate_hz is not None and kbps is not None and kbps not in bitrates_at(rate_hz):
            known = ", ".join(map(str, bitrates_at(rate_hz)))
            raise grammar.FieldInvalid(
                f"is no bitrate of an MP3 at {rate_hz} Hz",
                mend=f"write one of {known}",
                field="mp3_bitrate",
            )
        return self

    @model_validator(mode="after")
    def _refuse_two_choices(self) -> Self:
        spec = self.expand
        if not self.is_several and self.confirm is not None:
            raise grammar.FieldInvalid(
                "confirms nothing: the request asks for one dataset",
                mend="delete the line",
                field="confirm",
            )
        if spec is None:
            return self
        _refuse_doubled(spec, self.model_fields_set)
        if self.source is not None and self.source.layout is None:
            raise grammar.FieldInvalid(
                "does not go with source: a recipe does not list what there is",
                mend="write one request for each subset and split",
                field="expand",
            )
        return self

    @property
    def is_several(self) -> bool:
        """Whether it asks for several datasets, which the Hub knows: see `stages.planning.expand`."""
        return self.expand is not None or self.hf_collection is not None

    @property
    def flows_digest(self) -> str | None:
        """A digest over its row steps and `keep`; None where it has neither."""
        if not self.flows and self.keep is None:
            return None
        told: list[Any] = [step.to_json() for step in self.flows]
        steps = json.dumps(told if self.keep is None else [told, self.keep], sort_keys=True)
        return hashlib.sha256(steps.encode()).hexdigest()[:16]

    @property
    def identity(self) -> Identity:
        """Identity of the requested dataset."""
        return Identity(self.hf_id, self.subset, self.split, self.revision)

    @property
    def name(self) -> str:
        """The name of the dataset's folder."""
        return self.identity.name

    def is_asked(self, field: str) -> bool:
        """Whether the file names this field itself; a column that it names must exist."""
        return field in self.model_fields_set


class RemoveRequest(_Request):
    """Remove a dataset from storage."""

    hf_id: _HfId = Field(description="The dataset on the Hub: owner/name.")
    reason: _Prose = Field(description="Why it goes, in a sentence.")
    revision: _Revision | None = Field(None, description="As in the add file, where it had one.")
    subset: _Subset | None = Field(None, description="As in the add file, where it had one.")
    split: _Split | None = Field(None, description="As in the add file, where it had one.")
    expand: _Expand | None = Field(
        None, description="As in the add file: all of its datasets that are stored go."
    )
    confirm: bool = Field(False, description="Asked for when more than 3 datasets go at once.")

    @model_validator(mode="after")
    def _refuse_two_choices(self) -> Self:
        _refuse_doubled(self.expand, self.model_fields_set)
        return self

    @property
    def said(self) -> dict[str, str]:
        """What it says of the dataset beside `hf_id`."""
        said = {"revision": self.revision, "subset": self.subset, "split": self.split}
        return {field: value for field, value in said.items() if value is not None}


def _refuse_doubled(spec: ExpandSpec | None, asked: Collection[str]) -> None:
    """Raise FieldInvalid if `expand` says what another field says. asked: the fields of the file."""
    if spec is None:
        return
    for name, told in (("subset", spec.subsets), ("split", spec.splits)):
        if told is not None and name in asked:
            raise grammar.FieldInvalid(
                f"says what {name} says too",
                mend=f"delete the line of {name}, or its part of expand",
                field="expand",
            )


def json_schema() -> dict[str, Any]:
    """A JSON Schema of both kinds of request, for editors: `$defs` has one entry for each."""
    _, schema = models_json_schema(
        [(AddRequest, "validation"), (RemoveRequest, "validation")],
        title="Hugflow request",
        ref_template="#/$defs/{model}",
    )
    for model in schema["$defs"].values():
        for field in model["properties"].keys() - set(model["required"]):
            model["properties"][field] = _or_null(model["properties"][field])
    add = schema["$defs"][AddRequest.__name__]
    add["required"].remove("hf_id")
    add["anyOf"] = [{"required": ["hf_id"]}, {"required": ["hf_collection"]}]
    kinds = [{"$ref": f"#/$defs/{model.__name__}"} for model in (AddRequest, RemoveRequest)]
    return {"$schema": _SCHEMA_DIALECT, **schema, "oneOf": kinds}


def _or_null(rule: dict[str, Any]) -> dict[str, Any]:
    """Allow null for an absent field, as the reader does."""
    told = {key: value for key, value in rule.items() if key in {"title", "description", "default"}}
    choices = rule.get("anyOf", [{key: rule[key] for key in rule if key not in told}])
    null = {"type": "null"}
    return {**told, "anyOf": choices if null in choices else [*choices, null]}
