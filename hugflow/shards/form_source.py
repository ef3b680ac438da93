"""The files that a request's `source:` means: by the patterns of a recipe, a form, or a layout."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from hugflow.amounts import count
from hugflow.clients.hub import Hub
from hugflow.clients.published import SplitFiles, fetch_split_files
from hugflow.clients.repository import PublishedFile, Repository
from hugflow.errors import RequestInvalid
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.requests.recipes import read_recipe
from hugflow.requests.sources import SourceSpec, TableForm
from hugflow.shards.layouts.archives import is_archive
from hugflow.shards.layouts.clips import is_clip
from hugflow.shards.layouts.registry import LAYOUTS
from hugflow.shards.layouts.split_archives import is_part, published_paths, whole_paths
from hugflow.shards.layouts.tables import is_table
from hugflow.shards.patterns import matcher, to_regexes
from hugflow.shards.plan_request import PlanRequest, is_imported
from hugflow.shards.resolution.listing import Listing

_KALDI: Final = "kaldi"


@dataclass(frozen=True, slots=True)
class FormFiles:
    """The files of a request by its form; tables first.

    layout: the name of the layout that reads them.
    published: all files of the repository.
    """

    files: Sequence[PublishedFile]
    layout: str
    form: TableForm | None
    warnings: tuple[str, ...]
    published: Sequence[PublishedFile]


def fetch_by_source(hub: Hub, repository: Repository, request: PlanRequest) -> FormFiles:
    """The files of a request that says how they are published.

    Raises RequestInvalid if no file fits, and for a subset that the patterns need.
    """
    spec = SourceSpec.from_text(request.source or "{}")
    listing = Listing.fetch(hub, repository)
    repository = listing.repository
    if spec.layout is not None:
        return _of_layout(listing, request, spec.layout)
    recipe = read_recipe(spec.recipe) if spec.recipe is not None else None
    forms = recipe.forms if recipe is not None else (spec.form or TableForm(),)
    what = f"the recipe {recipe.name}" if recipe is not None else "the form of the request"
    if spec.archive is not None:
        forms = tuple(form for form in forms if form.inside) or forms
    _refuse_no_subset(repository, request, forms, what)
    tried: list[str] = []
    for form in forms:
        found = _match(form, repository, request, tried)
        if found is None:
            continue
        tables, audio = found
        paths = (*tables, *audio)
        files = listing.find(paths)
        layout = choose_by_form(form, audio)
        told = (
            f"{what} is read: {count(len(tables), 'table')}, {count(len(audio), 'file')} of audio"
        )
        left = _left_out(repository, paths, layout)
        warnings = (f"{told}; the layout is {layout}", *left)
        return FormFiles(files, layout, form, warnings, listing.files)
    raise RequestInvalid(
        f"{repository.repo}@{repository.commit[:7]}: {what} finds no files",
        why=f"nothing matches {', '.join(map(repr, tried[:4]))}; {_example(repository)}",
        mend="check subset and split; or write the patterns of this dataset in `source`, as "
        "`source: {table: data/*.csv, audio: clips/**}`",
    )


def _refuse_no_subset(
    repository: Repository, request: PlanRequest, forms: Sequence[TableForm], what: str
) -> None:
    patterns = [(*form.table, *form.audio) for form in forms]
    if request.subset is None and all("{subset}" in "".join(each) for each in patterns):
        raise RequestInvalid(
            f"{repository.repo}@{repository.commit[:7]}: {what} needs a subset",
            why=f"its files are found as {patterns[0][0]!r}",
            mend="set subset, which is often a language, as in subset: ms",
        )


def choose_by_form(form: TableForm, audio: Sequence[str]) -> str:
    """The name of the layout that reads the files of a form."""
    if form.format == "kaldi":
        return _KALDI
    if all(is_archive(path) or is_part(path) for path in audio):
        return "table_archives" if form.table else "webdataset"
    return "table" if form.table else "audio_folder"


def match_paths(
    patterns: Sequence[str], form: TableForm, request: PlanRequest, paths: Sequence[str]
) -> list[str]:
    """The paths that one of the patterns matches, by code point."""
    return sorted(filter(matcher(to_regexes(patterns, form, request)), paths))


def _match(
    form: TableForm, repository: Repository, request: PlanRequest, tried: list[str]
) -> tuple[list[str], list[str]] | None:
    """The tables and the audio of a form; None if it lacks one of them."""
    archives = ("**",) if is_imported(request) or not form.archives else form.archives
    audio_patterns = archives if form.inside else form.audio
    audio = match_paths(audio_patterns, form, request, whole_paths(repository.paths))
    audio = [path for path in audio if is_archive(path) or (is_clip(path) and not form.inside)]
    if {is_archive(path) for path in audio} == {True, False}:
        audio = [path for path in audio if is_clip(path)]
    audio = published_paths(audio, repository.paths)
    if form.inside:
        tried.extend(audio_patterns if not audio else ())
        return ([], audio) if audio else None
    tables = match_paths(form.table, form, request, repository.paths)
    tried.extend(form.table if form.table and not tables else ())
    tried.extend(form.audio if form.audio and not audio else ())
    lacks = (form.table and not tables) or (form.audio and not audio)
    return None if lacks else (tables, audio)


def _of_layout(listing: Listing, request: PlanRequest, layout: str) -> FormFiles:
    """The files of a split that a named layout takes."""
    takes, repository = LAYOUTS[layout].takes, listing.repository
    if layout == "webdataset" and not any(map(takes, repository.paths)):
        takes = _may_hold_clips
    found: SplitFiles | None = None
    try:
        found = fetch_split_files(
            listing.hub,
            request.hf_id,
            repository.commit,
            request.subset,
            request.split,
            can_read=takes,
            known=listing.resolve(request.subset),
        )
    except RequestInvalid:
        # What `datasets` finds is of the layout that it chose.
        found = None
    own = [path for path in (found.paths if found is not None else ()) if takes(path)]
    if not own:
        own = _by_split(request.split, [path for path in repository.paths if takes(path)])
    if not own:
        raise RequestInvalid(
            f"{repository.repo}@{repository.commit[:7]}: no file has the layout {layout}",
            why=f"the request names it in `source`; {_example(repository)}",
            mend="name another layout, or delete the line with source",
        )
    files = listing.find(own)
    told = f"the layout is {layout}, as the request says: {count(len(files), 'file')}"
    # A table says itself which clips, or members of archives, are in no row.
    left = () if all(map(is_table, own)) else _left_out(repository, own, layout)
    warnings = (told, *left)
    return FormFiles(files, layout, None, warnings, listing.files)


def _may_hold_clips(path: str) -> bool:
    """Whether a file is an archive: where there are no tars, packed ones are read as these."""
    return is_archive(path) or is_part(path)


def _by_split(split: str, paths: Sequence[str]) -> list[str]:
    """The paths with the split's name in them; all if none has it."""
    word = re.compile(rf"(^|[-._ /0-9]){re.escape(split)}($|[-._ /0-9])")
    named = [path for path in paths if word.search(path)]
    return sorted(named or paths)


def _left_out(repository: Repository, taken: Sequence[str], layout: str) -> tuple[str, ...]:
    """A warning for archives, or for clips, that are not read."""
    is_data = is_archive if any(map(is_archive, taken)) else is_clip
    if layout == _KALDI:
        # Which clips are read is in the lines of wav.scp.
        return ()
    left = sorted({path for path in repository.paths if is_data(path)} - set(taken))
    if not left:
        return ()
    return (f"left out: {len(left):,} files match no pattern, such as {in_a_line(left[0])!r}",)


def _example(repository: Repository) -> str:
    names = [path for path in repository.paths if not path.startswith(".") and path != "README.md"]
    names.sort(key=lambda path: (PurePosixPath(path).suffix == ".md", path))
    return f"the repository has files like {in_a_line(names[0])!r}" if names else "it has no files"
