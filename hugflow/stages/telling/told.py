"""The mark that Dagster knows all of a published dataset, so that it need not be asked.

`STATE_DIR/told/<name>.json`:

    {"version": 1, "manifest": "9f3c...", "instance": "77aa..."}

    manifest: sha256 of the dataset's manifest when it was told
    instance: which of Dagster's instances was told: its settings, and its database

Asking costs the import of Dagster, several times as much as everything else that is done for a
dataset that is finished. Without a mark, or with another one, Dagster is asked.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from hugflow.stages.build.build import Build
from hugflow.store.atomic import read_file
from hugflow.store.layout import Places
from hugflow.store.records import RecordForm

CONFIG_FILE = "dagster.yaml"
# Where Dagster's own storage keeps the events of all assets, below its base folder.
INDEX_DATABASE = Path("history") / "runs" / "index.db"
BASE_FOLDER = Path(".hugflow-state") / "dagster"


@dataclass(frozen=True, slots=True)
class Told:
    """What was told, and to whom; see the module."""

    manifest: str
    instance: str


TOLD = RecordForm(
    Told, "the mark", version=1, mend="delete the file: Dagster is asked again", is_compact=True
)


def is_told(build: Build, project_root: Path) -> bool:
    """Whether Dagster was told all of the dataset as it is published now."""
    mark = _mark(build, project_root)
    return mark is not None and TOLD.read(build.places.told(build.name)) == mark


def mark_told(build: Build, project_root: Path) -> None:
    """Note that Dagster knows all of the dataset as it is published now."""
    mark = _mark(build, project_root)
    if mark is not None:
        TOLD.write(build.places.told(build.name), mark)


def forget_told(places: Places, name: str) -> None:
    """Delete the mark: Dagster forgets a dataset that is removed."""
    places.told(name).unlink(missing_ok=True)


def _mark(build: Build, project_root: Path) -> Told | None:
    """The mark of the present; None where Dagster's database is not a file that we know."""
    home = os.environ.get("DAGSTER_HOME")
    config, base = (Path(home),) * 2 if home else (project_root, project_root / BASE_FOLDER)
    try:
        database = (base / INDEX_DATABASE).stat()
        manifest = read_file(build.final_folder.manifest)
        settings = (config / CONFIG_FILE).read_bytes() if (config / CONFIG_FILE).is_file() else b""
    except OSError:
        return None
    known = f"{base.resolve()}\0{database.st_dev}\0{database.st_ino}\0".encode() + settings
    return Told(hashlib.sha256(manifest).hexdigest(), hashlib.sha256(known).hexdigest())
