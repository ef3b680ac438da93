"""Why a repository gives no parquet files, and what helps.

It is used only after reading has failed: each function looks for one known reason.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from hugflow.amounts import count
from hugflow.clients.choices import set_field
from hugflow.clients.converted import fetch_converted_files
from hugflow.clients.hub import Hub
from hugflow.clients.published import CardUnreadable, NotParquet
from hugflow.clients.repository import CONVERTED_REF, Repository
from hugflow.errors import HugflowError, RequestInvalid
from hugflow.redact import in_a_line
from hugflow.shards.card import list_splits
from hugflow.shards.layouts.split_archives import UNREAD_ARCHIVES, find_split_archives, split_error
from hugflow.shards.plan_request import PlanRequest

# The end of a directory (22), and the locator that `datasets` looks for before it (20).
_LEAST_ZIP_BYTES: Final = 42


def refuse_empty(hub: Hub, repository: Repository) -> None:
    """Raise RequestInvalid for a repository without any data."""
    if not repository.is_empty:
        return
    raise RequestInvalid(
        f"{_at(repository)}: the repository holds no data",
        why="beside its card there is no file at this commit: the publisher has taken the files away, "
        "or has never put them there",
        mend=f"ask on {_page(hub, repository)} where the data is now, and put that dataset's name "
        "into hf_id; or delete this request",
    )


def explain(
    hub: Hub, repository: Repository, request: PlanRequest, error: RequestInvalid
) -> RequestInvalid:
    """The error with the reason, if it is known; else `error` itself."""
    found = _find_card_fault(hub, repository, request)
    if found is None and isinstance(error, NotParquet):
        found = _find_other_reader(hub, repository, request, error)
    split = find_split_archives(repository.paths)
    if found is None and (odd := [each for each in split if each.missing or not each.is_read]):
        found = split_error(_at(repository), odd[0])
    if found is None and isinstance(error, NotParquet):
        found = _find_unread_archive(repository, error)
    if found is None and isinstance(error, CardUnreadable):
        found = _find_empty_zip(hub, repository)
    return found or error


def _find_unread_archive(repository: Repository, error: NotParquet) -> RequestInvalid | None:
    """The error for a repository of archives of another kind."""
    unread = [path for path in repository.paths if path.lower().endswith(UNREAD_ARCHIVES)]
    if not unread:
        return None
    return RequestInvalid(
        f"{_at(repository)}: {_shown(unread[0])} is an archive of a kind that is not read",
        why="of archives, tar, tar.gz and zip are read; and "
        + (f"the split has files like {_shown(error.example)}" if error.example else error.why),
        mend="ask the dataset's owner to publish it as one of these; or fetch it, pack its files as "
        "a zip, and read it with `hugflow import`",
    )


def _find_empty_zip(hub: Hub, repository: Repository) -> RequestInvalid | None:
    """The error for a zip that is too short for a member; `datasets` cannot look into it."""
    if not any(path.lower().endswith(".zip") for path in repository.paths):
        return None
    files = hub.list_files(repository.repo, repository.commit)
    zips = [file for file in files if file.path.lower().endswith(".zip")]
    short = next((file for file in zips if file.size_bytes < _LEAST_ZIP_BYTES), None)
    if short is None:
        return None
    return RequestInvalid(
        f"{_at(repository)}: the zip {_shown(short.path)} has no members",
        why=f"it has {count(short.size_bytes, 'byte')}, and `datasets` then reads no split",
        mend=f"ask on {_page(hub, repository)} to publish it with its members, or to take it away; or "
        "choose a revision without it",
    )


def has_files(pattern: str, paths: Sequence[str]) -> bool:
    """Whether a pattern of a card finds a file; also True if it leads out of the repository."""
    if "://" in pattern or "::" in pattern or pattern.startswith(("/", "..", "~")):
        return True
    # `**/` means any depth. A star here matches slashes too, so it finds too much, never too
    # little.
    wanted = re.sub(r"\*+/?\*+/?|\*\*/?", "*", pattern.removeprefix("./"))
    return any(fnmatchcase(path, wanted) for path in paths)


def _find_card_fault(
    hub: Hub, repository: Repository, request: PlanRequest
) -> RequestInvalid | None:
    """The error for a split of the card with an unreadable name, or without files."""
    for split in list_splits(repository.card, request.subset):
        if not split.is_readable:
            other = re.sub(r"\W+", "_", split.name).strip("_") or "train"
            return RequestInvalid(
                f"{_at(repository)}: the card calls a split {_shown(split.name)}",
                why="`datasets` refuses the whole card for it: the name of a split has letters, digits "
                "and underscores, and no dash",
                mend=f"ask on {_page(hub, repository)} to call it {other!r} in the card's configs"
                + _or_conversion(hub, repository, request),
            )
        for pattern in split.patterns:
            if not has_files(pattern, repository.paths):
                return RequestInvalid(
                    f"{_at(repository)}: the card names files that are not in the repository",
                    why=f"{_shown(pattern)}, of the split {_shown(split.name)} of "
                    f"{_shown(split.config)}, finds no file, and `datasets` then reads no split",
                    mend=f"ask on {_page(hub, repository)} to take that split out of the card's "
                    "configs, or to publish its files" + _or_conversion(hub, repository, request),
                )
    return None


def _find_other_reader(
    hub: Hub, repository: Repository, request: PlanRequest, error: NotParquet
) -> RequestInvalid | None:
    """The error for files that make `datasets` ignore the parquet files beside them."""
    parquet = next((path for path in repository.paths if path.endswith(".parquet")), None)
    if parquet is None or error.example is None or list_splits(repository.card, request.subset):
        return None
    return RequestInvalid(
        f"{_at(repository)}: `datasets` overlooks the parquet files",
        why=f"because of {_shown(error.example)} it reads the repository as {error.reader!r}, and not "
        f"files such as {_shown(parquet)}",
        mend=f"ask on {_page(hub, repository)} to name the parquet files in the card (configs, "
        f"data_files), or to take {_shown(error.example)} away"
        + _or_conversion(hub, repository, request),
    )


def _or_conversion(hub: Hub, repository: Repository, request: PlanRequest) -> str:
    """The advice to read the Hub's conversion, if it holds what is requested."""
    try:
        commit = hub.find_commit(repository.repo, CONVERTED_REF)
        if commit is None:
            return ""
        fetch_converted_files(hub, request.hf_id, commit, request.subset, request.split)
    except HugflowError:
        return ""
    return f"; until then, {set_field('revision', CONVERTED_REF)}"


def _at(repository: Repository) -> str:
    return f"{repository.repo}@{repository.commit[:7]}"


def _page(hub: Hub, repository: Repository) -> str:
    return f"{repository.repo.page(hub.endpoint)}/discussions"


def _shown(text: str) -> str:
    """A stranger's words in quotes, on one line."""
    return repr(in_a_line(text))
