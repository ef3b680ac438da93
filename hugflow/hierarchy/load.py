"""A repository's folder to its configuration, read and checked.

`hugflow.yaml`, `hugflow.yml` or `hugflow.json`, else a legacy `config.json`; never any `.py`.
"""

from collections.abc import Sequence
from dataclasses import field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.project_config import (
    FORMATS,
    KEYS,
    ParentRef,
    ProjectConfig,
    SheetsSource,
    is_foreign,
    without_nulls,
    without_unknown,
)
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.project_file import (
    LEGACY_NAME,
    NAMES,
    ProjectFile,
    parse_project_file,
    read_project_file,
)
from hugflow.show_key import show_key

CONFIG_NAMES = (*NAMES, LEGACY_NAME)
# What pydantic finds, in words for people who write YAML.
_WORDS = {
    "dict_type": "it is not a mapping of keys to values",
    "model_type": "it is not a mapping of keys to values",
    "model_attributes_type": "it is not a mapping of keys to values",
    "list_type": "it is not a list",
    "string_type": "it is not a text",
    "int_type": "it is not a whole number",
    "missing": "it is missing",
    "string_too_short": "it is empty",
}
_FIELDS = (*SheetsSource.model_fields, *ParentRef.model_fields)


@dataclass(frozen=True, slots=True)
class Project:
    """A repository with its configuration.

    root: its folder. config_file: the file that was read. input: the folder of its own data.
    trail: the path of parents from the root project; empty for the root project itself.
    foreign_sources: names of sources whose format another system reads.
    file: the project file with its lines.
    """

    root: Path
    config_file: Path
    config: ProjectConfig
    input: Path
    trail: tuple[str, ...] = ()
    foreign_sources: frozenset[str] = frozenset()
    file: ProjectFile = field(default_factory=ProjectFile)

    def line_of(self, path: Sequence[str | int]) -> int | None:
        """The line of a key, such as `("sources", "flows", "format")`."""
        node = self.file.nodes.get(str(path[0])) if path else None
        return node.line_of(path[1:]) if node is not None else None

    def error_place(self, *path: str | int) -> dict[str, Any]:
        """The arguments by which a ConfigError names a key of this repository."""
        return {
            "trail": self.trail,
            "file": self.config_file.name,
            "line": self.line_of(path),
            "key": ".".join(map(str, path)) or None,
        }


def load_project(path: str | Path = ".") -> Project:
    """Read the project in a folder. Raises ConfigError with file, line and key."""
    return read_repository(Path(path))


def read_repository(root: Path, trail: tuple[str, ...] = ()) -> Project:
    """Read a repository's configuration: strictly for the root, leniently for a parent.

    trail: the path of parents; empty for the root.
    """
    root = root.absolute()
    file = read_project_file(root, ignores_unknown=bool(trail))
    return _to_project(root, file, trail)


def parse_repository(data: bytes, name: str, trail: tuple[str, ...]) -> Project:
    """The configuration in a parent's file, before its data is stored; its root is not valid."""
    return _to_project(Path(), parse_project_file(data, name, ignores_unknown=True), trail)


def _to_project(root: Path, file: ProjectFile, trail: tuple[str, ...]) -> Project:
    if file.name is None:
        raise ConfigError(
            f"{root} has no project file",
            why=f"it has none of {', '.join(CONFIG_NAMES)}",
            mend="write a hugflow.yaml with `sources:`, by name: `sources: {speech: {format: json}}`",
            trail=trail,
        )
    _refuse_faults(file, trail)
    is_lenient = bool(trail) or file.name == LEGACY_NAME
    values: dict[str, Any] = {
        key: node.plain
        for key, node in file.nodes.items()
        if key in KEYS and node.value is not None
    }
    for key in ("parents", "sources"):
        if isinstance(values.get(key), dict):
            values[key] = {name: without_nulls(each) for name, each in values[key].items()}
    sources = values.get("sources")
    foreign: set[str] = set()
    if is_lenient and isinstance(sources, dict):
        foreign = {name for name, value in sources.items() if is_foreign(value)}
    if is_lenient:
        values = without_unknown(values, keeps_steps=not trail)
    try:
        config = ProjectConfig.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise _invalid(file, trail, found) from None
    project = Project(
        root,
        root / file.name,
        config,
        root / config.inputpath,
        trail,
        frozenset(foreign),
        file,
    )
    _check_references(project)
    if not trail:
        _check_version(project)
    return project


