"""The types of steps: those of Hugflow, of installed packages, and of the project itself.

A type is a pydantic model of its fields, and a function of what the previous step gave:

    class Fields(StepFields):
        default_expiration_time: int

    @register_step("update_expiration_times", Fields)
    def update(data, files, fields):
        ...
        return data

A project registers its own types in `hugflow_steps.py` beside its `hugflow.yaml`; a package names
modules that register types in the entry point group `hugflow.steps`. Modules of parents are never
imported.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.load import Project
from hugflow.hierarchy.project_config import StepConfig
from hugflow.hierarchy.steps.files import StepFiles
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name

OWN_MODULE = "hugflow_steps"
ENTRY_POINTS = "hugflow.steps"
_SHIPPED = (
    "hugflow.hierarchy.steps.data_steps",
    "hugflow.hierarchy.steps.call_steps",
    "hugflow.hierarchy.steps.update_expiration_times",
)

# What the previous step gave, its files, its fields -> what the next step gets; None passes on.
StepFunction: TypeAlias = Callable[[Any, StepFiles, Any], Any]
_Function = TypeVar("_Function", bound=StepFunction)


class StepFields(BaseModel):
    """Base of a type's fields; those that every step has (id, type, sources) are left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class StepType:
    """A type of step. fields: the model of what it takes beside id, type and sources."""

    name: str
    fields: type[StepFields]
    run: StepFunction


_TYPES: dict[str, StepType] = {}


def register_step(
    name: str, fields: type[StepFields] = StepFields
) -> Callable[[_Function], _Function]:
    """Make a function the type `name`; a later registration of the name replaces an earlier one."""

    def register(function: _Function) -> _Function:
        _TYPES[name] = StepType(name, fields, function)
        return function

    return register


def find_types(project: Project) -> dict[str, StepType]:
    """Every type that a project's steps may have. Imports `hugflow_steps.py` of its root."""
    for module in _SHIPPED:
        importlib.import_module(module)
    for entry in entry_points(group=ENTRY_POINTS):
        entry.load()
    path = project.root / f"{OWN_MODULE}.py"
    if path.is_file():
        _import_own(path, project)
    return dict(_TYPES)


def read_fields(project: Project, number: int, kind: StepType) -> StepFields:
    """The fields of a step. Raises ConfigError with the key of what its type does not take."""
    step = project.config.steps[number]
    try:
        return kind.fields.model_validate(step.model_extra or {})
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[0]
    key = str(found["loc"][0]) if found["loc"] else "type"
    names = ("id", "type", "sources", *kind.fields.model_fields)
    near = nearest_name(key, names)
    is_unknown = found["type"] == "extra_forbidden"
    raise ConfigError(
        f"step {step.id}: {key} is no field of the type {kind.name}"
        if is_unknown
        else f"step {step.id}: {found['msg']}",
        why=f"it takes {', '.join(names)}",
        mend=f"did you mean {near}?" if is_unknown and near else "correct the step",
        **project.error_place("steps", number, key),
    )


def unknown_type(project: Project, step: StepConfig, known: dict[str, StepType]) -> ConfigError:
    """The error for running a step of a type that nobody has registered."""
    number = project.config.steps.index(step)
    return ConfigError(
        f"step {step.id} has the type {step.type}, which nobody has registered, so no step was run",
        why=f"the registered types are {', '.join(sorted(known))}",
        mend=f"register it in {OWN_MODULE}.py beside {project.config_file.name}: "
        f'`@register_step("{step.type}")` above a function of (data, files, fields)',
        **project.error_place("steps", number, "type"),
    )


def _import_own(path: Path, project: Project) -> None:
    spec = importlib.util.spec_from_file_location(OWN_MODULE, path)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules[OWN_MODULE] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(
            f"{path.name} cannot be imported",
            why=f"{type(error).__name__}: {error}",
            mend="correct it: it registers the project's own types of steps",
            **project.error_place("steps"),
        ) from error
