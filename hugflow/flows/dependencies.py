"""What a project or a module asks for, read without running a line of its code.

    dependencies = [{"url": "saibo/ChatFlows", "revision": "main", "overwrite": False}]

A project hands such a list to `sync_dependencies`. A module has it, as a literal, at the top level of
any of its `.py` files; there it is read from the syntax tree.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hugflow.errors import FlowModuleIdInvalid, FlowModuleRefused
from hugflow.flows.module_files import is_ignored, walk_files
from hugflow.flows.names import (
    DEFAULT_REVISION,
    ModuleId,
    is_local,
    parse_module_id,
    parse_revision,
)
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.store.atomic import disk_errors, read_file

VARIABLE = "dependencies"
KEYS = ("url", "revision", "overwrite")
MAX_DEPENDENCIES = 200
# Longer files are generated ones; parsing takes about 40 times a file's size in memory.
MAX_SOURCE_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Dependency:
    """One module that is asked for.

    asked_by: the module whose list it is in; None for the project's own list.
    """

    module: ModuleId
    revision: str = DEFAULT_REVISION
    overwrite: bool = False
    asked_by: ModuleId | None = None

    def __str__(self) -> str:
        """Give `user/repo:revision`."""
        return f"{self.module}:{self.revision}"

    @property
    def is_local(self) -> bool:
        """Whether a folder on this machine is asked for."""
        return is_local(self.revision)


def parse_dependencies(
    entries: object, *, overwrite: bool = False, asked_by: ModuleId | None = None
) -> list[Dependency]:
    """Read a list of dependencies. Raises FlowModuleIdInvalid, a ValueError.

    overwrite: what an entry has that does not say.
    """
    if not isinstance(entries, Sequence) or isinstance(entries, str | bytes):
        raise _malformed("dependencies are a list of mappings")
    if len(entries) > MAX_DEPENDENCIES:
        raise _malformed(f"there are {len(entries):,} dependencies, more than {MAX_DEPENDENCIES}")
    return [_parse_entry(entry, overwrite, asked_by) for entry in entries]


def read_dependencies(folder: Path, module: ModuleId) -> list[Dependency]:
    """What the files of a module ask for, in the order of their paths; nothing is imported.

    Raises FlowModuleRefused, naming the file, for a list that is not a literal or is malformed.
    """
    found: dict[Dependency, None] = {}
    for path in sorted(walk_files(folder)):
        # Python imports nothing from a hidden folder, and a linked one may hold an environment there.
        is_hidden = any(part.startswith(".") for part in path.parts)
        if path.suffix == ".py" and not is_hidden and not is_ignored(path):
            found |= dict.fromkeys(_read_source(folder / path, f"{module}: {path}", module))
    return list(found)


def _read_source(path: Path, what: str, module: ModuleId) -> Iterator[Dependency]:
    with disk_errors(path, "read"):
        source = read_file(path) if path.stat().st_size <= MAX_SOURCE_BYTES else b""
    if VARIABLE.encode() not in source:
        return
    try:
        statements = ast.parse(source, filename=str(path)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FlowModuleRefused(
            f"{what} cannot be read as Python",
            why=f"{type(error).__name__}: {error}",
            mend="tell the module's owner; a module with this file cannot be imported either",
        ) from error
    for statement in statements:
        value = _assigned_value(statement)
        if value is None:
            continue
        try:
            entries = ast.literal_eval(value)
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            raise FlowModuleRefused(
                f"{what}, line {statement.lineno}: the dependencies are not a literal list",
                why="they are read without running the file, so nothing in them may be computed",
                mend='write them out: dependencies = [{"url": "user/repo", "revision": "main"}]',
            ) from error
        if not _is_of_modules(entries):
            continue
        try:
            asked = parse_dependencies(entries, asked_by=module)
        except FlowModuleIdInvalid as error:
            raise FlowModuleRefused(
                f"{what}, line {statement.lineno}: {error.what}", why=error.why, mend=error.mend
            ) from error
        # A stranger's list does not discard what somebody changed here.
        yield from (replace(each, overwrite=False) for each in asked)


def _assigned_value(statement: ast.stmt) -> ast.expr | None:
    """The value of a statement that sets `dependencies`, or adds to it; None for any other."""
    match statement:
        case ast.Assign(targets=targets, value=value):
            is_set = any(isinstance(each, ast.Name) and each.id == VARIABLE for each in targets)
            return value if is_set else None
        case (
            ast.AnnAssign(target=ast.Name(id=name), value=value)
            | ast.AugAssign(target=ast.Name(id=name), value=value)
        ) if name == VARIABLE:
            return value
        case _:
            return None


def _is_of_modules(entries: object) -> bool:
    """Whether a literal called `dependencies` is about flow modules: any word may be a variable."""
    return isinstance(entries, list | tuple) and any(
        isinstance(entry, dict) and "url" in entry for entry in entries
    )


def _parse_entry(entry: object, overwrite: bool, asked_by: ModuleId | None) -> Dependency:
    if not isinstance(entry, Mapping):
        raise _malformed(f"a dependency is a mapping, not {type(entry).__name__}")
    for key in entry:
        if key not in KEYS:
            near = nearest_name(str(key), KEYS)
            raise _malformed(f"a dependency has no key {str(key)[:80]!r}", near)
    if "url" not in entry:
        raise _malformed("a dependency needs a url")
    module = parse_module_id(entry["url"])
    revision = entry.get("revision")
    asked_overwrite = entry.get("overwrite", False)
    if not isinstance(asked_overwrite, bool):
        raise _malformed(f"{module}: overwrite is true or false")
    return Dependency(
        module,
        DEFAULT_REVISION if revision is None else parse_revision(revision, module),
        asked_overwrite or overwrite,
        asked_by,
    )


def _malformed(what: str, near: str | None = None) -> FlowModuleIdInvalid:
    return FlowModuleIdInvalid(
        what,
        why='an entry is {"url": "user/repo", "revision": "main", "overwrite": False}; only url is '
        "required",
        mend=f"did you mean {near!r}?" if near else "write it like that",
    )