def _refuse_faults(file: ProjectFile, trail: tuple[str, ...]) -> None:
    for problem in file.problems:
        fault = problem.fault
        raise ConfigError(
            fault.what,
            why=fault.why,
            mend=fault.mend,
            trail=trail,
            file=file.name,
            line=problem.line,
        )
    if file.name == LEGACY_NAME and not file.nodes and file.warnings:
        raise ConfigError(
            file.warnings[0],
            why="nothing of the file could be read",
            mend="write JSON: one object with keys and values",
            trail=trail,
        )


def _invalid(file: ProjectFile, trail: tuple[str, ...], found: ErrorDetails) -> ConfigError:
    """The error for the first value that the schema refuses."""
    # Beside keys, pydantic names the format of a source and the type of a union in a place.
    names = {*FORMATS, "str", "constrained-str", "list[constrained-str]", "[key]"}
    path = list(found["loc"])
    if len(path) > 2 and path[0] == "sources" and path[2] in FORMATS:
        del path[2]
    while path and str(path[-1]) in names and len(path) > 1:
        path.pop()
    node = file.nodes.get(str(path[0])) if path else None
    line = node.line_of(path[1:]) if node is not None else None
    message = _WORDS.get(found["type"]) or found["msg"].removeprefix("Value error, ")
    mend = "correct the value of this field"
    if found["type"] == "extra_forbidden":
        message = f"{show_key(str(path[-1]))} is an unknown key"
        near = nearest_name(str(path[-1]), _FIELDS)
        mend = f"did you mean {near}?" if near else "delete it"
    elif found["type"] == "union_tag_invalid" or found["type"] == "union_tag_not_found":
        message = "the source has no format that is read here"
        mend = f"write `format:` with one of {', '.join(FORMATS)}"
    key = ".".join(str(part) if isinstance(part, int) else show_key(part) for part in path)
    return ConfigError(
        message,
        why="the configuration would otherwise not mean what it says",
        mend=mend,
        trail=trail,
        file=file.name,
        line=line,
        key=key,
    )


def _check_references(project: Project) -> None:
    """Refuse references to parents and sources that the file does not declare."""
    config = project.config
    for name, source in config.sources.items():
        for number, reference in enumerate(source.parent_sources):
            parent = reference.partition(".")[0]
            if parent not in config.parents:
                near = nearest_name(parent, config.parents)
                raise ConfigError(
                    f"there is no parent {parent}",
                    why=f"`parents:` has {', '.join(config.parents) or 'nothing'}",
                    mend=f"did you mean {near}?" if near else f"add {parent} to `parents:`",
                    **project.error_place("sources", name, "parent_sources", number),
                )
        if getattr(source, "subformat", None) == "google_sheets" and source.files_archive:
            raise ConfigError(
                "an archive cannot be given for Google Sheets",
                why="each sheet is fetched by its id",
                mend="delete files_archive, or choose the subformat of the files in the archive",
                **project.error_place("sources", name, "files_archive"),
            )
    seen: set[str] = set()
    for number, step in enumerate(config.steps):
        if step.id in seen:
            raise ConfigError(
                f"two steps have the id {show_key(step.id)}",
                why="a step's id names its output",
                mend="give each step an id of its own",
                **project.error_place("steps", number, "id"),
            )
        seen.add(step.id)
        for source_name in step.sources:
            if source_name not in config.sources and source_name not in project.foreign_sources:
                near = nearest_name(source_name, config.sources)
                raise ConfigError(
                    f"step {show_key(step.id)} names the source {source_name}, which is undefined",
                    why=f"`sources:` has {', '.join(config.sources) or 'nothing'}",
                    mend=f"did you mean {near}?" if near else "define it below `sources:`",
                    **project.error_place("steps", number, "sources"),
                )


def _check_version(project: Project) -> None:
    """Refuse a project that is written for a later version, or for another major one."""
    wanted = project.config.meta.get("pipeline_version")
    if wanted is None:
        return
    installed = Version(version("hugflow"))
    place = project.error_place("meta", "pipeline_version")
    try:
        asked = Version(str(wanted))
    except InvalidVersion:
        raise ConfigError(
            "it is no version",
            why="it says which Hugflow the project was written for",
            mend=f"write {str(installed)!r}",
            **place,
        ) from None
    if asked > installed or asked.major != installed.major:
        raise ConfigError(
            f"the project is written for version {asked}",
            why=f"version {installed} is installed",
            mend=f"install hugflow {asked}, or write {str(installed)!r} once the project fits it",
            **place,
        )
