"""The index's types as `datasets` features: for the parquet metadata and for the card.

The index has `row`, then the dataset's columns, then `text` if the text is a field inside a column
and no column has this name, then `audio_info`, then `audio_info_<column>` of each other audio
column. If the dataset has a column with the name of another of these, the index calls it
`<name>_source`.
"""

import json
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import pyarrow as pa

from hugflow.names import info_names
from hugflow.shards.arrow import FILE_TYPE, MOST_DIGITS, index_type, is_binary, is_list, is_text
from hugflow.shards.declared import declared_feature, declared_features
from hugflow.shards.plain_features import (
    UNDECODED,
    Feature,
    declared_plain_feature,
    plain_feature,
    to_card_feature,
)
from hugflow.shards.plan import ColumnNote, Plan

AUDIO_TYPE = FILE_TYPE
# The index's own column for a text that lies inside another column.
TEXT = "text"
AUDIO_INFO_TYPE = pa.struct(
    [
        ("path", pa.string()),
        ("source_path", pa.string()),
        ("sampling_rate", pa.int32()),
        ("num_samples", pa.int64()),
        ("duration", pa.float64()),
        ("source_format", pa.string()),
        ("source_sampling_rate", pa.int32()),
        ("source_channels", pa.int32()),
        ("bitrate_kbps", pa.int32()),
        ("copied", pa.bool_()),
    ]
)
QUALITY_TYPE = pa.struct(
    [
        ("peak_dbfs", pa.float64()),
        ("rms_dbfs", pa.float64()),
        ("clipped", pa.float64()),
        ("silence", pa.float64()),
        ("snr", pa.float64()),
        ("bandwidth_hz", pa.int32()),
        ("dc_offset", pa.float64()),
        ("pcm", pa.string()),
        ("chars_per_second", pa.float64()),
        ("script", pa.string()),
    ]
)


def audio_info_type(*, measured: bool) -> pa.StructType:
    """The type of `audio_info` in the index; with `quality` if the plan measures clips."""
    if not measured:
        return AUDIO_INFO_TYPE
    return pa.struct([*AUDIO_INFO_TYPE, pa.field("quality", QUALITY_TYPE)])


