"""Where the results of steps are written.

Of a published dataset, those of a changed step lie beside the published ones and take their place
when the dataset is published again. So a step that fails costs nothing of what is published.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from hugflow.stages.build.build import Build
from hugflow.stages.flowing.resolved import ResolvedStep
from hugflow.stages.tree.exchange import refuse_linked
from hugflow.stages.tree.flow_files import next_steps_folder, step_folder
from hugflow.stages.tree.manifest import read_manifest
from hugflow.store.atomic import disk_errors, make_folder, read_file, sync_folder, write_file

# The version of the results in a folder that took, or will take, the place of others.
_VERSION: Final = ".version"


def find_step_places(build: Build, steps: Sequence[ResolvedStep]) -> dict[str, Path]:
    """The folder of each step's results, by the step's name.

    Raises CannotWrite for a link in the place of one of them.
    """
    published = _published_versions(build) if steps else {}
    places: dict[str, Path] = {}
    for step in steps:
        place = step_folder(build.folder, step.name)
        refuse_linked(build.places, place)
        found = _read_version(place) or published.get(step.name)
        if found not in (None, step.version):
            place = next_steps_folder(build.folder) / step.name
            refuse_linked(build.places, place)
        places[step.name] = place
    return places


def prepare_step_places(
    build: Build, steps: Sequence[ResolvedStep], places: Mapping[str, Path]
) -> None:
    """Make the folders; results of a version that was never published are deleted."""
    for step in steps:
        place = places[step.name]
        if is_next(build, place) and _read_version(place) != step.version:
            with disk_errors(place):
                shutil.rmtree(place, ignore_errors=True)
            make_folder(place)
            write_file(place / _VERSION, f"{step.version}\n")
        make_folder(place)


def take_step_places(build: Build, places: Mapping[str, Path]) -> None:
    """Put the results of changed steps in the place of those that are published.

    A kill leaves the old or the new ones in the place, or none, and then the new ones beside it.
    """
    for name, place in places.items():
        if not is_next(build, place):
            continue
        target = step_folder(build.folder, name)
        with disk_errors(target):
            old = place.with_name(f".old-{name}")
            shutil.rmtree(old, ignore_errors=True)
            if target.is_dir():
                target.rename(old)
            place.rename(target)
            sync_folder(target.parent)


def is_next(build: Build, place: Path) -> bool:
    """Whether a folder is that of results which are not published yet."""
    return place.parent == next_steps_folder(build.folder)


def _published_versions(build: Build) -> dict[str, str]:
    manifest = read_manifest(build.folder.manifest)
    flows = manifest.flows if manifest is not None else None
    return {step.name: step.version for step in flows.steps} if flows is not None else {}


def _read_version(place: Path) -> str | None:
    try:
        return read_file(place / _VERSION).decode().strip()
    except (OSError, ValueError):
        return None
