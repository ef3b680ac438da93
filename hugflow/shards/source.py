"""Which files a request means: the dataset's own, or the Hub's conversion of them to parquet."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hugflow.amounts import count
from hugflow.clients.converted import NotConvertedYet, fetch_converted_files
from hugflow.clients.hub import Hub
from hugflow.clients.published import (
    CardUnreadable,
    NotParquet,
    SplitFiles,
    fetch_split_files,
    not_parquet,
)
from hugflow.clients.repository import CONVERTED_REF, Conversion, PublishedFile, Repository
from hugflow.errors import RequestInvalid
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.requests.sources import SourceSpec, TableForm
from hugflow.shards.card_features import all_features
from hugflow.shards.card_settings import TABLES, keep_metadata, read_card_form
from hugflow.shards.conversion import (
    describe_conversion,
    find_conversion,
    read_conversion,
    warn_of_lag,
)
from hugflow.shards.form_source import fetch_by_source
from hugflow.shards.layouts.clips import is_clip
from hugflow.shards.layouts.cut_rows import CUT_LAYOUTS, ROW_LAYOUTS
from hugflow.shards.layouts.registry import LAYOUTS, can_read, choose_layout
from hugflow.shards.layouts.split_archives import UNREAD_ARCHIVES, find_split_archives
from hugflow.shards.layouts.tables import is_table
from hugflow.shards.plan import PARQUET
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.resolution.listing import Listing
from hugflow.shards.unreadable_source import explain, refuse_empty
from hugflow.shards.unseen_clips import find_unseen_clips, have_texts

AUDIO_FOLDER: Final = "audio_folder"


@dataclass(frozen=True, slots=True)
class Source:
    """The files that hold a request's rows, in order.

    commit: the commit of the files; for a conversion it differs from the repository's.
    layout: the name of the files' layout.
    form: in which they are read, if the request or the card says it.
    audio_column: the one that the card declares of tables; None if it declares none, or several.
    published: all files of the repository at that commit; None if they were not listed.
    """

    commit: str
    files: Sequence[PublishedFile]
    layout: str = PARQUET
    warnings: tuple[str, ...] = ()
    conversion: Conversion | None = None
    published: Sequence[PublishedFile] | None = None
    form: TableForm | None = None
    audio_column: str | None = None

    def as_read(self, request: PlanRequest) -> PlanRequest:
        """The request for a layout: its source is the one form that the files have."""
        is_asked = {"audio_column", "audio_columns"} & {*request.asked}
        if self.audio_column is not None and not is_asked:
            asked = (*request.asked, "audio_column")
            request = replace(request, audio_column=self.audio_column, asked=asked)
        if self.form is None:
            return request
        return replace(request, source=SourceSpec(form=self.form).to_text())


def fetch_source(
    hub: Hub, repository: Repository, request: PlanRequest, *, files_commit: str | None = None
) -> Source:
    """Choose the files to read, and their commit.

    files_commit: the conversion that an earlier plan at the same commit uses.

    Raises RequestInvalid when there is no such subset or split, or when there are neither files of
    a known layout nor a whole conversion by the Hub; NotConvertedYet when the conversion is still
    to come.
    """
    hf_id, commit = request.hf_id, repository.commit
    if request.source is not None:
        by_source = fetch_by_source(hub, repository, request)
        return Source(
            commit,
            by_source.files,
            by_source.layout,
            by_source.warnings,
            published=by_source.published,
            form=by_source.form,
        )
    if _is_conversion(repository, request):
        files = fetch_converted_files(hub, hf_id, commit, request.subset, request.split)
        conversion = describe_conversion(hub, repository.repo, commit)
        return Source(commit, files, warnings=warn_of_lag(conversion), conversion=conversion)
    refuse_empty(hub, repository)
    found: SplitFiles | None = None
    own: str | None = None
    listing = Listing(hub, repository, {})
    try:
        if repository.script is not None:
            raise _only_by_script(repository, repository.script)
        listing = Listing.fetch(hub, repository)
        repository, known = listing.repository, listing.resolve(request.subset)
        try:
            found = fetch_split_files(
                hub, hf_id, commit, request.subset, request.split, can_read=can_read, known=known
            )
            own = choose_layout(found.paths, repository.paths)
        except NotParquet:
            # `datasets` sees no file that it knows; it knows neither m4a nor tgz.
            found = find_unseen_clips(listing, request, None)
            if found is None:
                raise
            own = choose_layout(found.paths, repository.paths) or AUDIO_FOLDER
            return _own_files(request, listing, found, own, "`datasets` does not know such files")
        is_settled = files_commit not in (None, commit)
        clips = None if own or is_settled else find_unseen_clips(listing, request, found)
        if clips is not None:
            return _own_files(
                request, listing, clips, AUDIO_FOLDER, "it has only the texts beside the clips"
            )
        if own in (None, AUDIO_FOLDER) and (kept := keep_metadata(repository, found)) is not None:
            found, own = kept, AUDIO_FOLDER
        if request.segments is not None and own != PARQUET and own in CUT_LAYOUTS | ROW_LAYOUTS:
            return _own_files(
                request, listing, found, own, "recordings are cut from their own files"
            )
        if own != PARQUET:
            raise _not_parquet(repository, request, found)
    except CardUnreadable as error:
        raise explain(hub, repository, request, error) from error
    except NotParquet as form:
        reason = form if found is not None else _name_a_file(form, repository)
        if found is not None and own is not None and files_commit == commit:
            return _own_files(request, listing, found, own, "the earlier plan read none")
        try:
            source = _fetch_conversion(hub, repository, request, reason, files_commit)
            if own != AUDIO_FOLDER or found is None:
                return source
            return replace(source, warnings=(*source.warnings, *_lost_texts(repository, found)))
        except NotConvertedYet as later:
            if found is None or own is None:
                raise
            return _own_files(
                request, listing, found, own, f"it is not of this commit: {later.why}"
            )
        except RequestInvalid as refused:
            if found is not None and own is not None:
                # The layout is read, so what the files are instead of parquet is no reason.
                why = refused.why.removeprefix(f"{reason.why}; and ")
                return _own_files(request, listing, found, own, why)
            if repository.script is not None:
                raise _with_proposal(refused, request, repository) from reason
            explained = explain(hub, repository, request, reason)
            if explained is not reason:
                raise explained from reason
            raise _with_proposal(refused, request, repository) from reason
    return Source(commit, listing.find(found.paths), published=listing.files)


def _name_a_file(error: NotParquet, repository: Repository) -> NotParquet:
    """The error of a repository whose files no split has; it names one of them."""
    files = (path for path in repository.paths if not path.startswith(".") and path != "README.md")
    example = next(files, None)
    if repository.script is not None or error.reader is not None or example is None:
        return error
    why = f"{error.why}; it has files like {in_a_line(example)!r}"
    return NotParquet(error.what, why=why, subset=error.subset)


def _own_files(
    request: PlanRequest, listing: Listing, found: SplitFiles, layout: str, why: str
) -> Source:
    """The dataset's own files, read in their layout; why: no conversion is read instead."""
    repository, files = listing.repository, listing.find(found.paths)
    features = all_features(repository.card, request.subset) if layout in TABLES else {}
    form = read_card_form(repository, found, layout, features)
    audio = [
        name
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "Audio"
    ]
    told = f"the layout is {layout}: {count(len(files), 'file')}"
    warnings = (
        f"{told}; no conversion to parquet is read, because {why}",
        *_left_out(repository, found, layout),
    )
    return Source(
        repository.commit,
        files,
        layout,
        warnings,
        published=listing.files,
        form=form,
        audio_column=audio[0] if len(audio) == 1 else None,
    )


