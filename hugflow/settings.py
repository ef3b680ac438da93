"""Settings: the values in force in a project, and the origin of each.

The first source that has a name gives its value: the environment, `.env` in the project root,
`settings:` in the project file (`hugflow.yaml`), the default. Only shells read settings; they pass
plain values on. Relative paths are relative to the project root, never to the working directory.
"""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from hugflow.errors import SettingInvalid
from hugflow.flows.project_key import allow_parents_of, serving_of, trust_of
from hugflow.flows.trust import Trust
from hugflow.late_dataclass import dataclass
from hugflow.nearest import VERY_ALIKE, nearest_name
from hugflow.project_file import ProjectFile, read_local_file, read_project_file
from hugflow.project_root import PROJECT_FILES, find_root
from hugflow.redact import remember
from hugflow.requests.grammar import BYTES_PER_GB
from hugflow.requests.policy import Policy, policy_of
from hugflow.settings_files import NotPlain, SettingsFile, read_dotenv, to_settings
from hugflow.settings_model import NAMES, SECRETS, Settings, default_text, what_it_takes
from hugflow.show_key import show_key
from hugflow.stages.build.options import Options
from hugflow.store.layout import Places

if TYPE_CHECKING:
    from hugflow.clients.remote import Remote
    from hugflow.notify.senders import Senders

GH_TIMEOUT_S = 5.0
_PLAIN_NAME = re.compile(r"[A-Z]+(?:_[A-Z]+)*")

FileOrigin = Literal["hugflow.yaml", "hugflow.yml", "hugflow.json"]
Origin = Literal["environment", ".env", "default"] | FileOrigin
PROJECT_FILE_ORIGINS: tuple[FileOrigin, ...] = get_args(FileOrigin)


