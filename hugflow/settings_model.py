"""Every setting: its documented name, its valid values, its default, its meaning.

`.env.example` and the table in docs/settings.md are printed from it; tests compare them.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from hugflow.audio.quality import Measure
from hugflow.late_dataclass import dataclass
from hugflow.requests.grammar import (
    DEFAULT_EXPORTS,
    EXPORTS,
    BadRowBudget,
    bad_rows_setting,
    exports_setting,
    measure_setting,
)


@dataclass(frozen=True, slots=True)
class Takes:
    """A setting's valid values, in words and as an example; its errors show both."""

    what: str
    example: str


def _to_token(value: object) -> object:
    """A token without the trailing newline that files and shells add."""
    if not isinstance(value, str):
        return value
    token = value.strip()
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ValueError
    return token


def _to_address(value: object) -> object:
    """An http or https address, without a final slash."""
    address = value.strip() if isinstance(value, str) else ""
    parts = urlsplit(address)
    # Reading the port raises ValueError for an invalid one.
    is_address = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    if not is_address or not address.isprintable() or " " in address:
        raise ValueError
    return address.rstrip("/")


def _to_upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_Token: TypeAlias = Annotated[
    SecretStr | None,
    BeforeValidator(_to_token),
    Takes("letters, digits and signs, without a space", "..."),
]
_SecretAddress: TypeAlias = Annotated[
    SecretStr | None,
    BeforeValidator(_to_address),
    Takes("an http or https address", "https://hooks.slack.com/services/..."),
]
_Address: TypeAlias = Annotated[str, BeforeValidator(_to_address)]
_Folder: TypeAlias = Annotated[Path, Takes("the path of a folder", "/data/hugflow")]
_Count: TypeAlias = Annotated[int, Field(gt=0), Takes("a whole number above 0", "4")]
_Truth: TypeAlias = Annotated[bool, Takes("true or false", "true")]


