"""The splits of a repository whose card names no files: by the names of folders and files.

The first rule that finds a file is used, and files that it does not match are in no split:
`data/<split>-00000-of-00001.<ext>`; logs and tasks of agents; a split's word in a folder's name; in
a file's name; else everything is `train`.
"""

import re
from typing import Final

from hugflow.shards.resolution.patterns import NotKnown, Paths

SPLIT_NAME: Final = re.compile(r"\w+(\.\w+)*")
_NUMBER: Final = "[0-9]" * 5
_SHARD: Final = re.compile(r"(.+)-[0-9]{5}-of-[0-9]{4}[0-9]*.*")
_WORDS: Final = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_ENDS: Final = "[-._ 0-9]"
_IN_FOLDER: Final = ("**/{0}/**", "**/{0}{1}*/**", "**/*{1}{0}/**", "**/*{1}{0}{1}*/**")
_IN_FILE: Final = ("**/{0}{1}*", "**/*{1}{0}{1}*")

Patterns = dict[str, list[str]]


def _by_words(forms: tuple[str, ...]) -> Patterns:
    return {
        split: [form.format(word, _ENDS) for word in words for form in forms]
        for split, words in _WORDS.items()
    }


_RULES: Final[tuple[Patterns, ...]] = (
    {"logs": ["**/*.eval"]},
    {"test": ["**/task.toml", "**/instruction.md"]},
    _by_words(_IN_FOLDER),
    _by_words(_IN_FILE),
    {"train": ["**"]},
)


def name_patterns(paths: Paths, folder: str = "") -> Patterns:
    """The patterns of each split below a folder, in order.

    folder: empty, or with a slash at its end.

    Raises NotKnown if there is no file, or a split with a name that `datasets` refuses.
    """
    if shards := paths.find(f"{folder}data/*-{_NUMBER}-of-{_NUMBER}*.*"):
        return _shard_patterns(folder, shards)
    for rule in _RULES:
        below = {split: [folder + form for form in forms] for split, forms in rule.items()}
        found = {
            split: forms
            for split, forms in below.items()
            if any(paths.find(pattern) for pattern in forms)
        }
        if found:
            return found
    raise NotKnown("no file in a split")


def _shard_patterns(folder: str, shards: list[str]) -> Patterns:
    splits = {
        found[1] for path in shards if (found := _SHARD.search(path.rpartition("/")[2])) is not None
    }
    for split in splits:
        if SPLIT_NAME.fullmatch(split) is None:
            raise NotKnown(f"a split with the name {split!r}")
    first = [split for split in _WORDS if split in splits]
    ordered = [*first, *sorted(splits - {*first})]
    return {split: [f"{folder}data/{split}-{_NUMBER}-of-{_NUMBER}*.*"] for split in ordered}
