"""The card of a repository: what it says of files and columns. It is not trusted.

configs:
- config_name: default
data_files:
- {split: train, path: "data/train-*"}
dataset_info:
features:
- {name: audio, dtype: audio}
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hugflow.late_dataclass import dataclass

_SPLIT = re.compile(r"\w+(\.\w+)*")


@dataclass(frozen=True, slots=True)
class CardSplit:
    """A split that a card names, and the patterns of its files."""

    config: str
    name: str
    patterns: tuple[str, ...]

    @property
    def is_readable(self) -> bool:
        """Whether `datasets` accepts the name: letters, digits, underscores and single dots."""
        return _SPLIT.fullmatch(self.name) is not None


def list_splits(card: Mapping[str, Any], subset: str | None) -> list[CardSplit]:
    """The splits whose files the card names, those of `subset` first; empty if it names none.

    Anything that is not a list of configs is ignored.
    """
    found = [split for config in _dicts(card.get("configs")) for split in _splits_of(config)]
    return sorted(found, key=lambda split: split.config != (subset or "default"))


def find_infos(card: Mapping[str, Any], subset: str | None) -> list[dict[str, Any]]:
    """The entries of `dataset_info` for `subset`; without a subset, for the default config."""
    infos = list(_dicts(card.get("dataset_info")))
    config = subset or _default_config(card)
    named = [info for info in infos if info.get("config_name", "default") == config]
    return named or (infos if len(infos) == 1 and subset is None else [])


def find_config(card: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The entry of `configs` with a name; empty if there is none."""
    named = (config for config in _dicts(card.get("configs")) if _name_of(config) == name)
    return next(named, {})


def _name_of(config: Mapping[str, Any]) -> object:
    return config.get("config_name", "default")


def _default_config(card: Mapping[str, Any]) -> str:
    """The default config."""
    configs = list(_dicts(card.get("configs")))
    chosen = [config for config in configs if config.get("default") is True] or configs
    name = chosen[0].get("config_name") if len(chosen) == 1 else None
    return name if isinstance(name, str) else "default"


def _splits_of(config: Mapping[str, Any]) -> Iterator[CardSplit]:
    name, files = str(config.get("config_name", "default")), config.get("data_files")
    folder = config.get("data_dir")
    for item in _dicts(files):
        if "split" in item and "path" in item:
            patterns = _patterns(item["path"], folder)
            yield CardSplit(name, str(item["split"]), patterns)
    if isinstance(files, dict) and "split" not in files:
        for split, paths in files.items():
            yield CardSplit(name, str(split), _patterns(paths, folder))
    elif isinstance(files, str) or (
        isinstance(files, list) and files and isinstance(files[0], str)
    ):
        yield CardSplit(name, "train", _patterns(files, folder))


def _patterns(paths: Any, folder: Any) -> tuple[str, ...]:
    listed = paths if isinstance(paths, list) else [paths]
    before = f"{folder.strip('/')}/" if isinstance(folder, str) and folder.strip("/") else ""
    return tuple(before + path for path in listed if isinstance(path, str))


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    """The mappings in a list, or a single mapping as a list."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item
