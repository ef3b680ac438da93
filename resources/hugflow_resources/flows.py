"""The project's user of served flows, for assets, checks and sensors."""

from pathlib import Path

import dagster as dg

from hugflow.flows.project_key import ServingConfig, serving_of
from hugflow.hierarchy.inherited_allow import composed_trust
from hugflow.project_file import read_project_file
from hugflow.serving.colink import CoLink, Project
from hugflow.serving.places import ProjectServing


class FlowsResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # it gives itself
    """Connects as the project's user. Its secret stays in its file, and in no configuration.

    root: of the project, whose `hugflow.yaml` names server, user and endpoints.
    """

    root: str
    state_dir: str

    @property
    def config(self) -> ServingConfig:
        """What `hugflow.yaml` says of served flows, as it is now."""
        return serving_of(read_project_file(Path(self.root)))

    def connect(self) -> CoLink:
        """A client, to be closed. Raises FlowServerUnavailable."""
        root = Path(self.root)
        project = Project(root, composed_trust(root, read_project_file(root)))
        return ProjectServing(project, self.config, Path(self.state_dir)).connect()
