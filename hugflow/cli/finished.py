"""The answer of `local-sync` on datasets that are finished: from a mark, without a full look."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.project_root import LOCAL_FILE_NAME, PROJECT_FILES, find_root
from hugflow.stages.standing.finished import Finished, Inputs, find_finished, write_finished
from hugflow.store.layout import DAGSTER_CONFIG, Places, dagster_folders

if TYPE_CHECKING:
    from hugflow.requests.collect import AddFile
    from hugflow.requests.model import AddRequest
    from hugflow.settings import ProjectSettings

_OUTSIDE_SETTINGS = ("HUGFLOW_HOME", "DAGSTER_HOME")


def find_answers(
    wanted: Sequence[str], environ: Mapping[str, str], *, is_reported: bool
) -> list[Finished] | None:
    """The marks of request files, with the paths as they were typed; None unless all have one.

    is_reported: Dagster must know all of each too.
    """
    root = find_root(Path.cwd(), environ)
    if root is None:
        return None
    answers: list[Finished] = []
    for typed in wanted:
        path = Path(typed)
        mark = find_finished(root, path, environ)
        if mark is None or (is_reported and not mark.is_told):
            return None
        answers.append(replace(mark, entry={**mark.entry, "request": str(path)}))
    return answers or None


@dataclass(frozen=True, slots=True)
class Draft:
    """A mark to be left, if the look that comes now finds nothing to do."""

    root: Path
    inputs: Inputs
    of_inputs: str
    views: tuple[str, ...]
    log: tuple[str, str]

    def leave(self, add: "AddFile", entry: Mapping[str, Any], *, is_told: bool) -> None:
        """Leave the mark. Without it the next look is a full one, so errors are not shown."""
        mark = Finished(self.inputs, self.views, is_told, self.log, entry)
        with suppress(OSError, HugflowError):
            write_finished(self.root, Path(add.path), mark, self.of_inputs)


def draft_mark(
    project: "ProjectSettings", add: "AddFile", environ: Mapping[str, str]
) -> Draft | None:
    """A draft for a request whose dataset seems to be finished, before it is looked at.

    None if the answer depends on more than a mark can name: on code of row steps, on the project's
    sources, on the Hub, or on the words of a warning; and where the file asks for more than this
    dataset.
    environ: as the command found it.
    """
    from hugflow.settings_model import NAMES, SECRETS
    from hugflow.stages.tree.manifest import read_manifest

    root, places, name = project.root, project.places, add.request.name
    if root is None or project.warnings or project.file.nodes.keys() & {"sources", "parents"}:
        return None
    if add.request.flows or not Path(add.path).is_file() or Path(add.path).is_symlink():
        return None
    if not _asks_for_it_alone(Path(add.path), add.request):
        return None
    if read_manifest(places.dataset(name).manifest) is None:
        return None
    home = environ.get("DAGSTER_HOME")
    inputs = Inputs(
        folders=_folders(root, places, name),
        files=_files(root, places, add, home),
        identities=(_database(root, home),),
        names=(*sorted(NAMES.keys() - SECRETS), *_OUTSIDE_SETTINGS),
    )
    try:
        of_inputs = inputs.digest(environ)
    except OSError as error:
        logging.getLogger(__name__).debug("no mark for %s: %s", name, error)
        return None
    views = (str(places.progress(name)), str(places.notice(name)))
    settings = project.settings
    return Draft(root, inputs, of_inputs, views, (settings.log_level, settings.log_format))


def _asks_for_it_alone(file: Path, request: "AddRequest") -> bool:
    """Whether a request is what its file says, and not one of several."""
    from hugflow.requests.read import read_request

    try:
        return read_request(file) == request
    except HugflowError:
        return False


def _folders(root: Path, places: Places, name: str) -> tuple[str, ...]:
    import hugflow

    code, state = Path(hugflow.__file__).parent, places.state_folders(name)
    found = (root / "requests", code, places.dataset(name).root, state["plans"], state["ledger"])
    return tuple(map(str, found))


def _files(root: Path, places: Places, add: "AddFile", home: str | None) -> tuple[str, ...]:
    name = add.request.name
    config, _ = dagster_folders(root, home)
    of_project = (".env", LOCAL_FILE_NAME, "config.json", *PROJECT_FILES)
    found = (
        Path(add.path).absolute(),
        *(root / each for each in of_project),
        config / DAGSTER_CONFIG,
        places.link(name),
        places.next_trees(name),
        places.removed(name),
        places.kept(name),
        places.retry(name),
        places.told(name),
        places.obstacle(name),
    )
    return tuple(map(str, found))


def _database(root: Path, home: str | None) -> str:
    from hugflow.stages.telling.told import INDEX_DATABASE

    _, base = dagster_folders(root, home)
    return str(base / INDEX_DATABASE)
