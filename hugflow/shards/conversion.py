"""The Hub's conversion of a dataset to parquet, and whether it is up to date.

The Hub converts the head of the default branch some time after each commit. It does not say which
commit it converted, only when. A conversion that is older than the newest change of the data files
holds other rows than the head. README.md and .gitattributes change no row.
"""

from hugflow.clients.choices import set_field
from hugflow.clients.converted import not_converted_yet
from hugflow.clients.hub import Hub
from hugflow.clients.hub_errors import RevisionMissing
from hugflow.clients.published import NotParquet
from hugflow.clients.repository import CONVERTED_REF, Conversion, DatedCommit, RepoId, Repository
from hugflow.errors import RequestInvalid

MAIN = "main"
_NO_DATA = frozenset({"readme.md", ".gitattributes"})


def find_conversion(hub: Hub, repository: Repository, error: NotParquet) -> Conversion:
    """The Hub's conversion of this very commit.

    error: why a conversion is needed.

    Raises RequestInvalid when the Hub will not convert the commit, NotConvertedYet when it has not
    done so yet.
    """
    repo = repository.repo
    try:
        converted = hub.fetch_commit(repo, CONVERTED_REF)
    except RevisionMissing:
        raise RequestInvalid(
            error.what,
            why=f"{error.why}; and the Hub has no conversion of the dataset to parquet "
            f"({CONVERTED_REF})",
            mend="choose a revision that holds parquet files, such as refs/convert/parquet once the "
            "Hub has converted the dataset, or ask its owner for one",
        ) from error
    head, at_conversion = _find_heads(hub, repo, converted)
    if head.id != repository.commit:
        raise RequestInvalid(
            error.what,
            why=f"{error.why}; and the Hub's conversion to parquet is of the default branch, which "
            f"is at {head.id[:7]} and not at {repository.commit[:7]}",
            mend=f"leave revision out, or {set_field('revision', CONVERTED_REF)}",
        ) from error
    changed = _find_change(hub, repo, at_conversion, head)
    if changed is not None:
        raise not_converted_yet(
            f"{repo}@{head.id[:7]}",
            why=f"its conversion to parquet is of {converted.date}; {changed} has changed since, "
            f"and the newest commit is of {head.date}",
            has_rows=True,
        ) from error
    return Conversion.of(converted, head)


def read_conversion(hub: Hub, repo: RepoId, commit: str, files_commit: str) -> Conversion:
    """The conversion that an earlier plan uses, with the dates of both commits."""
    return Conversion.of(hub.fetch_commit(repo, files_commit), hub.fetch_commit(repo, commit))


def describe_conversion(hub: Hub, repo: RepoId, commit: str) -> Conversion | None:
    """The conversion that a request names, with the present head; None without a head."""
    try:
        return Conversion.of(hub.fetch_commit(repo, commit), hub.fetch_commit(repo, MAIN))
    except RevisionMissing:
        return None


def warn_of_lag(conversion: Conversion | None) -> tuple[str, ...]:
    """Warnings about a conversion that the request itself names."""
    if conversion is None or conversion.head_date <= conversion.date:
        return ()
    return (
        f"the conversion is of {conversion.date} and the newest commit of {MAIN} of "
        f"{conversion.head_date}: it may hold other rows",
    )


def _find_heads(
    hub: Hub, repo: RepoId, converted: DatedCommit
) -> tuple[DatedCommit, DatedCommit | None]:
    """The present head of the default branch, and the newest commit that the conversion may hold.

    The second is None if all commits are younger than the conversion.
    """
    head: DatedCommit | None = None
    for commit in hub.list_commits(repo, MAIN):
        head = head or commit
        if commit.at <= converted.at:
            return head, commit
    return head or hub.fetch_commit(repo, MAIN), None


def _find_change(
    hub: Hub,
    repo: RepoId,
    before: DatedCommit | None,
    after: DatedCommit,
    folder: str | None = None,
) -> str | None:
    """The path of a data file that differs between two commits; None if their data is the same.

    Folders with one git id are equal, so only folders with different ids are compared.
    """
    if before is not None and before.id == after.id:
        return None
    old = hub.list_oids(repo, before.id, folder) if before is not None else {}
    new = hub.list_oids(repo, after.id, folder)
    differing = sorted(path for path in {*old, *new} if old.get(path) != new.get(path))
    folders = [path for path in differing if path.endswith("/")]
    for path in differing:
        if path not in folders and path.rpartition("/")[2].casefold() not in _NO_DATA:
            return path
    for path in folders:
        if path not in old or path not in new:
            return path
        if changed := _find_change(hub, repo, before, after, path.removesuffix("/")):
            return changed
    return None
