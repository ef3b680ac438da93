"""Reading the YAML files of flows, under the name that the notebooks import."""

from pathlib import Path
from typing import Any

import yaml

from hugflow.store.atomic import read_file


def read_yaml_file(path: str | Path, most_bytes: int = 1 << 20) -> Any:
    """The value in a YAML file. Raises OSError and yaml.YAMLError."""
    return yaml.safe_load(read_file(Path(path), most_bytes))
