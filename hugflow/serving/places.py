"""A project's own user and server: which seed, which address.

STATE_DIR/serving/                  the folder of the project's own server (`hugflow.serving.server`)
                  users/main.seed   the project's user, when `user_seed` names none
"""

from pathlib import Path

from hugflow.errors import FlowServerUnavailable
from hugflow.flows.project_key import ServingConfig
from hugflow.late_dataclass import dataclass
from hugflow.serving.colink import CoLink, Project
from hugflow.serving.keys import read_seed
from hugflow.serving.server import FlowServer

OWN_USER = "main"
SERVER_FOLDER = "serving"


@dataclass(frozen=True, slots=True)
class ProjectServing:
    """Where the served flows of a project are. state_dir: STATE_DIR of the settings."""

    project: Project
    config: ServingConfig
    state_dir: Path

    @property
    def server_folder(self) -> Path:
        """The folder of the project's own server."""
        return self.state_dir / SERVER_FOLDER

    @property
    def has_own_server(self) -> bool:
        """Whether the project uses a server on this machine."""
        return self.config.server is None

    @property
    def seed_file(self) -> Path:
        """The secret of the project's user."""
        if self.config.user_seed is None:
            return self.server_folder / "users" / f"{OWN_USER}.seed"
        return self.project.root / Path(self.config.user_seed).expanduser()

    def server(self, host: str | None = None, port: int | None = None) -> FlowServer:
        """The project's own server, where it was the last time; it may not run."""
        return FlowServer(self.server_folder, host, port)

    def connect(self) -> CoLink:
        """A client for the project's user. Raises FlowServerUnavailable and SettingInvalid."""
        url = self.config.server
        if url is None:
            if not self.server_folder.is_dir():
                raise FlowServerUnavailable(
                    "no server of flows runs for this project",
                    why=f"{self.server_folder} is not there, and hugflow.yaml names no server",
                    mend="start one with `hugflow flows up`, or write flows: server: into "
                    "hugflow.yaml",
                )
            url = self.server().url
        return CoLink(url, read_seed(self.seed_file), project=self.project)
