"""Types of steps that call code of the root: python and flow.

- {id: clean, type: python, function: "project.cleaning:clean", params: {limit: 3}}
- {id: train, type: flow, flow: example/train_flow, tag: dev}
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.steps.files import StepFiles
from hugflow.hierarchy.steps.registry import StepFields, register_step


class PythonFields(StepFields):
    """function: `module:name`, imported from the project's folder or an installed package."""

    function: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    params: dict[str, Any] = Field(default_factory=dict)


@register_step("python", PythonFields)
def call_python(data: Any, files: StepFiles, fields: PythonFields) -> Any:
    """What `function(data, files, **params)` gives."""
    module, _, name = fields.function.partition(":")
    with importable(files.root):
        try:
            function = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"there is no function {fields.function}",
                why=f"{type(error).__name__}: {error}",
                mend=f"write {name} into {module.replace('.', '/')}.py, below the project's folder",
            ) from error
        return function(data, files, **fields.params)


class FlowFields(StepFields):
    """flow: below the package's pipeline folder. package: its folder; default: the only one."""

    flow: str
    tag: str = "dev"
    package: str | None = None


@register_step("flow", FlowFields)
def run_flow_step(data: Any, files: StepFiles, fields: FlowFields) -> Any:
    """Run a flow by its YAML; it gives nothing, so the next step gets what this one got."""
    from hugflow.flowrider import run_flow

    package = files.root / fields.package if fields.package else _find_package(files.root, fields)
    run_flow(fields.flow, fields.tag, package=package)


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Import from a folder first, within the block."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))


def _find_package(root: Path, fields: FlowFields) -> Path:
    found = sorted(
        path.parents[len(Path(fields.flow).parts)]
        for path in root.glob(f"*/pipeline/{fields.flow}.py")
    )
    if len(found) != 1:
        raise ConfigError(
            f"there is no flow {fields.flow}"
            if not found
            else f"{len(found)} packages have a flow {fields.flow}",
            why=f"a flow is a file PACKAGE/pipeline/{fields.flow}.py",
            mend="correct `flow:`, or name the folder of its package with `package:`",
        )
    return found[0]
