"""Settings: one place that reads the environment, `.env` and `hugflow.yaml`.

A name has its value from the first of these that says it: the environment, `.env` in the project
root, `settings:` in `hugflow.yaml`, the default. Only shells read settings; they hand plain values
down. Relative paths are relative to the project root, never to the working directory.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import yaml
from dotenv import dotenv_values
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from hugflow.errors import SettingInvalid
from hugflow.requests.grammar import BadRowBudget, bad_rows_setting
from hugflow.stages.options import Options
from hugflow.store.layout import Places

PROJECT_FILES = ("workspace.yaml", "hugflow.yaml")
LARGEST_FILE_BYTES = 64 * 1024

Origin = Literal["environment", ".env", "hugflow.yaml", "default"]


def _to_token(value: object) -> object:
    """A token without the line end that files and shells leave behind it."""
    if not isinstance(value, str):
        return value
    token = value.strip()
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ValueError("a token consists of letters, digits and signs, without a space")
    return token


def _to_address(value: object) -> object:
    """An http or https address, without a final slash."""
    try:
        parts = urlsplit(str(value))
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError("it is no address like https://huggingface.co")
    return str(value).rstrip("/")


Token = Annotated[SecretStr | None, BeforeValidator(_to_token)]


def _to_upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseModel):
    """Every setting under its documented name; the descriptions are the table in the docs."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    hf_token: Token = Field(
        None, alias="HF_TOKEN", description="Token of the Hub; default: `hf auth login`'s."
    )
    hf_endpoint: Annotated[str | None, BeforeValidator(_to_address)] = Field(
        None, alias="HF_ENDPOINT", description="Address of the Hub."
    )
    hf_home: Path | None = Field(
        None, alias="HF_HOME", description="Cache folder of the Hub's libraries."
    )
    storage_root: Path = Field(
        Path("./datasets"), alias="STORAGE_ROOT", description="Where datasets are stored."
    )
    processed_root: Path = Field(
        Path("/mnt/data/processed"),
        alias="PROCESSED_ROOT",
        description="Where links to complete datasets are made.",
    )
    state_dir: Path = Field(
        Path("./.hugflow-state"), alias="STATE_DIR", description="Plans, ledger, locks, progress."
    )
    github_token: Token = Field(
        None, alias="GITHUB_TOKEN", description="Reads a private REQUESTS_REPO over https."
    )
    progress_interval: Annotated[int, Field(gt=0)] = Field(
        10_000, alias="PROGRESS_INTERVAL", description="Rows between two lines of progress."
    )
    max_concurrent_downloads: Annotated[int, Field(gt=0)] = Field(
        5,
        alias="MAX_CONCURRENT_DOWNLOADS",
        description="Source files fetched at once on this host, over all runs.",
    )
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_to_upper)
    ] = Field(
        "INFO", alias="LOG_LEVEL", description="How much is told: DEBUG, INFO, WARNING, ERROR."
    )
    log_format: Literal["text", "json"] = Field(
        "text", alias="LOG_FORMAT", description="Log lines as text, or one JSON object each."
    )
    mp3_source: Literal["copy", "reencode"] = Field(
        "copy", alias="MP3_SOURCE", description="Pass sound mono MP3s through, or encode anew."
    )
    keep_raw: bool = Field(
        False, alias="KEEP_RAW", description="Keep fetched files when their rows are in."
    )
    max_bad_rows: Annotated[BadRowBudget, BeforeValidator(bad_rows_setting)] = Field(
        "1%", alias="MAX_BAD_ROWS", description="Rows that may fail: a count or a percentage."
    )
    requests_repo: str | None = Field(
        None,
        alias="REQUESTS_REPO",
        description="Repository of the requests, URL or path; default: the work tree's origin, "
        "else the work tree's own repository.",
    )
    requests_branch: str = Field(
        "main", alias="REQUESTS_BRANCH", description="The branch whose requests count."
    )
    workers: Annotated[int, Field(gt=0)] = Field(
        default_factory=_cores, alias="WORKERS", description="Rows encoded at once; default: cores."
    )


SECRETS: Final = frozenset({"HF_TOKEN", "GITHUB_TOKEN"})
NAMES: Final[dict[str, str]] = {
    str(info.alias): field for field, info in Settings.model_fields.items()
}