def index_names(columns: Sequence[str], all_audio: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the dataset's columns in the index, in order; never one of our own columns.

    all_audio: the audio columns of which MP3s are made, the main one first.
    """
    return names_beside(columns, {"row", "audio_info", *info_names(all_audio)})


def names_beside(columns: Sequence[str], ours: AbstractSet[str]) -> tuple[str, ...]:
    """Names for `columns`, in order; a name that is also in `ours` becomes `<name>_source`."""
    taken = {*ours, *columns}
    names = []
    for column in columns:
        name = column
        while name in ours or (name != column and name in taken):
            name += "_source"
        names.append(name)
    return tuple(names)


def is_audio_type(type_: pa.DataType, *, may_be_path: bool = False) -> bool:
    """Whether a column of this type can hold published audio.

    That is: bytes; or a struct with at least one of `bytes` (binary), `path` (text) and `array`
    (numbers, or lists of numbers); or a list of such, for a row that has one in it.
    may_be_path: count text too, as paths. Set it only if the column is declared or requested as
    audio, because any text could be a path.
    """
    if is_list(type_):
        # A list with one clip is the clip; a longer list makes the row fail.
        item = type_.value_type
        return not is_list(item) and is_audio_type(item, may_be_path=may_be_path)
    if is_text(type_):
        return may_be_path
    if pa.types.is_struct(type_):
        return any(
            (field.name == "bytes" and is_binary(field.type))
            or (field.name == "path" and is_text(field.type))
            or (field.name == "array" and _is_samples(field.type))
            for field in type_
        )
    return is_binary(type_)


def is_list_of_samples(type_: pa.DataType) -> bool:
    """Whether values are samples without a rate, so their sound is unknown."""
    return _is_samples(type_)


def is_certain_audio(type_: pa.DataType, declared: Any) -> bool:
    """Whether the publisher declared values as Audio, or their type can be nothing else."""
    if is_list(type_):
        type_ = type_.value_type
        declared = declared.get("feature") if isinstance(declared, dict) else None
    if isinstance(declared, dict) and isinstance(declared.get("_type"), str):
        return declared["_type"] == "Audio" and is_audio_type(type_, may_be_path=True)
    if not pa.types.is_struct(type_) or not is_audio_type(type_):
        return False
    names = {field.name for field in type_}
    return names == {"bytes", "path"} or names >= {"array", "sampling_rate"}


def column_notes(
    published: pa.Schema, completed: pa.Schema, audio_columns: Collection[str]
) -> dict[str, list[ColumnNote]]:
    """Notes for readers of the index, by column.

    completed: `published`, with the card's declarations.
    """
    own, declared = declared_features(published), declared_features(completed)
    found: dict[str, list[ColumnNote]] = {}
    for field in completed:
        notes: list[ColumnNote] = []
        told = declared.get(field.name)
        plain = declared_plain_feature(field.type, told)
        feature = None if told is None or plain is not None else declared_feature(field, told)
        is_believed = plain is not None or feature is not None or field.name in audio_columns
        if own.get(field.name) is None and declared.get(field.name) is not None and is_believed:
            notes.append("card")
        if field.name not in audio_columns:
            if feature is not None and _undecoded(feature) != _undecoded(feature, only_audio=True):
                notes.append("undecoded")
            if _has_wide_decimal(field.type):
                notes.append("decimal_text")
        if notes:
            found[field.name] = notes
    return found


def _has_wide_decimal(type_: pa.DataType) -> bool:
    if pa.types.is_decimal(type_):
        return bool(type_.precision > MOST_DIGITS)
    if isinstance(type_, pa.BaseExtensionType):
        return _has_wide_decimal(type_.storage_type)
    if pa.types.is_dictionary(type_):
        return _has_wide_decimal(type_.value_type)
    return any(_has_wide_decimal(type_.field(at).type) for at in range(type_.num_fields))


def column_features(plan: Plan) -> dict[str, Any]:
    """The features of the dataset's columns by published name; None if nothing is known."""
    names = index_names(plan.columns, plan.all_audio)
    return {
        column: plan.features.get(name) for column, name in zip(plan.columns, names, strict=True)
    }


def index_features(
    schema: pa.Schema,
    all_audio: tuple[str, ...],
    *,
    measured: bool = False,
    has_inner_text: bool = False,
) -> tuple[dict[str, Any], list[Any]]:
    """The index's features in both forms of `datasets`: for parquet metadata, and for the card.

    all_audio: the columns of which MP3s are made, the main one first.
    schema: of the published files. Media are declared with decode=False, so that reading the folder
    needs no decoder.
    has_inner_text: whether the index has a column `text` of its own.

    Raises ValueError when a column has a type that `datasets` does not know.
    """
    declared = declared_features(schema)
    names = index_names(schema.names, all_audio)
    own: dict[str, pa.DataType] = {TEXT: pa.string()} if has_inner_text else {}
    own |= dict.fromkeys(info_names(all_audio), audio_info_type(measured=measured))
    plain = _plain_index_features(schema, names, declared, all_audio, own)
    if plain is not None:
        return plain, [to_card_feature(name, feature) for name, feature in plain.items()]
    import datasets

    features: Any = datasets.Features(row=datasets.Value("int64"))
    for field, name in zip(schema, names, strict=True):
        if field.name in all_audio:
            features[name] = datasets.Audio(decode=False)
        else:
            features[name] = _undecoded(_published_feature(field, declared.get(field.name)))
    for name, feature in datasets.Features.from_arrow_schema(pa.schema([*own.items()])).items():
        features[name] = feature
    return _both_forms(features)


def _plain_index_features(
    schema: pa.Schema,
    names: Sequence[str],
    declared: dict[str, Any],
    all_audio: tuple[str, ...],
    own: dict[str, pa.DataType],
) -> dict[str, Feature] | None:
    """The features of the index if all of them are usual; None leaves them to `datasets`.

    own: types of the index's own columns after those of the dataset.
    """
    found: dict[str, Feature | None] = {"row": plain_feature(pa.int64())}
    for field, name in zip(schema, names, strict=True):
        told = declared.get(field.name)
        if field.name in all_audio:
            found[name] = dict(UNDECODED)
        elif told is None:
            is_json = isinstance(field.type, pa.JsonType)
            found[name] = None if is_json else plain_feature(index_type(field.type))
        else:
            found[name] = declared_plain_feature(index_type(field.type), told)
    found |= {name: plain_feature(type_) for name, type_ in own.items()}
    known = {name: feature for name, feature in found.items() if feature is not None}
    return known if len(known) == len(found) and "_type" not in known else None


def arrow_features(schema: pa.Schema) -> tuple[dict[str, Any], list[Any]]:
    """The features of plain Arrow types, in the same two forms."""
    found = {field.name: plain_feature(field.type) for field in schema}
    plain = {name: feature for name, feature in found.items() if feature is not None}
    if len(plain) == len(schema) and "_type" not in plain:
        return plain, [to_card_feature(name, feature) for name, feature in plain.items()]
    import datasets

    return _both_forms(datasets.Features.from_arrow_schema(schema))


def _both_forms(features: Any) -> tuple[dict[str, Any], list[Any]]:
    """Features of `datasets` for parquet metadata, and for the card."""
    import datasets
    from huggingface_hub import DatasetCardData

    card = DatasetCardData()
    infos = datasets.info.DatasetInfosDict({"default": datasets.DatasetInfo(features=features)})
    try:
        infos.to_dataset_card_data(card)
    except TypeError as error:
        raise ValueError("no column or field can be called '_type': it marks features") from error
    header = card.to_dict()  # type: ignore[no-untyped-call]  # untyped in the Hub's library
    # Convert by way of JSON, as plans do: `datasets` has shapes as tuples.
    return json.loads(json.dumps(features.to_dict())), header["dataset_info"]["features"]


def _published_feature(field: pa.Field, declared: Any) -> Any:
    """The feature of one column: as declared; if the declaration is not valid, from its type.

    A bad declaration is no error, because a stranger wrote it. An unknown type without a valid
    declaration is an error.
    """
    import datasets

    feature = declared_feature(field, declared)
    if feature is not None:
        return feature
    if isinstance(field.type, pa.JsonType):
        return datasets.Json()
    schema = pa.schema([(field.name, index_type(field.type))])
    return datasets.Features.from_arrow_schema(schema)[field.name]


def _undecoded(feature: Any, *, only_audio: bool = False) -> Any:
    """The feature with all media in it, at any depth, left as bytes and path."""
    import datasets

    match feature:
        case datasets.Json():
            return feature
        case datasets.Audio():
            # Rates and channels are useless without decoding.
            return datasets.Audio(decode=False)
        case _ if hasattr(feature, "decode") and not only_audio:
            return replace(feature, decode=False)
        case dict():
            return {name: _undecoded(of, only_audio=only_audio) for name, of in feature.items()}
        case datasets.List():
            inner = _undecoded(feature.feature, only_audio=only_audio)
            return datasets.List(inner, length=feature.length)
        case datasets.LargeList():
            return datasets.LargeList(_undecoded(feature.feature, only_audio=only_audio))
        case _:
            return feature


def _is_samples(type_: pa.DataType) -> bool:
    """Whether values are samples: a list of numbers, or one such list for each channel."""
    if not is_list(type_):
        return False
    item = type_.value_type
    if is_list(item):
        item = item.value_type
    return bool(pa.types.is_integer(item) or pa.types.is_floating(item))