class Settings(BaseModel):
    """Every setting under its documented name; the descriptions are the table in the docs."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    hf_token: _Token = Field(
        None, alias="HF_TOKEN", description="Token of the Hub; default: `hf auth login`'s."
    )
    hf_endpoint: Annotated[
        _Address | None, Takes("an http or https address", "https://huggingface.co")
    ] = Field(None, alias="HF_ENDPOINT", description="Address of the Hub.")
    hf_home: Annotated[Path | None, Takes("the path of a folder", "/data/hub")] = Field(
        None, alias="HF_HOME", description="Cache folder of the Hub's libraries."
    )
    storage_root: _Folder = Field(
        Path("./datasets"), alias="STORAGE_ROOT", description="Where datasets are stored."
    )
    processed_root: _Folder = Field(
        Path("/mnt/data/processed"),
        alias="PROCESSED_ROOT",
        description="Where links to complete datasets are made.",
    )
    state_dir: _Folder = Field(
        Path("./.hugflow-state"), alias="STATE_DIR", description="Plans, ledger, locks, progress."
    )
    storage_quota_gb: Annotated[
        Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] | None,
        Takes("a number above 0", "500"),
    ] = Field(
        None,
        alias="STORAGE_QUOTA_GB",
        description="What all datasets may take together, in GB of 10^9 bytes; default: no limit.",
    )
    requests_repo: Annotated[
        str | None, Takes("a URL or a path", "https://github.com/acme/requests.git")
    ] = Field(
        None,
        alias="REQUESTS_REPO",
        description="Repository of the requests, URL or path; default: the work tree's origin, "
        "else the work tree's own repository.",
    )
    requests_branch: Annotated[str, Takes("the name of a branch", "main")] = Field(
        "main", alias="REQUESTS_BRANCH", description="The branch whose requests count."
    )
    sync_on: Annotated[
        Literal["pull_request", "merge"], Takes("pull_request or merge", "merge")
    ] = Field(
        "pull_request",
        alias="SYNC_ON",
        description="When the job is done: on the pull request before the merge, or after it.",
    )
    auto_merge: _Truth = Field(
        False,
        alias="AUTO_MERGE",
        description="Merge a pull request by itself once its requests are done.",
    )
    mp3_source: Annotated[Literal["copy", "reencode"], Takes("copy or reencode", "copy")] = Field(
        "copy",
        alias="MP3_SOURCE",
        description="Pass sound mono MP3s through, or encode them again.",
    )
    max_bad_rows: Annotated[
        BadRowBudget,
        BeforeValidator(bad_rows_setting),
        Takes("a count, or a percentage up to 100% with at most three decimals", "1%"),
    ] = Field(
        "1%",
        alias="MAX_BAD_ROWS",
        description="Rows that may fail: a count, or a percentage, rounded up.",
    )
    repair_audio: _Truth = Field(
        True,
        alias="REPAIR_AUDIO",
        description="Repair the framing of clips whose samples are all there; false refuses them.",
    )
    max_clip_hours: Annotated[
        Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)],
        Takes("a number of hours, 0 for no limit", "24"),
    ] = Field(6, alias="MAX_CLIP_HOURS", description="Longer clips are refused; 0 for no limit.")
    measure: Annotated[
        Measure, BeforeValidator(measure_setting), Takes("true, false or all", "true")
    ] = Field(
        "false",
        alias="MEASURE",
        description="Measure the quality of clips while they are encoded; `all`: of copied MP3s "
        "too, which are decoded for it.",
    )
    mp3_quality: Annotated[int, Field(ge=0, le=9), Takes("a whole number from 0 to 9", "5")] = (
        Field(
            3,
            alias="MP3_QUALITY",
            description="LAME's quality of MP3s that are encoded: 0 best and slowest, 9 fastest.",
        )
    )
    verify_load: _Truth = Field(
        True,
        alias="VERIFY_LOAD",
        description="Load a folder with `datasets`, in a process of its own, before publishing it.",
    )
    exports: Annotated[
        tuple[str, ...],
        BeforeValidator(exports_setting),
        Takes(f"names of {', '.join(EXPORTS)}, with commas between; none for none", "nemo,kaldi"),
    ] = Field(
        DEFAULT_EXPORTS,
        alias="EXPORTS",
        description="Forms for other tools that are written with a dataset; `none` for none.",
    )
    keep_raw: _Truth = Field(
        False, alias="KEEP_RAW", description="Keep fetched files when their rows are in."
    )
    keep_versions: Annotated[
        Annotated[int, Field(ge=0, le=1000)], Takes("a whole number, 0 for none", "2")
    ] = Field(
        0,
        alias="KEEP_VERSIONS",
        description="Trees that are kept of a dataset when another one replaces them; "
        "`hugflow rollback` uses them.",
    )
    max_concurrent_downloads: _Count = Field(
        5,
        alias="MAX_CONCURRENT_DOWNLOADS",
        description="Connections that fetch source files at once, over all runs on this host that share STATE_DIR.",
    )
    fetch_ahead_gb: Annotated[
        Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)],
        Takes("a number of GB, 0 for the next shard only", "10"),
    ] = Field(
        2,
        alias="FETCH_AHEAD_GB",
        description="Source files fetched ahead of the encoder, in GB; the next shard always is.",
    )
    runs_per_dataset: _Count = Field(
        1,
        alias="RUNS_PER_DATASET",
        description="Runs of Dagster that share one dataset, each with its own shards: about the "
        "number of hosts.",
    )
    workers: _Count = Field(
        default_factory=_cores, alias="WORKERS", description="Rows encoded at once; default: cores."
    )
    progress_interval: _Count = Field(
        10_000,
        alias="PROGRESS_INTERVAL",
        description="Rows between two lines of progress, in logs, comments and messages.",
    )
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        BeforeValidator(_to_upper),
        Takes("one of DEBUG, INFO, WARNING, ERROR", "INFO"),
    ] = Field(
        "INFO", alias="LOG_LEVEL", description="How much is logged: DEBUG, INFO, WARNING, ERROR."
    )
    log_format: Annotated[Literal["text", "json"], Takes("text or json", "text")] = Field(
        "text", alias="LOG_FORMAT", description="Log lines as text, or one JSON object each."
    )
    github_token: _Token = Field(
        None,
        alias="GITHUB_TOKEN",
        description="Reads a private REQUESTS_REPO over https, and asks GitHub; "
        "default: `gh auth token`'s.",
    )
    github_repository: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")] | None,
        Takes("owner/name", "acme/requests"),
    ] = Field(
        None, alias="GITHUB_REPOSITORY", description="The repository of the requests on GitHub."
    )
    github_api_url: Annotated[
        _Address, Takes("an http or https address", "https://api.github.com")
    ] = Field(
        "https://api.github.com", alias="GITHUB_API_URL", description="Address of GitHub's API."
    )
    slack_webhook_url: _SecretAddress = Field(
        None,
        alias="SLACK_WEBHOOK_URL",
        description="Address of an incoming webhook of Slack, which fixes the channel.",
    )
    slack_bot_token: _Token = Field(
        None,
        alias="SLACK_BOT_TOKEN",
        description="Token of a bot of Slack; it goes before the webhook.",
    )
    slack_channel: Annotated[
        str,
        Field(pattern=r"^#?[^\s#,:/]{1,80}$"),
        Takes("a channel's name or id", '"#ml-datasets"'),
    ] = Field(
        "#ml-datasets", alias="SLACK_CHANNEL", description="The channel that the bot writes to."
    )
    slack_api_url: Annotated[
        _Address, Takes("an http or https address", "https://slack.com/api")
    ] = Field("https://slack.com/api", alias="SLACK_API_URL", description="Address of Slack's API.")
    credentials: Annotated[
        SecretStr | None,
        Takes("the JSON key of a service account of Google, or its path", "/etc/hugflow/key.json"),
    ] = Field(
        None,
        alias="CREDENTIALS",
        description="Key of a service account of Google, as JSON or its path: `hugflow pull` reads "
        "private sheets with it.",
    )
    google_sheets_url: Annotated[
        _Address, Takes("an http or https address", "https://docs.google.com")
    ] = Field(
        "https://docs.google.com",
        alias="GOOGLE_SHEETS_URL",
        description="Address that Google's sheets are exported from.",
    )


NAMES: Final[dict[str, str]] = {
    str(info.alias): field for field, info in Settings.model_fields.items()
}
SECRETS: Final = frozenset(
    {"HF_TOKEN", "GITHUB_TOKEN", "SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN", "CREDENTIALS"}
)


def what_it_takes(name: str) -> Takes:
    """A setting's valid values, for the error about an invalid one."""
    metadata = Settings.model_fields[NAMES[name]].metadata
    return next(item for item in metadata if isinstance(item, Takes))


def default_text(name: str) -> str:
    """A setting's default as written in a file; "" if there is none or it depends on the host."""
    info = Settings.model_fields[NAMES[name]]
    default = None if info.default_factory is not None else info.get_default()
    if isinstance(default, tuple):
        return ",".join(default)
    shown = "" if default is None else str(default)
    return shown.lower() if isinstance(default, bool) else shown


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


def _rows() -> Iterator[tuple[str, str, str]]:
    """Name, default as written in a file, and description of each setting."""
    for name, field in NAMES.items():
        yield name, default_text(name), Settings.model_fields[field].description or ""
