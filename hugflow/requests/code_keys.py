"""Keys of a flow's configuration that say which code runs. A request sets none, at any depth."""

from collections.abc import Iterator, Mapping

CODE_KEYS = ("_target_", "flow_class_name")


def find_code_keys(value: object, above: str = "") -> Iterator[str]:
    """The paths of all keys in a configuration that name code."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            path = f"{above}{key}"
            if key in CODE_KEYS:
                yield path
            yield from find_code_keys(each, f"{path}.")
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from find_code_keys(each, f"{above}{number}.")
