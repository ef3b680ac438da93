"""Composed sources for people and programs: as a tree, as JSON, and as a folder of copies."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hugflow.amounts import count
from hugflow.errors import CannotWrite
from hugflow.hierarchy.compose import Composition
from hugflow.hierarchy.composed import ComposedSource, FileRef
from hugflow.hierarchy.graph import Node
from hugflow.hierarchy.storage import stored_suffix
from hugflow.store.atomic import disk_errors, make_folder, sync_folder

INDEX_NAME = "sources.json"


def describe_sources(composition: Composition) -> Iterator[str]:
    """A line for each source: how many files, and from where."""
    for name, source in composition.sources.items():
        amounts: dict[str, int] = {}
        for file in source.files():
            origin = "/".join(file.origin) or "own"
            amounts[origin] = amounts.get(origin, 0) + 1
        parts = ", ".join(f"{origin} {amount}" for origin, amount in amounts.items())
        mark = " (overridden)" if source.overridden else ""
        files = count(len(source.files()), "file")
        yield f"{name} ({source.format}): {files}" + (f": {parts}" if parts else "") + mark


def describe_tree(composition: Composition) -> Iterator[str]:
    """Every file of every source with its origin, its repository's state, and what it replaced."""
    for name, source in composition.sources.items():
        mark = ", overridden" if source.overridden else ""
        yield f"{name} ({source.format}, {count(len(source.files()), 'file')}{mark})"
        for file in source.files_list:
            yield f"  {file.name}  <- {_describe_file(file, composition.nodes)}"
        for key, value in source.files_dict.items():
            for file in value:
                yield f"  {key}: {file.name}  <- {_describe_file(file, composition.nodes)}"
            for each in source.replaced:
                if each.key == key:
                    lost = ", ".join(_describe_file(file, composition.nodes) for file in each.lost)
                    won = ", ".join("/".join(file.origin) or "own" for file in each.won)
                    yield f"    {won} replaced that of {lost}"


def describe_node(node: Node) -> str:
    """A repository's location and state, in a few words."""
    if node.location is None or node.fetched is None:
        return "this repository"
    if node.overridden:
        return f"{node.location.text} (override)"
    rev, sha256 = node.fetched.rev, node.fetched.sha256
    state = rev[:12] if rev else f"tree {sha256[:12]}" if sha256 else "a folder"
    return f"{node.location.text} {state}" + (" (live)" if node.fetched.is_live else "")


def to_json(composition: Composition) -> dict[str, Any]:
    """Sources and repositories as JSON."""
    return {
        "sources": {
            name: _source_to_json(source, {}) for name, source in composition.sources.items()
        },
        "nodes": {name: _node_to_json(node) for name, node in composition.nodes.items()},
    }


def export(composition: Composition, target: Path) -> int:
    """Copy every composed file to `target/<source>/<name>`, with an index; how many.

    Of two files with one name in a source, the later one gets its repository's name in front. The
    folder appears whole. Raises CannotWrite if it exists and is not empty.
    """
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CannotWrite(
            f"{target} is not empty",
            why="an export would mix with what is there",
            mend="name a new folder, or empty this one",
        )
    make_folder(target.parent)
    made = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    amount = 0
    try:
        index: dict[str, Any] = {}
        for name, source in composition.sources.items():
            places = _export_places(source)
            for file, place in places.items():
                with disk_errors(made / place):
                    (made / place).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file.path, made / place)
            amount += len(places)
            index[name] = _source_to_json(source, places)
        text = json.dumps({"sources": index}, indent=2, sort_keys=True, ensure_ascii=False)
        (made / INDEX_NAME).write_text(text + "\n", "utf-8")
        made.chmod(0o755)
        with disk_errors(target):
            if target.is_dir():
                target.rmdir()
            made.rename(target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    sync_folder(target.parent)
    return amount


def _export_places(source: ComposedSource) -> dict[FileRef, str]:
    """Where each file of a source goes, relative to the export."""
    suffix = stored_suffix(source.format)
    places: dict[FileRef, str] = {}
    taken: set[str] = set()
    for file in dict.fromkeys(source.files()):
        name = file.name if file.name.casefold() not in taken else f"{file.node}__{file.name}"
        number = 2
        while name.casefold() in taken:
            name, number = f"{file.node}__{number}__{file.name}", number + 1
        taken.add(name.casefold())
        places[file] = f"{source.name}/{name}{suffix}"
    return places


def _describe_file(file: FileRef, nodes: Mapping[str, Node]) -> str:
    origin = "/".join(file.origin) or "own"
    where = f", {describe_node(nodes[file.node])}" if file.origin else ""
    return f"{origin}{where}, {file.sha256[:12]}"


def _source_to_json(source: ComposedSource, places: Mapping[FileRef, str]) -> dict[str, Any]:
    def to_entry(file: FileRef) -> dict[str, Any]:
        return {
            "name": file.name,
            "path": places.get(file, str(file.path)),
            "sha256": file.sha256,
            "origin": list(file.origin),
            "node": file.node,
            "source": file.source,
        }

    return {
        "format": source.format,
        "overridden": source.overridden,
        "files_list": [to_entry(file) for file in source.files_list],
        "files_dict": {
            key: [to_entry(file) for file in value] for key, value in source.files_dict.items()
        },
        "replaced": [
            {
                "key": each.key,
                "lost": [to_entry(file) for file in each.lost],
                "won": [to_entry(file) for file in each.won],
            }
            for each in source.replaced
        ],
    }


def _node_to_json(node: Node) -> dict[str, Any]:
    fetched, location = node.fetched, node.location
    return {
        "location": location.text if location is not None else None,
        "kind": location.kind if location is not None else None,
        "rev": fetched.rev if fetched is not None else None,
        "sha256": fetched.sha256 if fetched is not None else None,
        "live": fetched.is_live if fetched is not None else False,
        "overridden": node.overridden,
        "parents": dict(node.parents),
    }
