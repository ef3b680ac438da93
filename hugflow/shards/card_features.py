"""The features that a dataset's card declares, for files without metadata of `datasets`.

Files written by pandas, polars or DuckDB have no such metadata. Then only the card says what their
columns mean, in another spelling:

    dataset_info:
      features:
      - {name: sound, dtype: audio}
      - name: label
        dtype: {class_label: {names: {'0': 'no', '1': 'yes'}}}
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from hugflow.shards.card import find_infos
from hugflow.shards.declared import declared_features
from hugflow.shards.plain_features import read_plain_card_feature


def complete_schema(schema: pa.Schema, card: Mapping[str, Any], subset: str | None) -> pa.Schema:
    """The schema of files, completed with the card's features for columns without metadata."""
    known = declared_features(schema)
    told = {
        name: feature
        for name, feature in card_features(card, subset, schema.names).items()
        if name in schema.names and known.get(name) is None
    }
    return with_declared(schema, {**known, **told}) if told else schema


def with_declared(schema: pa.Schema, features: Mapping[str, Any]) -> pa.Schema:
    """The schema with these features in its metadata, replacing its own."""
    value = json.dumps({"info": {"features": features}})
    return schema.with_metadata({**(schema.metadata or {}), b"huggingface": value.encode()})


def card_features(
    card: Mapping[str, Any], subset: str | None, columns: Sequence[str]
) -> dict[str, Any]:
    """The features of `subset` by column, in the form that `datasets` writes into metadata.

    columns: the wanted columns. A feature that cannot be understood is left out.
    """
    found: dict[str, Any] = {}
    for name, feature in _listed(card, subset):
        if name in columns and name not in found and (known := _read_feature(feature)) is not None:
            found[name] = known
    return found


def all_features(card: Mapping[str, Any], subset: str | None) -> dict[str, Any]:
    """All features of `subset` by column; see `card_features`."""
    return card_features(card, subset, [name for name, _ in _listed(card, subset)])


def _listed(card: Mapping[str, Any], subset: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    for info in find_infos(card, subset):
        features = info.get("features")
        for feature in features if isinstance(features, list) else []:
            if isinstance(feature, dict) and isinstance(feature.get("name"), str):
                yield feature["name"], feature


def _read_feature(feature: dict[str, Any]) -> Any:
    """One feature of a card in the spelling of metadata; None if it is not a feature."""
    if (plain := read_plain_card_feature(feature)) is not None:
        return plain
    import datasets

    try:
        # `datasets` has the only code that knows all spellings in the Hub's cards.
        named = datasets.Features._from_yaml_list([feature])
        written = named.to_dict()[feature["name"]]
        json.dumps(written, allow_nan=False)
    except Exception:  # noqa: BLE001  # anybody may have written it
        return None
    return written
