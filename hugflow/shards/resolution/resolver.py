"""The files of a subset by split, from a card and the list of all files.

It gives what `datasets` gives, and raises NotKnown for everything that it is not sure of: then
`datasets` itself is asked, which also has the words for what it refuses.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hugflow.clients.published import Resolved
from hugflow.shards.resolution.by_name import Patterns, name_patterns
from hugflow.shards.resolution.card_configs import DEFAULT, Config, read_configs
from hugflow.shards.resolution.kinds import choose_reader, is_data, keep_read
from hugflow.shards.resolution.patterns import NotKnown, Paths, is_wild

# They change what the card says, and are rare.
_ONLY_DATASETS: Final = frozenset({".huggingface.yaml", "dataset_infos.json"})

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
        reader = choose_reader(files)
        kept = {split: keep_read(found, reader, prefix) for split, found in files.items()}
        return Resolved(DEFAULT, reader, kept)
    # The first config's files decide for all; without data_files, those of the whole repository.
    own = {config.name: _patterns_of(config, published) for config in listed.configs}
    first = listed.configs[0].patterns
    reader = choose_reader(_find(first or name_patterns(published), published))
    if wanted not in own:
        raise NotKnown(f"the subset {wanted!r}")
    return Resolved(wanted, reader, _find(own[wanted], published))


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
