"""Types of the index, as `datasets` reads them: from parquet metadata and from the card.

The index has `row`, then the dataset's columns, then `audio_info`. A column of the dataset that
is itself called `row` or `audio_info` stands there as `<name>_source`.
"""

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import pyarrow as pa

AUDIO_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
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


def index_names(columns: Sequence[str]) -> tuple[str, ...]:
    """Names of the dataset's columns in the index, in order; never `row` or `audio_info`."""
    return names_beside(columns, frozenset({"row", "audio_info"}))


def names_beside(columns: Sequence[str], ours: AbstractSet[str]) -> tuple[str, ...]:
    """Names for `columns`, in order, beside fields of `ours`: `<name>_source` where they meet."""
    taken = {*ours, *columns}
    names = []
    for column in columns:
        name = column
        while name in ours or (name != column and name in taken):
            name += "_source"
        names.append(name)
    return tuple(names)


def is_audio_type(type_: pa.DataType) -> bool:
    """Whether a column of this type can hold published audio: bytes, or {bytes, path}."""
    if pa.types.is_struct(type_):
        index = type_.get_field_index("bytes")
        return index >= 0 and _is_binary(type_.field(index).type)
    return _is_binary(type_)


def has_audio_feature(schema: pa.Schema, column: str) -> bool:
    """Whether the publisher declared `column` as Audio, or its type can be nothing else."""
    declared = _declared_features(schema).get(column)
    if isinstance(declared, dict) and declared.get("_type"):
        return bool(declared["_type"] == "Audio")
    type_ = schema.field(column).type
    return pa.types.is_struct(type_) and {field.name for field in type_} == {"bytes", "path"}


def index_features(schema: pa.Schema, audio_column: str | None) -> tuple[dict[str, Any], list[Any]]:
    """The index's features in both forms of `datasets`: for parquet metadata, and for the card.

    schema: of the published files. Audio is declared with decode=False, so that reading the
    folder needs no decoder.

    Raises ValueError when a column has a type that `datasets` does not know.
    """
    import datasets
    from huggingface_hub import DatasetCardData

    source = _source_features(schema)
    features: Any = datasets.Features(row=datasets.Value("int64"))
    for column, name in zip(schema.names, index_names(schema.names), strict=True):
        is_audio = column == audio_column
        features[name] = datasets.Audio(decode=False) if is_audio else _undecoded(source[column])
    if audio_column is not None:
        info = datasets.Features.from_arrow_schema(pa.schema([("audio_info", AUDIO_INFO_TYPE)]))
        features["audio_info"] = info["audio_info"]
    card = DatasetCardData()
    infos = datasets.info.DatasetInfosDict({"default": datasets.DatasetInfo(features=features)})
    infos.to_dataset_card_data(card)
    header = card.to_dict()  # type: ignore[no-untyped-call]  # the Hub's library leaves it untyped
    return features.to_dict(), header["dataset_info"]["features"]


def _source_features(schema: pa.Schema) -> Any:
    """Features of the published files: as declared, or from the types where that says nothing."""
    import datasets

    try:
        return datasets.Features.from_arrow_schema(schema)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        # A stranger wrote the metadata; only a type that is not known without it is an error.
        return datasets.Features.from_arrow_schema(schema.remove_metadata())


def _undecoded(feature: Any) -> Any:
    """The same feature with every Audio in it, however deep, left as bytes and path."""
    import datasets

    match feature:
        case datasets.Audio():
            return datasets.Audio(decode=False)
        case dict():
            return {name: _undecoded(inner) for name, inner in feature.items()}
        case datasets.List():
            return datasets.List(_undecoded(feature.feature), length=feature.length)
        case datasets.LargeList():
            return datasets.LargeList(_undecoded(feature.feature))
        case _:
            return feature


def _declared_features(schema: pa.Schema) -> dict[str, Any]:
    """What the publisher's own metadata says; empty when it says nothing that can be read."""
    text = (schema.metadata or {}).get(b"huggingface")
    try:
        features = json.loads(text)["info"]["features"] if text else {}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _is_binary(type_: pa.DataType) -> bool:
    return bool(pa.types.is_binary(type_) or pa.types.is_large_binary(type_))
