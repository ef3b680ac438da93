"""The values that a run of the engine `dagster` made, by run id and asset.

    .hugflow-state/flows/values/<run id>/<asset>.value     see `value_files`
                                        /done.json         keys of assets that are made, as a list

asset: its key joined by `/`, with what is no letter or digit percent-encoded.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from hugflow.flowrider.errors import RunNotFound
from hugflow.flowrider.value_files import NoValue, read_value, write_value
from hugflow.store.atomic import write_json

SUFFIX: Final = ".value"
DONE: Final = "done.json"


def values_folder(state: Path, run_id: str) -> Path:
    """The folder of a run's values; state: `PipelinePlaces.state`."""
    return state / "values" / quote(run_id, safe="")


def write_run_value(folder: Path, asset: str, value: Any) -> bool:
    """Keep the value of an asset; False if it cannot be kept type for type."""
    return write_value(_path(folder, asset), (asset,), value)


def read_run_value(folder: Path, asset: str) -> Any:
    """The value of an asset. Raises RunNotFound, which names the assets that there are."""
    try:
        return read_value(_path(folder, asset), (asset,))
    except NoValue as error:
        names = ", ".join(list_run_values(folder)) or "none"
        raise RunNotFound(
            f"the run {unquote(folder.name)} has no value of {asset}",
            why=f"{folder} has values of: {names}",
            mend="check the name of the asset, its key joined by /, and the selection of the run",
        ) from error


def list_run_values(folder: Path) -> list[str]:
    """The assets of which a run has values."""
    if not folder.is_dir():
        return []
    return sorted(unquote(path.name.removesuffix(SUFFIX)) for path in folder.glob(f"*{SUFFIX}"))


def write_done(folder: Path, assets: Iterable[str]) -> None:
    """Record the assets that a run has made, also those without a value."""
    write_json(folder / DONE, sorted(assets))


def read_done(folder: Path) -> set[str]:
    """The assets that a run has made; those of a killed run are the ones with a value."""
    done = set(list_run_values(folder))
    try:
        recorded = json.loads((folder / DONE).read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return done
    if not isinstance(recorded, list):
        return done
    return done | {name for name in recorded if isinstance(name, str)}


def take_over(origin: Path, folder: Path) -> set[str]:
    """Copy the values of a run that is resumed; return the assets that need not be made again."""
    folder.mkdir(parents=True, exist_ok=True)
    for asset in list_run_values(origin):
        write_run_value(folder, asset, read_run_value(origin, asset))
    done = read_done(origin)
    write_done(folder, done)
    return done


def _path(folder: Path, asset: str) -> Path:
    return folder / f"{quote(asset, safe='')}{SUFFIX}"
