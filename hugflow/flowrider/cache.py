"""The cache of getters: artifacts by flow, run and artifact, in files without pickle.

    FLOWRIDER_TEMP_DIR/artifacts/<sha256 of flow, run id and artifact>.value

An artifact that cannot be kept type for type, such as a set, is read anew each time. So is one
whose file is broken.
"""

import functools
import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from hugflow.errors import HugflowError
from hugflow.flowrider.environment import open_temp_dir
from hugflow.flowrider.value_files import NoValue, read_value, write_value

log = logging.getLogger(__name__)

FOLDER: Final = "artifacts"
Get: TypeAlias = Callable[[str, str, str], Any]


def cache_getter_fn(get: Get, *, root: Path | None = None) -> Get:
    """Keep what `get(flow_name, run_id, artifact)` returns.

    root: the project whose `.env` may set FLOWRIDER_TEMP_DIR; without it, the working directory.
    """

    @functools.wraps(get)
    def cached(flow_name: str, run_id: str, artifact: str) -> Any:
        key = (flow_name, str(run_id), artifact)
        path = cache_path(root or Path.cwd(), *key)
        try:
            return read_value(path, key)
        except NoValue:
            value = get(*key)
        try:
            write_value(path, key, value)
        except (OSError, HugflowError) as error:
            log.warning("%s of the run %s is not kept: %s", artifact, run_id, error)
        return value

    return cached


def cache_path(root: Path, flow_name: str, run_id: str, artifact: str) -> Path:
    """The file of an artifact in the cache."""
    name = hashlib.sha256(json.dumps([flow_name, run_id, artifact]).encode()).hexdigest()
    return open_temp_dir(root) / FOLDER / f"{name}.value"
