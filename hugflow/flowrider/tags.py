"""The tags of a run, and the name of the project's repository."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from dotenv import dotenv_values

from hugflow.clients.git_program import GitFailed, run_git
from hugflow.flowrider.config import FlowConfig
from hugflow.flowrider.errors import FlowConfigError
from hugflow.flowrider.text import to_text

# Metaflow ends a run that has others, before its first step.
MOST_TAGS: Final = 50
LONGEST_TAG: Final = 500
REPO_NAME: Final = "REPO_NAME"
SHARED_ENV: Final = ".env.shared"
_GIT_TIMEOUT_S = 5.0


def compose_tags(config: FlowConfig, extra_tags: Iterable[Any] = ()) -> list[str]:
    """The tags of a run, each once: the config's, `flow_kwargs.tag`, then the extra ones.

    Raises FlowConfigError for a tag that Metaflow would refuse.
    """
    origin = config.origin
    named = [
        *_numbered(config.tags, ("tags",)),
        *_numbered(config.flow_kwargs.get("tag"), ("flow_kwargs", "tag")),
        *_numbered(list(extra_tags), ("extra_tags",)),
    ]
    tags: dict[str, None] = {}
    for path, value in named:
        if value is None:
            continue
        place = origin.place(path)
        tag = to_text(value, place)
        if not tag:
            raise _refused(f"{place}: a tag is empty", "delete it")
        if len(tag) > LONGEST_TAG:
            raise _refused(
                f"{place}: a tag has {len(tag)} characters",
                f"shorten it to at most {LONGEST_TAG} characters",
            )
        tags[tag] = None
    if len(tags) > MOST_TAGS:
        raise _refused(
            f"{origin.place(('tags',))}: the run would have {len(tags)} tags",
            f"keep at most {MOST_TAGS}, with those that are added: package and repository",
        )
    return list(tags)


def find_repo_name(root: Path) -> str | None:
    """The name of a project's repository; None if nothing says it.

    REPO_NAME in the environment or in `.env.shared`, else the name of git's remote `origin`.
    """
    shared = root / SHARED_ENV
    values = dotenv_values(shared, interpolate=False) if shared.is_file() else {}
    name = os.environ.get(REPO_NAME) or values.get(REPO_NAME)
    if name:
        return name
    try:
        url = run_git(root, ["remote", "get-url", "origin"], _GIT_TIMEOUT_S).decode(
            errors="replace"
        )
    except GitFailed:
        return None
    return url.strip().rstrip("/").replace(":", "/").rpartition("/")[2].removesuffix(".git") or None


def _numbered(value: Any, path: tuple[str, ...]) -> list[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, list | tuple):
        return [((*path, number), item) for number, item in enumerate(value)]
    return [(path, value)]


def _refused(what: str, mend: str) -> FlowConfigError:
    why = f"Metaflow takes 1 to {LONGEST_TAG} characters a tag, and at most {MOST_TAGS} tags a run"
    return FlowConfigError(what, why=why, mend=mend)
