"""The pull request that started a workflow, from GitHub's event file.

https://docs.github.com/webhooks/webhook-events-and-payloads#pull_request
"""

import json
import re
from pathlib import Path
from typing import Any

from hugflow.errors import UsageWrong
from hugflow.late_dataclass import dataclass

LARGEST_BYTES = 25 << 20
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PullEvent:
    """A pull request at one moment.

    is_fork: its branch is in another repository, or that repository was deleted.
    author: who opened it, or asks for something in a comment.
    """

    repository: str
    number: int
    head_sha: str
    base_sha: str
    base_ref: str
    is_fork: bool
    url: str | None = None
    author: str | None = None
    is_open: bool = True

    @property
    def name(self) -> str:
        """The pull request in short: `acme/requests#12`."""
        return f"{self.repository}#{self.number}"


def is_repository(value: object) -> bool:
    """Whether this is `owner/name`, as GitHub writes it."""
    return isinstance(value, str) and _REPOSITORY.fullmatch(value) is not None


def read_event(path: Path) -> PullEvent:
    """Read an event file; raises UsageWrong if it describes no pull request."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise ValueError("it is larger than GitHub makes them")
        return _to_event(json.loads(data))
    except OSError as error:
        raise _wrong(path, error.strerror or "it cannot be read") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _wrong(path, "it is no event of a pull request") from error


def _to_event(value: Any) -> PullEvent:
    pull = value["pull_request"]
    head, base = pull["head"], pull["base"]
    repository = _match(_REPOSITORY, base["repo"]["full_name"])
    head_repository = (head["repo"] or {}).get("full_name")
    number = pull["number"]
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError("a pull request has a number")
    return PullEvent(
        repository=repository,
        number=number,
        head_sha=_match(_COMMIT, head["sha"]),
        base_sha=_match(_COMMIT, base["sha"]),
        base_ref=str(base["ref"]),
        is_fork=head_repository != repository,
        url=pull.get("html_url"),
        author=(pull.get("user") or {}).get("login"),
    )


def _match(pattern: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("it is none of GitHub's names")
    return value


def _wrong(path: Path, why: str) -> UsageWrong:
    return UsageWrong(
        f"GITHUB_EVENT_PATH ({path}) describes no pull request",
        why=why,
        mend="run it in a workflow on `pull_request`, or name two commits by --base and --head",
    )
