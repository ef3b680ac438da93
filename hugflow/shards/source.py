"""Which parquet files a request means: the dataset's own, or the Hub's conversion of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from hugflow.clients.choices import set_field
from hugflow.clients.converted import fetch_converted_files
from hugflow.clients.hub import Hub
from hugflow.clients.published import NotParquet, fetch_split_files
from hugflow.clients.repository import CONVERTED_REF, PublishedFile, Repository
from hugflow.errors import RequestInvalid
from hugflow.shards.plan import PlanRequest


@dataclass(frozen=True, slots=True)
class Source:
    """The files that hold a request's rows, in order.

    commit: where they are read; another than the repository's where they are a conversion.
    """

    commit: str
    files: Sequence[PublishedFile]
    warnings: tuple[str, ...] = ()


def fetch_source(
    hub: Hub, repository: Repository, request: PlanRequest, *, files_commit: str | None = None
) -> Source:
    """Settle which files are read, and at which commit.

    files_commit: the conversion that an earlier plan at the same commit has settled for.

    Raises RequestInvalid when there is no such subset or split, or neither the commit holds
    parquet files nor the Hub a whole conversion of it.
    """
    hf_id, commit = request.hf_id, repository.commit
    if _is_conversion(repository, request):
        files = fetch_converted_files(hub, hf_id, commit, request.subset, request.split)
        return Source(commit, files)
    try:
        if repository.script is not None:
            raise _only_by_script(repository, repository.script)
        paths = fetch_split_files(hub, hf_id, commit, request.subset, request.split)
    except NotParquet as error:
        settled = files_commit if files_commit != commit else None
        converted = settled or _find_conversion(hub, repository, error)
        return _fetch_conversion(hub, request, converted, error.subset)
    return Source(commit, hub.fetch_files(repository.repo, commit, paths))


def _is_conversion(repository: Repository, request: PlanRequest) -> bool:
    """Whether the request itself names the Hub's conversion, by its ref or by a commit of it."""
    is_commit = request.revision == repository.commit
    return request.revision == CONVERTED_REF or (is_commit and repository.is_conversion)


def _only_by_script(repository: Repository, script: str) -> NotParquet:
    return NotParquet(
        f"{repository.repo}@{repository.commit}: the dataset comes only by its loading script",
        why=f"{script} would have to be run to get the rows, and code of a dataset is never run "
        "here, nor fetched",
        subset=None,
    )


def _find_conversion(hub: Hub, repository: Repository, error: NotParquet) -> str:
    """The commit of the Hub's conversion of this very commit; raises where there is none.

    The Hub converts the head of the default branch, and says nowhere of which commit it did.
    """
    converted = hub.find_commit(repository.repo, CONVERTED_REF)
    if converted is None:
        raise RequestInvalid(
            error.what,
            why=f"{error.why}; and the Hub has no conversion of the dataset to parquet "
            f"({CONVERTED_REF})",
            mend="choose a revision that holds parquet files, such as refs/convert/parquet once the "
            "Hub has converted the dataset, or ask its owner for one",
        ) from error
    head = hub.fetch_head(repository.repo)
    if head != repository.commit:
        raise RequestInvalid(
            error.what,
            why=f"{error.why}; and the Hub's conversion to parquet is of the default branch, which "
            f"is at {head[:7]} and not at {repository.commit[:7]}",
            mend=f"leave revision out, or {set_field('revision', CONVERTED_REF)}",
        ) from error
    return converted


def _fetch_conversion(hub: Hub, request: PlanRequest, commit: str, default: str | None) -> Source:
    files = fetch_converted_files(
        hub, request.hf_id, commit, request.subset, request.split, default=default
    )
    warning = (
        "the dataset is not published as parquet, so its files are the Hub's own conversion "
        f"({CONVERTED_REF} at {commit[:7]})"
    )
    return Source(commit, files, (warning,))