class SettingsInvalid(SettingInvalid):
    """Several settings have invalid values; `problems` holds an error for each."""

    def __init__(self, problems: Sequence[SettingInvalid]) -> None:
        """Gather the problems, at least two, into one error."""
        self.problems = tuple(problems)
        super().__init__(
            "\n".join(problem.what for problem in problems),
            why="; ".join(dict.fromkeys(problem.why for problem in problems)),
            mend="; ".join(dict.fromkeys(problem.mend for problem in problems)),
        )

    def __str__(self) -> str:
        """Three lines for each problem."""
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """A project root with its settings, and the origin of each.

    root: None outside a project; then every path must be absolute.
    warnings: a line for each oddity of the files.
    refused: names with an invalid value; the settings hold their defaults.
    file: the project file.
    """

    root: Path | None
    settings: Settings
    origins: Mapping[str, Origin]
    warnings: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    file: ProjectFile = field(default_factory=ProjectFile)

    @property
    def places(self) -> Places:
        """The three roots, absolute. Raises SettingInvalid when one cannot be resolved."""
        return Places(
            storage_root=self.resolve("STORAGE_ROOT"),
            processed_root=self.resolve("PROCESSED_ROOT"),
            state_dir=self.resolve("STATE_DIR"),
        )

    @property
    def options(self) -> Options:
        """How work is done; locks are not waited for. Raises PolicyInvalid and SettingInvalid."""
        return replace(
            self.options_without_policy,
            policy=self.policy,
            trust=self.trust,
            serving=serving_of(self.file),
        )

    @property
    def trust(self) -> Trust:
        """The flow modules that may run, by the work tree. Raises SettingInvalid."""
        if not allow_parents_of(self.file):
            return trust_of(self.file)
        # Imported only for projects that name parents there.
        from hugflow.hierarchy.inherited_allow import composed_trust

        return composed_trust(self.root, self.file)

    @property
    def options_without_policy(self) -> Options:
        """The options without the work tree's policy; no flow module may run."""
        settings = self.settings
        quota_gb = settings.storage_quota_gb
        return Options(
            workers=settings.workers,
            download_slots=settings.max_concurrent_downloads,
            fetch_ahead_bytes=int(settings.fetch_ahead_gb * BYTES_PER_GB),
            keep_raw=settings.keep_raw,
            keep_versions=settings.keep_versions,
            mp3_source=settings.mp3_source,
            max_bad_rows=settings.max_bad_rows,
            repair_audio=settings.repair_audio,
            max_clip_hours=settings.max_clip_hours,
            measure=settings.measure,
            mp3_quality=settings.mp3_quality,
            verify_load=settings.verify_load,
            exports=settings.exports,
            storage_quota_bytes=None if quota_gb is None else int(quota_gb * BYTES_PER_GB),
            progress_interval=settings.progress_interval,
            flow_root=self.root,
        )

    @property
    def policy(self) -> Policy:
        """The policy of the project file: what requests may ask for. Raises PolicyInvalid."""
        return policy_of(self.file)

    @property
    def hf_token(self) -> str | None:
        """The token for the Hub's client; never to be shown."""
        return _reveal(self.settings.hf_token)

    @property
    def github_token(self) -> str | None:
        """GITHUB_TOKEN, else the token that `gh` has; never to be shown."""
        return _reveal(self.settings.github_token) or read_gh_token(self._github_host)

    def open_senders(self, repository: str | None = None) -> "Senders":
        """Where notices go: GitHub if a repository and a token are set, and Slack if it is set up.

        repository: on GitHub, in place of GITHUB_REPOSITORY.
        """
        from hugflow.notify.senders import open_senders

        settings = self.settings
        return open_senders(
            github_api_url=settings.github_api_url,
            github_token=self.github_token if repository or settings.github_repository else None,
            slack_api_url=settings.slack_api_url,
            slack_bot_token=_reveal(settings.slack_bot_token),
            slack_channel=settings.slack_channel,
            slack_webhook_url=_reveal(settings.slack_webhook_url),
            secrets=(self.hf_token,),
        )

    def find_remote(self, branch: str | None = None) -> "Remote":
        """The repository whose requests count, at `branch` (default: REQUESTS_BRANCH).

        REQUESTS_REPO, else the work tree's origin, else the work tree's own repository. Raises
        UsageWrong for an invalid URL or branch.
        """
        from hugflow.clients.remote import Remote, may_take_token, read_origin, resolve_url

        root = self.root or self.places.state_dir.parent
        named = self.settings.requests_repo
        url = resolve_url(named or read_origin(root) or str(root), root)
        token = None
        if may_take_token(url, is_named=named is not None):
            token = _reveal(self.settings.github_token)
            # The token of `gh` is for its own host and for no other.
            if token is None and urlsplit(url).hostname == self._github_host:
                token = read_gh_token(self._github_host)
        return Remote(url, branch or self.settings.requests_branch, token)

    @property
    def github_url(self) -> str | None:
        """The page of the requests repository on GitHub; None when it is not on GitHub."""
        from hugflow.clients.remote import find_github_url, read_origin

        if self.settings.github_repository is not None:
            return f"https://{self._github_host}/{self.settings.github_repository}"
        named = self.settings.requests_repo
        url = named or (read_origin(self.root) if self.root is not None else None)
        return find_github_url(url) if url is not None else None

    @property
    def _github_host(self) -> str:
        host = urlsplit(self.settings.github_api_url).hostname or ""
        return "github.com" if host == "api.github.com" else host

    def export_hub_environment(self) -> None:
        """Put the Hub's settings into the environment; the Hub's libraries read it on import."""
        if self.settings.hf_endpoint is not None:
            os.environ["HF_ENDPOINT"] = self.settings.hf_endpoint
        else:
            # Empty means "not set" to us, but the Hub's libraries take it for an address.
            os.environ.pop("HF_ENDPOINT", None)
        if self.settings.hf_home is not None and self.origins["HF_HOME"] != "environment":
            os.environ["HF_HOME"] = str(self.resolve("HF_HOME"))
        # Its own progress bars would be drawn over ours.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

    def resolve(self, name: str) -> Path:
        """A setting's path, absolute. Raises SettingInvalid when it cannot be resolved."""
        path: Path = getattr(self.settings, NAMES[name])
        try:
            path = path.expanduser()
        except RuntimeError:
            raise SettingInvalid(
                f"{name} is {str(path)!r}, which is no user's home",
                why="~ begins the home of a user that this machine does not know",
                mend="write the path in full",
            ) from None
        if path.is_absolute():
            return Path(os.path.normpath(path))
        if self.root is None:
            raise SettingInvalid(
                f"{name} is {str(path)!r}, and there is no project here",
                why="relative paths are relative to the nearest folder upwards that has "
                f"{' or '.join(PROJECT_FILES)}",
                mend="go into a project, make one with `hugflow init`, or set HUGFLOW_HOME",
            )
        return Path(os.path.normpath(self.root / path))