@dataclass(frozen=True, slots=True)
class Project:
    """A project root with the settings that hold there, and where each came from.

    root: None outside of any project; then every path must be absolute.
    """

    root: Path | None
    settings: Settings
    origins: Mapping[str, Origin]

    @property
    def places(self) -> Places:
        """The three roots, absolute. Raises SettingInvalid when one cannot be resolved."""
        return Places(
            storage_root=self._resolve("STORAGE_ROOT"),
            processed_root=self._resolve("PROCESSED_ROOT"),
            state_dir=self._resolve("STATE_DIR"),
        )

    @property
    def options(self) -> Options:
        """How work is done; locks are not waited for."""
        settings = self.settings
        return Options(
            workers=settings.workers,
            download_slots=settings.max_concurrent_downloads,
            keep_raw=settings.keep_raw,
            mp3_source=settings.mp3_source,
            max_bad_rows=settings.max_bad_rows,
        )

    @property
    def hf_token(self) -> str | None:
        """The token as the Hub's client takes it; not for showing."""
        token = self.settings.hf_token
        return token.get_secret_value() if token is not None else None

    def export_hub_environment(self) -> None:
        """Let the Hub's own libraries see its settings: they read the environment, on import."""
        if self.settings.hf_endpoint is not None:
            os.environ["HF_ENDPOINT"] = self.settings.hf_endpoint
        else:
            # Set to nothing it means "not set" to us, and an address to the Hub's libraries.
            os.environ.pop("HF_ENDPOINT", None)
        if self.settings.hf_home is not None and self.origins["HF_HOME"] != "environment":
            os.environ["HF_HOME"] = str(self._resolve("HF_HOME"))

    def _resolve(self, name: str) -> Path:
        path: Path = getattr(self.settings, NAMES[name])
        try:
            path = path.expanduser()
        except RuntimeError:
            raise SettingInvalid(
                f"{name} is {str(path)!r}, which is nobody's home",
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


def load_project(start: Path | None = None, environ: Mapping[str, str] | None = None) -> Project:
    """Read the settings that hold at `start` (default: the working directory).

    Raises SettingInvalid, naming the setting and where its value came from.
    """
    environ = os.environ if environ is None else environ
    root = find_root(Path.cwd() if start is None else start, environ)
    sources: list[tuple[Origin, Mapping[str, Any]]] = [("environment", environ)]
    if root is not None:
        sources += [(".env", _read_dotenv(root)), ("hugflow.yaml", _read_yaml(root))]
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for name in NAMES:
        for origin, source in sources:
            # An empty value is how shells and workflows say "not set".
            if source.get(name) not in (None, ""):
                values[name], origins[name] = source[name], origin
                break
        else:
            origins[name] = "default"
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0])
        raise SettingInvalid(
            f"{name} ({origins[name]}) has no valid value",
            why=first["msg"],
            mend=f"see {name} in docs/settings.md",
        ) from None
    return Project(root, settings, origins)


def render_env_example() -> str:
    """The text of `.env.example`: every setting, commented out, with its default."""
    lines = ["# Settings of hugflow. Copy this file to .env and set what you need."]
    for name, default, description in _rows():
        lines += ["", f"# {description}", f"# {name}={default}"]
    return "\n".join(lines) + "\n"


def render_settings_table() -> str:
    """The table in docs/settings.md: every setting, its default, what it means."""
    lines = ["| Setting | Default | Meaning |", "| --- | --- | --- |"]
    lines += [
        f"| `{name}` | {f'`{default}`' if default else ''} | {description} |"
        for name, default, description in _rows()
    ]
    return "\n".join(lines) + "\n"


def find_root(start: Path, environ: Mapping[str, str]) -> Path | None:
    """The project root: the nearest folder from `start` upwards, else HUGFLOW_HOME, else None."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in PROJECT_FILES):
            return folder
    home = environ.get("HUGFLOW_HOME")
    return Path(home).expanduser().resolve() if home else None


def _rows() -> Iterator[tuple[str, str, str]]:
    """Name, default as it is written, and description of each setting."""
    for name, field in NAMES.items():
        info = Settings.model_fields[field]
        default = None if info.default_factory is not None else info.get_default()
        shown = "" if default is None else str(default)
        yield name, shown.lower() if isinstance(default, bool) else shown, info.description or ""


def _read_dotenv(root: Path) -> Mapping[str, str | None]:
    path = root / ".env"
    if not path.is_file():
        return {}
    try:
        return dotenv_values(path, interpolate=False)
    except UnicodeDecodeError:
        raise SettingInvalid(
            ".env cannot be used", why="it is not UTF-8", mend="write NAME=value, one a line"
        ) from None


def _read_yaml(root: Path) -> Mapping[str, Any]:
    """`settings:` of hugflow.yaml: known names only, and no secrets, because it is committed."""
    path = root / "hugflow.yaml"
    if not path.is_file():
        return {}
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise _yaml_invalid("it is larger than 64 KiB", "leave only what hugflow.yaml is for")
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _yaml_invalid(" ".join(str(error).split())[:200], "correct it") from None
    settings = content.get("settings") if isinstance(content, dict) else None
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise _yaml_invalid("`settings` is not a mapping", "write one NAME: value a line")
    for name in settings:
        if name in SECRETS:
            raise _yaml_invalid(f"{name} is a secret", "put it into .env or the environment")
        if name not in NAMES:
            raise _yaml_invalid(f"unknown setting {str(name)[:60]!r}", "see docs/settings.md")
    return settings


def _yaml_invalid(why: str, mend: str) -> SettingInvalid:
    return SettingInvalid("hugflow.yaml cannot be used", why=why, mend=mend)
