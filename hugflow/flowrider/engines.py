"""Which engine a flow file is written for: its text is looked at, and it is not run."""

import ast
from pathlib import Path

from hugflow.flowrider.config import Engine, FlowConfig
from hugflow.flowrider.errors import FlowConfigError


def choose_engine(config: FlowConfig, flow_path: Path) -> Engine:
    """The config's engine; else metaflow if the file defines a FlowSpec, else dagster.

    Raises FlowConfigError for a file that is not Python.
    """
    if config.engine is not None:
        return config.engine
    return "metaflow" if find_flow_class(flow_path) is not None else "dagster"


def find_flow_class(flow_path: Path) -> str | None:
    """The name of the FlowSpec that a file defines; None if it defines none."""
    try:
        tree = ast.parse(flow_path.read_bytes(), filename=flow_path.name)
    except (SyntaxError, ValueError) as error:
        raise FlowConfigError(
            f"{flow_path} cannot be read",
            why=f"it is not Python: {error}",
            mend="fix the file; `python FILE` shows the place",
        ) from error
    for statement in ast.walk(tree):
        if isinstance(statement, ast.ClassDef) and any(map(_is_spec, statement.bases)):
            return statement.name
    return None


def _is_spec(base: ast.expr) -> bool:
    name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
    return str(name).endswith("FlowSpec")
