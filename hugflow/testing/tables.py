"""Arrow tables as a dataset repository keeps them: parquet shards, and a card that names them.

This is what `datasets.push_to_hub` leaves behind, written without `datasets`. The schema metadata
of a parquet file holds the features under `huggingface`, and so does the card, in another dialect:

    {"info": {"features": {"text": {"dtype": "string", "_type": "Value"}, ...}}}

    - name: text
      dtype: string

https://huggingface.co/docs/datasets/about_dataset_features
"""

import io
import json
import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

DEFAULT_CONFIG = "default"
GITATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"

# A feature as the schema metadata writes it.
Feature = Mapping[str, Any]
# Tables by split, in the order of the card.
Splits = Mapping[str, pa.Table]


def audio_feature(sampling_rate: int | None = None) -> Feature:
    """Audio: a struct of `bytes` and `path`; a reader may resample it to `sampling_rate`."""
    rate = {} if sampling_rate is None else {"sampling_rate": sampling_rate}
    return {**rate, "_type": "Audio"}


def class_label_feature(*names: str) -> Feature:
    """A class: an int64 that counts into the names."""
    return {"names": list(names), "_type": "ClassLabel"}


def with_features(table: pa.Table, known: Mapping[str, Feature] | None = None) -> pa.Table:
    """The table with its features declared; those not `known` follow from the Arrow type."""
    known = known or {}
    features = {
        field.name: known.get(field.name) or to_feature(field.type) for field in table.schema
    }
    metadata = json.dumps({"info": {"features": features}})
    return table.replace_schema_metadata({"huggingface": metadata})


def to_feature(type_: pa.DataType) -> Feature:
    """The feature that `datasets` takes an Arrow type for."""
    if pa.types.is_struct(type_):
        return {field.name: to_feature(field.type) for field in type_}
    if pa.types.is_fixed_size_list(type_):
        inner = to_feature(type_.value_type)
        return {"feature": inner, "length": type_.list_size, "_type": "List"}
    if pa.types.is_list(type_):
        return {"feature": to_feature(type_.value_type), "_type": "List"}
    if pa.types.is_large_list(type_):
        return {"feature": to_feature(type_.value_type), "_type": "LargeList"}
    if pa.types.is_dictionary(type_):
        return to_feature(type_.value_type)
    # Arrow prints these types otherwise than `datasets` spells them.
    names = {
        "double": "float64",
        "float": "float32",
        "halffloat": "float16",
        "date32[day]": "date32",
        "date64[ms]": "date64",
    }
    return {"dtype": names.get(str(type_), str(type_)), "_type": "Value"}


def read_features(table: pa.Table) -> dict[str, Feature]:
    """The features that the table declares."""
    metadata = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}"))
    features: dict[str, Feature] = metadata.get("info", {}).get("features", {})
    return features


def to_shards(
    table: pa.Table, *, split: str, shards: int, folder: str, row_group_rows: int | None = None
) -> dict[str, bytes]:
    """The table as parquet files `<folder>/<split>-00000-of-00003.parquet`, by path.

    The rows are divided in order and as evenly as can be; of more shards than rows some are empty.
    """
    files = {}
    for shard in range(shards):
        first = table.num_rows * shard // shards
        last = table.num_rows * (shard + 1) // shards
        path = f"{folder}/{split}-{shard:05d}-of-{shards:05d}.parquet"
        files[path] = write_parquet(table.slice(first, last - first), row_group_rows)
    return files


def write_parquet(table: pa.Table, row_group_rows: int | None = None) -> bytes:
    """The table as one parquet file; in one row group unless a number of rows is given."""
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=row_group_rows or max(1, table.num_rows))
    return file.getvalue()


def to_repository(
    configs: Mapping[str, Splits],
    *,
    title: str,
    shards: int = 1,
    row_group_rows: int | None = None,
    card: Mapping[str, Any] | None = None,
) -> dict[str, bytes]:
    """Every file of a dataset repository: shards, card and .gitattributes, by path.

    A config called `default` lies in `data/`, any other in a folder of its name. `card` adds to the
    YAML of the card: licence, language and so on.
    """
    files = {".gitattributes": GITATTRIBUTES}
    for config, splits in configs.items():
        for split, table in splits.items():
            files |= to_shards(
                table,
                split=split,
                shards=shards,
                folder=to_folder(config),
                row_group_rows=row_group_rows,
            )
    files["README.md"] = render_card(configs, title=title, extra=card or {})
    return files


def to_folder(config: str) -> str:
    """Where the files of a config lie."""
    return "data" if config == DEFAULT_CONFIG else config


def render_card(configs: Mapping[str, Splits], *, title: str, extra: Mapping[str, Any]) -> bytes:
    """The README.md: which files a config and split have, and what is in them.

    Of a table that declares no features the card tells only where its files lie.
    """
    infos = [
        {
            "config_name": config,
            "features": _to_card_features(features),
            "splits": [
                {"name": split, "num_bytes": table.nbytes, "num_examples": table.num_rows}
                for split, table in splits.items()
            ],
            "dataset_size": sum(table.nbytes for table in splits.values()),
        }
        for config, splits in configs.items()
        if (features := read_features(next(iter(splits.values()))))
    ]
    files = [
        {
            "config_name": config,
            "data_files": [
                {"split": split, "path": f"{to_folder(config)}/{split}-*"} for split in splits
            ],
        }
        for config, splits in configs.items()
    ]
    info = {"dataset_info": infos[0] if len(infos) == 1 else infos} if infos else {}
    head = {**extra, **info, "configs": files}
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    return f"---\n{text}---\n\n# {title}\n".encode()


def _to_card_features(features: Mapping[str, Feature]) -> list[dict[str, Any]]:
    return [{"name": name, **_to_card_feature(feature)} for name, feature in features.items()]


def _to_card_feature(feature: Feature) -> dict[str, Any]:
    match feature:
        case {"_type": "Value", "dtype": dtype}:
            return {"dtype": dtype}
        case {"_type": "ClassLabel", "names": names}:
            return {"dtype": {"class_label": {"names": {str(i): n for i, n in enumerate(names)}}}}
        case {"_type": "List" | "LargeList" | "Sequence" as kind, "feature": inner, **length}:
            return {_to_card_word(kind): _to_card_item(inner), **length}
        case {"_type": str(kind), **parameters}:
            word = _to_card_word(kind)
            return {"dtype": {word: parameters} if parameters else word}
        case _:
            return {"struct": _to_card_features(feature)}


def _to_card_item(feature: Feature) -> Any:
    """What a list holds, as short as the card can say it."""
    card = _to_card_feature(feature)
    return next(iter(card.values())) if card.keys() in ({"dtype"}, {"struct"}) else card


def _to_card_word(kind: str) -> str:
    """How the card spells a feature: `LargeList` is `large_list`, `Array2D` is `array2_d`."""
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", kind).lower()
