"""What a dataset's card says about its files, where it says it in a usual way.

    ---
    configs:
    - config_name: en
      default: true
      data_files:                  a pattern, a list of patterns, or of splits with patterns
      - {split: train, path: "en/train-*.parquet"}
    - {config_name: de, data_dir: de}
    dataset_info:
    - {config_name: en, features: [{name: audio, dtype: audio}], splits: [...]}
    ---

Everything else raises NotKnown: a name that is no text, another key, a split named twice.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from hugflow.late_dataclass import dataclass
from hugflow.shards.plain_features import read_plain_card_feature
from hugflow.shards.resolution.by_name import SPLIT_NAME, Patterns
from hugflow.shards.resolution.patterns import NotKnown, check_pattern, is_wild

DEFAULT: Final = "default"
_BLOCK: Final = re.compile(r"^(\s*---(?:\r\n|\r|\n))([\S\s]*?)((?:\r\n|\r|\n)---[ \t]*(\r\n|\n|$))")
_FILES: Final = frozenset({"config_name", "data_files", "data_dir", "default"})
# They say how files are read, not which; with the type that `datasets` expects.
_SETTINGS: Final = {
    "version": str,
    "description": str,
    "sep": str,
    "delimiter": str,
    "drop_labels": bool,
    "drop_metadata": bool,
}
_OF_INFO: Final = {"config_name", "features", "splits", "download_size", "dataset_size"}
_OF_SPLIT: Final = {"name": str, "num_bytes": int, "num_examples": int}


@dataclass(frozen=True, slots=True)
class Config:
    """A subset of a card.

    patterns: of each split, from the root of the repository; None if the card names none.
    folder: where files are looked for then, empty or with a slash at its end.
    """

    name: str
    patterns: Patterns | None
    folder: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class CardConfigs:
    """The subsets of a card; empty if it lists none. default: the one that is taken unnamed."""

    configs: tuple[Config, ...]
    default: str | None


def parse_card(text: str) -> dict[str, Any]:
    """The YAML at the beginning of a README; empty without one. Raises NotKnown."""
    found = _BLOCK.search(text)
    if found is None:
        if "---" in text[:100]:
            raise NotKnown("a README that may begin with YAML")
        return {}
    try:
        card = yaml.load(found[2], yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotKnown("YAML with errors") from error
    if card is None:
        return {}
    if not isinstance(card, dict) or not all(isinstance(key, str) for key in card):
        raise NotKnown("YAML that is no mapping of names")
    return card


def read_configs(card: Mapping[str, Any]) -> CardConfigs:
    """The subsets that a card lists; raises NotKnown."""
    listed = card.get("configs") or []
    if not isinstance(listed, list):
        raise NotKnown("configs that are no list")
    configs = tuple(map(_read_config, listed))
    names = [config.name for config in configs]
    if len({*names}) < len(names):
        raise NotKnown("a config named twice")
    defaults = [each.name for each in configs if each.is_default or each.name == DEFAULT]
    if len(configs) == 1:
        defaults = names
    if len(defaults) > 1:
        raise NotKnown("two default configs")
    infos = _info_names(card.get("dataset_info"))
    only = infos[0] if len(infos) == 1 else None
    return CardConfigs(configs, defaults[0] if defaults else only)


def _read_config(config: Any) -> Config:
    if not isinstance(config, dict):
        raise NotKnown("a config that is no mapping")
    for key, value in config.items():
        if key not in _FILES and type(value) is not _SETTINGS.get(key):
            raise NotKnown(f"the key {key!r} of a config")
    name, folder = config.get("config_name"), config.get("data_dir", "")
    if not isinstance(name, str) or not name or any(sign in name for sign in r'<>:/\|?*"'):
        raise NotKnown(f"the config name {name!r}")
    if not isinstance(config.get("default", False), bool):
        raise NotKnown("a default that is neither true nor false")
    patterns = None
    if "data_files" in config:
        if "data_dir" in config:
            raise NotKnown("data_files beside data_dir")
        patterns = _read_patterns(config["data_files"])
    return Config(name, patterns, _read_folder(folder), config.get("default", False))


def _read_folder(folder: Any) -> str:
    if folder == "":
        return ""
    if not isinstance(folder, str) or is_wild(folder):
        raise NotKnown(f"the data_dir {folder!r}")
    plain = folder.removesuffix("/")
    check_pattern(plain)
    return f"{plain}/"


def _read_patterns(files: Any) -> Patterns:
    if isinstance(files, str):
        return {"train": _texts([files])}
    if not isinstance(files, list) or not files:
        raise NotKnown("data_files of an unusual form")
    if isinstance(files[0], str):
        return {"train": _texts(files)}
    patterns: Patterns = {}
    for item in files:
        if not isinstance(item, dict) or {*item} != {"split", "path"}:
            raise NotKnown("data_files of an unusual form")
        split, path = item["split"], item["path"]
        if not isinstance(split, str) or split in patterns or not SPLIT_NAME.fullmatch(split):
            raise NotKnown(f"the split {split!r}")
        patterns[split] = _texts(path if isinstance(path, list) else [path])
    return patterns


def _texts(patterns: list[Any]) -> list[str]:
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise NotKnown("a pattern that is no text")
        check_pattern(pattern)
    if not patterns:
        raise NotKnown("a split without patterns")
    return patterns


def _info_names(infos: Any) -> list[str]:
    """The configs that `dataset_info` describes; raises NotKnown if it may be refused."""
    if not isinstance(infos, dict | list):
        return []
    names: list[str] = []
    for info in infos if isinstance(infos, list) else [infos]:
        if not isinstance(info, dict) or not {*info} <= _OF_INFO:
            raise NotKnown("a dataset_info of an unusual form")
        features, splits = info.get("features") or [], info.get("splits") or []
        if not isinstance(features, list) or not isinstance(splits, list):
            raise NotKnown("a dataset_info of an unusual form")
        if any(read_plain_card_feature(feature) is None for feature in features):
            raise NotKnown("features of an unusual type")
        for split in splits:
            if not isinstance(split, dict) or {k: type(v) for k, v in split.items()} != _OF_SPLIT:
                raise NotKnown("splits of an unusual form")
        names.append(str(info.get("config_name", DEFAULT)))
    return names