def load_settings(
    start: Path | None = None, environ: Mapping[str, str] | None = None
) -> ProjectSettings:
    """Read the settings in force at `start` (default: the working directory).

    Raises SettingInvalid with all problems; each names the setting and the origin of its value.
    """
    project, problems = inspect_settings(start, environ)
    _raise_all(problems)
    return project


def inspect_settings(
    start: Path | None = None, environ: Mapping[str, str] | None = None
) -> tuple[ProjectSettings, list[SettingInvalid]]:
    """The project with its settings, and the problems of invalid ones.

    A setting with an invalid value has its default here. Only for display and for the doctor;
    everything else uses `load_settings`.
    """
    environ = os.environ if environ is None else environ
    root = find_root(Path.cwd() if start is None else start, environ)
    dotenv = read_dotenv(root) if root is not None else SettingsFile()
    file = read_project_file(root) if root is not None else ProjectFile()
    local = read_local_file(root) if root is not None else ProjectFile()
    committed = to_settings(file)
    problems = [
        *dotenv.problems,
        *committed.problems,
        *local.problems,
        *_refuse_names(committed),
    ]
    sources: dict[Origin, Mapping[str, object]] = {
        "environment": environ,
        ".env": dotenv.values,
        # Ignore a secret in a committed file; do not use it until it is fixed.
        _to_origin(committed): {k: v for k, v in committed.values.items() if k not in SECRETS},
    }
    values: dict[str, object] = {}
    origins: dict[str, Origin] = dict.fromkeys(NAMES, "default")
    for name in NAMES:
        for origin, source in sources.items():
            # An empty value is how shells and workflows say "not set".
            if source.get(name) not in (None, ""):
                values[name], origins[name] = source[name], origin
                break
    # Register a refused secret too: an error may repeat it.
    remember(*(str(values[name]) for name in SECRETS & values.keys()))
    settings, refused = _validate(values)
    for name in refused:
        kind = value.kind if isinstance(value := values[name], NotPlain) else None
        problems.append(_wrong_value(name, origins[name], dotenv, committed, kind))
    warnings = (*file.warnings, *local.warnings, *_find_oddities(dotenv))
    project = ProjectSettings(root, settings, origins, warnings, tuple(refused), file)
    return project, problems


def find_setting_errors(file: ProjectFile) -> list[SettingInvalid]:
    """What is wrong below `settings:` of a project file that is sound as a whole."""
    committed = to_settings(file)
    values = {name: committed.values[name] for name in NAMES if name in committed.values}
    _, refused = _validate({name: value for name, value in values.items() if value != ""})
    problems = [*committed.problems, *_refuse_names(committed)]
    for name in refused:
        kind = value.kind if isinstance(value := values[name], NotPlain) else None
        origin = _to_origin(committed)
        problems.append(_wrong_value(name, origin, SettingsFile(), committed, kind))
    return problems


def refuse_project_file(root: Path | None) -> None:
    """Raise SettingInvalid when the project file cannot be read; settings are not checked."""
    if root is not None:
        _raise_all([*read_project_file(root).problems, *read_local_file(root).problems])


def _raise_all(problems: Sequence[SettingInvalid]) -> None:
    if len(problems) > 1:
        raise SettingsInvalid(problems)
    if problems:
        raise problems[0]


