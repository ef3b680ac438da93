"""A project's own user and server: which seed, which address.

STATE_DIR/serving/                  the folder of the project's own server (`hugflow.serving.server`)
                  users/main.seed   the project's user, when `user_seed` names none
"""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from hugflow.errors import FlowServerUnavailable, UsageWrong
from hugflow.flows.project_key import ServingConfig, serving_of, trust_of
from hugflow.flows.trust import Allowed, with_entries
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.project_file import ProjectFile
from hugflow.serving.colink import CoLink, Project
from hugflow.serving.keys import is_user_id, read_or_make_seed, read_seed, user_id_of
from hugflow.serving.records import LOCAL
from hugflow.serving.server import FlowServer
from hugflow.serving.tls import Certificate, TlsTrust

OWN_USER = "main"
SERVER_FOLDER = "serving"
DEFAULT_PORT = 4222
LOOPBACK = ("127.0.0.1", "localhost")


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
        """Whether the project's server may be run by `hugflow flows up` on this machine."""
        return self.config.server is None or self.own_address is not None

    @property
    def own_address(self) -> tuple[str, int] | None:
        """Host and port of `server:` when it is this machine's own address."""
        if self.config.server is None:
            return None
        try:
            parts = urlsplit(self.config.server)
            host, port = parts.hostname, parts.port or DEFAULT_PORT
        except ValueError:
            return None
        return (host, port) if host in LOOPBACK else None

    @property
    def seed_file(self) -> Path:
        """The secret of the project's user."""
        if self.config.user_seed is None:
            return self.server_folder / "users" / f"{OWN_USER}.seed"
        return self.project.root / Path(self.config.user_seed).expanduser()

    def server(self, host: str | None = None, port: int | None = None) -> FlowServer:
        """The project's own server, where it was the last time; it may not run."""
        if port is None and self.own_address is not None:
            port = self.own_address[1]
        return FlowServer(self.server_folder, host, port)

    def find_certificate(self, cert: Path | None, key: Path | None) -> Certificate | None:
        """The certificate of the own server: of files, else of the project file.

        Raises UsageWrong for one file without the other.
        """
        folder = Path()
        if cert is None and key is None:
            folder = self.project.root
            cert = Path(self.config.tls_cert) if self.config.tls_cert is not None else None
            key = Path(self.config.tls_key) if self.config.tls_key is not None else None
        if cert is None and key is None:
            return None
        if cert is None or key is None:
            raise UsageWrong(
                "a certificate is given without its key, or a key without its certificate",
                why="the server needs both for TLS",
                mend="give --cert FILE and --key FILE, or tls_cert: and tls_key: below flows:",
            )
        return Certificate(*((folder / each.expanduser()).absolute() for each in (cert, key)))

    def find_trust(self) -> TlsTrust | None:
        """Whose certificate the server must have; None for one that this machine trusts."""
        if self.config.tls_ca is not None:
            return TlsTrust(self.project.root / Path(self.config.tls_ca).expanduser())
        is_here = self.has_own_server and self.server_folder.is_dir()
        return self.server().trust if is_here else None

    def admit_own_user(self, server: FlowServer) -> None:
        """Let the project's user connect; its seed is made if it is missing."""
        own_id = user_id_of(read_or_make_seed(self.seed_file))
        present = server.user_ids()
        if own_id in present.values():
            return
        names = (OWN_USER, *(f"{OWN_USER}-{number}" for number in range(2, len(present) + 3)))
        server.add_user(next(name for name in names if name not in present), own_id)

    def find_id(self, user: str) -> str:
        """The id that an id, `local` or a name means. Raises UsageWrong for an unknown name."""
        names = {**self._ids_on_own_server(), **self.config.users}
        user_id = names.get(user, user)
        if user_id == LOCAL or is_user_id(user_id):
            return user_id
        if user in names:
            raise UsageWrong(
                f"the user {user[:80]} has no id that can be one",
                why=f"flows: users: in hugflow.yaml says {user_id[:80]}; an id has a checksum",
                mend="copy it whole from `hugflow flows user list` of the one who made the key",
            )
        near = nearest_name(user, names)
        raise UsageWrong(
            f"there is no user {user[:80]}",
            why="it is no id, no name below flows: users: in hugflow.yaml, and no user of this "
            "project's server",
            mend=f"did you mean {near}?" if near else "check the name: `hugflow flows user list`",
        )

    def find_ids(self, allow: Sequence[str] | None) -> tuple[str, ...] | None:
        """The ids of those who are allowed; None for everyone, as "*" says. Raises UsageWrong."""
        found = self.config.ids_of(allow)
        return tuple(map(self.find_id, found)) if found is not None else None

    def _ids_on_own_server(self) -> dict[str, str]:
        is_there = self.has_own_server and self.server_folder.is_dir()
        return self.server().user_ids() if is_there else {}

    def connect(self) -> CoLink:
        """A client for the project's user. Raises FlowServerUnavailable and SettingInvalid."""
        url = self.find_url()
        seed = read_seed(self.seed_file)
        return CoLink(url, seed, project=self.project, trust=self.find_trust())

    def find_url(self) -> str:
        """The address of the project's server. Raises FlowServerUnavailable without any."""
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
        return url


def serving_at(
    root: Path, file: ProjectFile, state_dir: Path, inherited: Sequence[Allowed] = ()
) -> ProjectServing:
    """The served flows of a project. Raises SettingInvalid.

    inherited: the entries of parents that its allow list takes over.
    """
    trust = with_entries(trust_of(file), inherited)
    return ProjectServing(Project(root, trust), serving_of(file), state_dir)
