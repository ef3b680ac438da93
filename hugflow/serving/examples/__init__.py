"""Example flows, which `hugflow flows init --examples` copies into a project."""

import shutil
from pathlib import Path

MODULE = "ReverseNumberFlowModule"
_FOLDER = Path(__file__).parent


def copy_examples(folder: Path) -> Path | None:
    """Copy the example flows into a folder; None where something of that name is there."""
    target = folder / MODULE
    if target.exists():
        return None
    shutil.copytree(_FOLDER / MODULE, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target
