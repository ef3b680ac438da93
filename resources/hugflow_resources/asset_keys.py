"""The asset key of each stage of a dataset: `[<name>, <stage>]`, unless a project translates it.

A project that brings its own Dagster definitions may give the assets other keys, groups, owners and
tags: see `hugflow_assets.component`. A process that loads definitions has one translation.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

Translate = Callable[[dg.AssetSpec], dg.AssetSpec]

_translate: list[Translate] = []
_key_by_stage: dict[tuple[str, str], dg.AssetKey] = {}
_stage_by_key: dict[dg.AssetKey, tuple[str, str]] = {}


@contextmanager
def translating(translate: Translate) -> Iterator[None]:
    """Pass the specs that are built in the block through a function, and remember their keys."""
    _key_by_stage.clear()
    _stage_by_key.clear()
    _translate.append(translate)
    try:
        yield
    finally:
        _translate.pop()


def translated(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The spec of a stage as the project has it. Its key must be `[<name>, <stage>]`."""
    if not _translate:
        return spec
    name, stage = spec.key.path
    changed = _translate[-1](spec)
    _key_by_stage[name, stage] = changed.key
    _stage_by_key[changed.key] = name, stage
    return changed


def stage_key(name: str, stage: str) -> dg.AssetKey:
    """The key of a dataset's stage, `plan` included."""
    return _key_by_stage.get((name, stage)) or dg.AssetKey([name, stage])


def read_stage_key(key: dg.AssetKey) -> tuple[str, str] | None:
    """Name and stage of a key; None if it cannot be that of a stage."""
    if found := _stage_by_key.get(key):
        return found
    return (key.path[0], key.path[1]) if len(key.path) == 2 else None
