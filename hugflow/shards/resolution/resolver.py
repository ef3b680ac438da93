"""The files of a subset by split, from a card and the list of all files.

It gives what `datasets` gives, except for archives in parts, which `datasets` does not read. It
raises NotKnown for everything that it is not sure of: then `datasets` itself is asked, which also
has the words for what it refuses.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from hugflow.clients.published import Resolved
from hugflow.shards.layouts.archives import is_archive
from hugflow.shards.layouts.clips import is_clip
from hugflow.shards.layouts.split_archives import find_split_archives, is_part
from hugflow.shards.layouts.tables import is_table
from hugflow.shards.resolution.by_name import Patterns, name_patterns
from hugflow.shards.resolution.card_configs import DEFAULT, Config, read_configs
from hugflow.shards.resolution.kinds import choose_reader, is_data, keep_read
from hugflow.shards.resolution.patterns import NotKnown, Paths, is_wild

# They change what the card says, and are rare.
_ONLY_DATASETS: Final = frozenset({".huggingface.yaml", "dataset_infos.json"})

_WHOLE: Final = Config(DEFAULT, None, "", is_default=True)
# No reader of `datasets`: archives in parts and tables.
_PARTS: Final = "parts"

Files = dict[str, list[str]]


def resolve(
    card: Mapping[str, Any], paths: Iterable[str], subset: str | None, prefix: str
) -> Resolved:
    """The splits of a subset with their files; raises NotKnown.

    card: the YAML of README.md. paths: of all files of the repository.
    subset: None for the default one.
    prefix: the address before each path, such as `hf://datasets/org/name@<commit>/`.
    """
    published = Paths.of(paths)
    if odd := published.every & _ONLY_DATASETS:
        raise NotKnown(f"the file {min(odd)!r}")
    listed = read_configs(card)
    wanted = subset or listed.default
    if not listed.configs:
        if (wanted or DEFAULT) != DEFAULT:
            raise NotKnown(f"the subset {wanted!r}")
        files = _find(name_patterns(published), published)
        reader = _choose_reader(files, published)
        kept = {split: _keep_read(found, reader, prefix) for split, found in files.items()}
        return Resolved(DEFAULT, reader, kept)
    # The first config's files decide for all; without data_files, those of the whole repository.
    own = {config.name: _patterns_of(config, published) for config in listed.configs}
    first = listed.configs[0].patterns
    reader = _choose_reader(_find(first or name_patterns(published), published), published)
    if wanted not in own:
        raise NotKnown(f"the subset {wanted!r}")
    return Resolved(wanted, reader, _find(own[wanted], published))


def resolve_clips(
    card: Mapping[str, Any],
    paths: Iterable[str],
    subset: str | None,
    is_wanted: Callable[[str], bool] = is_clip,
) -> Resolved | None:
    """The audio files of a subset's splits, whatever reader `datasets` chooses for them.

    is_wanted: which files, of those that it takes for text, or does not know (m4a).
    None if there are none, or if only `datasets` knows the splits.
    """
    try:
        published, listed = Paths.of(paths), read_configs(card)
        wanted = subset or listed.default or DEFAULT
        own = {each.name: each for each in listed.configs} or {DEFAULT: _WHOLE}
        if published.every & _ONLY_DATASETS or wanted not in own:
            return None
        patterns = _patterns_of(own[wanted], published)
        found = {
            split: [path for form in forms for path in published.find(form) if is_wanted(path)]
            for split, forms in patterns.items()
        }
    except NotKnown:
        return None
    files = {split: clips for split, clips in found.items() if clips}
    return Resolved(wanted, "audiofolder", files) if files else None


def _choose_reader(files: Files, published: Paths) -> str:
    """The reader; ours where the members of a zip in parts decide, which `datasets` cannot open."""
    try:
        return choose_reader(files)
    except NotKnown:
        split = [each for each in find_split_archives(published.every) if each.is_read]
        parts = {path for each in split for path in each.parts}
        if any(parts.intersection(found) for found in files.values()):
            return _PARTS
        raise


def _keep_read(paths: list[str], reader: str, prefix: str) -> list[str]:
    if reader != _PARTS:
        return keep_read(paths, reader, prefix)
    return [path for path in paths if is_archive(path) or is_part(path) or is_table(path)]


def _patterns_of(config: Config, published: Paths) -> Patterns:
    return config.patterns or name_patterns(published, config.folder)


def _find(patterns: Patterns, published: Paths) -> Files:
    """The files of each split, pattern by pattern; raises NotKnown for a split without files."""
    files: Files = {}
    for split, forms in patterns.items():
        files[split] = []
        for form in forms:
            found = [path for path in published.find(form) if is_data(path)]
            if not found and not is_wild(form):
                raise NotKnown(f"the missing file {form!r}")
            files[split] += found
        if not files[split]:
            raise NotKnown(f"no files in the split {split!r}")
    return files
