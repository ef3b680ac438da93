"""The mark that Dagster knows all of a published dataset, so that it need not be asked.

`STATE_DIR/told/<name>.json`:

    {"version": 1, "manifest": "9f3c...", "instance": "77aa..."}

    manifest: sha256 of the dataset's manifest when it was told
    instance: which of Dagster's instances was told: its settings, and its database

Asking costs the import of Dagster, several times as much as everything else that is done for a
dataset that is finished. Without a mark, or with another one, Dagster is asked.
"""

import hashlib
from pathlib import Path

from hugflow.late_dataclass import dataclass
from hugflow.stages.build.build import Build
from hugflow.store.atomic import read_file
from hugflow.store.layout import DAGSTER_CONFIG, Places, dagster_folders
from hugflow.store.records import RecordForm

# Where Dagster's own storage keeps the events of all assets, below its base folder.
INDEX_DATABASE = Path("history") / "runs" / "index.db"


@dataclass(frozen=True, slots=True)
class Told:
    """What was told, and to whom; see the module."""

    manifest: str
    instance: str


TOLD = RecordForm(
    Told, "the mark", version=1, mend="delete the file: Dagster is asked again", is_compact=True
)


def is_told(build: Build, root: Path, home: str | None = None) -> bool:
    """Whether Dagster was told all of the dataset as it is published now.

    root: of the project. home: DAGSTER_HOME.
    """
    mark = _mark(build, root, home)
    return mark is not None and TOLD.read(build.places.told(build.name)) == mark


def mark_told(build: Build, root: Path, home: str | None = None) -> None:
    """Note that Dagster knows all of the dataset as it is published now."""
    mark = _mark(build, root, home)
    if mark is not None:
        TOLD.write(build.places.told(build.name), mark)


def forget_told(places: Places, name: str) -> None:
    """Delete the mark: Dagster forgets a dataset that is removed."""
    places.told(name).unlink(missing_ok=True)


def _mark(build: Build, root: Path, home: str | None) -> Told | None:
    """The mark of the present; None where Dagster's database is not a file that we know."""
    config, base = dagster_folders(root, home)
    try:
        database = (base / INDEX_DATABASE).stat()
        manifest = read_file(build.final_folder.manifest)
        settings = (
            (config / DAGSTER_CONFIG).read_bytes() if (config / DAGSTER_CONFIG).is_file() else b""
        )
    except OSError:
        return None
    known = f"{base.resolve()}\0{database.st_dev}\0{database.st_ino}\0".encode() + settings
    return Told(hashlib.sha256(manifest).hexdigest(), hashlib.sha256(known).hexdigest())