def _left_out(repository: Repository, found: SplitFiles, layout: str) -> tuple[str, ...]:
    """Warnings for archives in parts, and files of the layout that are in no split."""
    split = find_split_archives(repository.paths)
    are_read = layout in ("table_archives", "webdataset")
    warnings = tuple(
        f"left out: {each.what}, which is not read"
        for each in split
        if not (are_read and each.is_read)
    )
    unread = [path for path in repository.paths if path.lower().endswith(UNREAD_ARCHIVES)]
    if unread:
        named = f"{count(len(unread), 'archive')} of a kind that is not read"
        warnings += (f"left out: {named}, such as {in_a_line(unread[0])!r}",)
    takes = LAYOUTS[layout].takes
    joined = [each for each in split if are_read and not found.of_splits.isdisjoint(each.parts)]
    taken = found.of_splits.union(*(each.parts for each in joined))
    is_table_layout = layout == "table"
    left = [
        path
        for path in repository.paths
        if path not in taken and takes(path) and is_table(path) == is_table_layout
    ]
    # Archives beside tables are in no split by themselves: the layout says which it leaves out.
    is_beside = layout == "table_archives" and all(map(is_table, found.paths))
    if not left or is_beside:
        return warnings
    of = f"the subset {found.subset!r}"
    return (
        *warnings,
        f"left out: {len(left):,} files are in no split of {of}, such as {in_a_line(left[0])!r}",
    )


def _lost_texts(repository: Repository, found: SplitFiles) -> tuple[str, ...]:
    """A warning for texts beside clips, which a conversion by the Hub does not have."""
    clips = [path for path in found.paths if is_clip(path)]
    if len(clips) < len(found.paths) or not have_texts(clips, repository.paths):
        return ()
    return (
        "left out: the texts beside the clips, which the conversion does not have; to read the "
        "clips with them, set source: {layout: audio_folder}",
    )


def _not_parquet(repository: Repository, request: PlanRequest, found: SplitFiles) -> NotParquet:
    is_parquet = LAYOUTS[PARQUET].takes
    other = next((path for path in found.paths if not is_parquet(path)), None)
    return not_parquet(f"{repository.repo}@{repository.commit}", request.split, found, other)


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


def _with_proposal(
    error: RequestInvalid, request: PlanRequest, repository: Repository
) -> RequestInvalid:
    """The error of a repository of no layout, with the `source` that may read its files."""
    # Imported only for the error.
    from hugflow.shards.proposed_source import propose_source

    proposed = propose_source(request, repository.paths)
    if proposed is None:
        return error
    how = "without the script" if repository.script is not None else "so"
    mend = f"its files may be read {how}: write {proposed} into the request; or {error.mend}"
    return RequestInvalid(error.what, why=error.why, mend=mend)


def _fetch_conversion(
    hub: Hub,
    repository: Repository,
    request: PlanRequest,
    error: NotParquet,
    files_commit: str | None,
) -> Source:
    """The conversion that an earlier plan uses, else the present one."""
    if files_commit not in (None, repository.commit):
        settled = str(files_commit)
        conversion = read_conversion(hub, repository.repo, repository.commit, settled)
    else:
        conversion = find_conversion(hub, repository, error)
    commit = conversion.commit
    files = fetch_converted_files(
        hub, request.hf_id, commit, request.subset, request.split, default=error.subset
    )
    warning = (
        "the dataset is not published as parquet, so its files are the Hub's own conversion "
        f"({CONVERTED_REF} at {commit[:7]}, of {conversion.date})"
    )
    return Source(commit, files, warnings=(warning,), conversion=conversion)
