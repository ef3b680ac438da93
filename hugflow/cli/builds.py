"""Opening a build from the command line: settings, Hub, plan."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hugflow.cli.output import set_up_logging
from hugflow.cli.requests import read_add_request
from hugflow.settings import Project, load_project

if TYPE_CHECKING:
    from hugflow.stages.build import Build


def open_project() -> Project:
    """The project of the working directory, with its logging and the Hub's environment set up."""
    project = load_project()
    set_up_logging(project.settings.log_level, project.settings.log_format)
    project.export_hub_environment()
    return project


def open_request(project: Project, file: Path, *, wait_s: float = 0.0) -> "Build":
    """The build of a request file, planned when it was not."""
    request = read_add_request(file)
    places = project.places
    # Not before the request is known to be sound: these bring in the Hub's client.
    from hugflow.clients.hub import Hub
    from hugflow.stages.open import open_build

    hub = Hub(token=project.hf_token)
    return open_build(request, places, hub, replace(project.options, lock_wait_s=wait_s))