def _to_origin(file: SettingsFile) -> Origin:
    return next((name for name in PROJECT_FILE_ORIGINS if name == file.name), "hugflow.yaml")


def _validate(values: dict[str, Any]) -> tuple[Settings, list[str]]:
    """The settings, with defaults for invalid values, and the names of the invalid ones."""
    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        findings = error.errors(include_input=False, include_url=False, include_context=False)
    refused = list(dict.fromkeys(str(finding["loc"][0]) for finding in findings))
    sound = {name: value for name, value in values.items() if name not in refused}
    return Settings.model_validate(sound), refused


def _wrong_value(
    name: str, origin: Origin, dotenv: SettingsFile, committed: SettingsFile, kind: str | None
) -> SettingInvalid:
    """The error for an invalid value. The value is not repeated; kind: its type in words."""
    takes = what_it_takes(name)
    default = default_text(name)
    without = f"; without it, it is {default}" if default else ", or take it out"
    match origin:
        case ".env":
            place = f"in line {dotenv.line_by_name[name]} of .env"
            example = f"{name}={takes.example}"
        case "environment" | "default":
            place = "in the environment"
            example = f"{name}={takes.example}"
        case _:
            place = f"in line {committed.line_by_name[name]} of {origin}"
            example = f"{name}: {takes.example}"
    return SettingInvalid(
        f"{name} ({origin}) has no valid value",
        why=f"it takes {takes.what}" if kind is None else f"it is {kind}, and takes {takes.what}",
        mend=f"write for example `{example}` {place}{without}",
    )


def _refuse_names(committed: SettingsFile) -> list[SettingInvalid]:
    """Problems of names below `settings:`; secrets are refused because the file is committed."""
    problems: list[SettingInvalid] = []
    for name, line in committed.line_by_name.items():
        if name in SECRETS:
            why = f"line {line}: it is a secret, and the file is committed"
            mend = f"put {name} into .env or the environment; if it was pushed, revoke it"
            problems.append(
                SettingInvalid(f"{name} ({committed.name}) is refused", why=why, mend=mend)
            )
        elif name not in NAMES:
            nearest = nearest_name(name, NAMES, likeness=VERY_ALIKE)
            mend = f"did you mean {nearest}?" if nearest else "`hugflow config show` lists them"
            what = f"{show_key(name)} ({committed.name}) is an unknown setting"
            why = f"line {line}: below `settings:` only names that Hugflow knows are allowed"
            problems.append(SettingInvalid(what, why=why, mend=mend))
    return problems


def _find_oddities(dotenv: SettingsFile) -> list[str]:
    """Warnings about lines of `.env` that look like settings but are not.

    Other programs use the file too, so an unknown name is mentioned only when it resembles one of
    ours.
    """
    oddities = [
        f".env, line {line}, is not NAME=value and says nothing" for line in dotenv.unread_lines
    ]
    for name, line in dotenv.line_by_name.items():
        if name not in NAMES and (nearest := nearest_name(name, NAMES, likeness=VERY_ALIKE)):
            oddities.append(
                f".env, line {line}: {_show_name(name)} is no setting; did you mean {nearest}?"
            )
    return oddities


def _show_name(name: str) -> str:
    """The name as written, if it looks like one: a token is not all capitals."""
    return name if _PLAIN_NAME.fullmatch(name) else show_key(name)


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


@cache
def read_gh_token(host: str) -> str | None:
    """The token that GitHub's program `gh` has for a host, or None; read once per process.

    `gh auth token`: https://cli.github.com/manual/gh_auth_token.
    """
    command = ["gh", "auth", "token"]
    if host != "github.com":
        command += ["--hostname", host]
    try:
        done = subprocess.run(  # noqa: S603  # a list; gh is looked up as any shell would
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=GH_TIMEOUT_S,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    token = done.stdout.strip()
    is_token = token.isascii() and token.isprintable() and " " not in token
    remember(token)
    return token if token and is_token and done.returncode == 0 else None
