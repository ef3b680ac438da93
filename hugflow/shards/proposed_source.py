"""The `source` that would have a repository read whose rows only a loading script gives."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hugflow.requests.recipes import read_recipe
from hugflow.requests.sources import RECIPES, TableForm
from hugflow.shards.form_source import match_paths
from hugflow.shards.layouts.archives import is_archive
from hugflow.shards.layouts.clips import is_clip
from hugflow.shards.layouts.registry import LAYOUTS
from hugflow.shards.layouts.split_archives import whole_paths
from hugflow.shards.layouts.tables import NO_TABLES, is_table
from hugflow.shards.plan_request import PlanRequest

_SUBSET: Final = "{subset}"
# Of a large repository, so many paths and names of folders are tried.
_MOST_PATHS: Final = 5_000
_MOST_SUBSETS: Final = 40


def propose_source(request: PlanRequest, paths: Sequence[str]) -> str | None:
    """What to write into a request, in words; None if nothing fits.

    paths: of all files, or of the first ones. A recipe comes before a layout.
    """
    known = [path for path in whole_paths(paths[:_MOST_PATHS]) if not path.startswith(".")]
    for name in RECIPES:
        for form in read_recipe(name).forms:
            subset = _find_subset(form, request, known)
            if subset is not None:
                more = f" and subset: {subset}" if subset != (request.subset or "") else ""
                return f"source: {{recipe: {name}}}{more}"
    layout = _find_layout(known)
    return None if layout is None else f"source: {{layout: {layout}}}"


def _find_subset(form: TableForm, request: PlanRequest, paths: Sequence[str]) -> str | None:
    """The subset with which a form finds tables and clips; "" if it needs none, None for none."""
    if form.inside or not form.table or not (form.audio or form.format == "kaldi"):
        # Too many repositories have such files.
        return None
    patterns = "".join((*form.table, *form.audio))
    subsets = [request.subset or ""]
    if request.subset is None and _SUBSET in patterns:
        subsets = _folders(paths)
    for subset in subsets:
        asked = replace(request, subset=subset or None)
        if match_paths(form.table, form, asked, paths) and (
            not form.audio or match_paths(form.audio, form, asked, paths)
        ):
            return subset
    return None


def _folders(paths: Sequence[str]) -> list[str]:
    """Names of folders that a plain YAML may hold, and so be subsets."""
    found = dict.fromkeys(part for path in paths for part in path.split("/")[:-1])
    return [name for name in found if re.fullmatch(r"[A-Za-z][\w-]*", name)][:_MOST_SUBSETS]


def _find_layout(paths: Sequence[str]) -> str | None:
    """The layout that would read files of the repository; None for none."""
    tables = [path for path in paths if is_table(path) and path.rpartition("/")[2] not in NO_TABLES]
    if tables and any(map(is_clip, paths)):
        return "table"
    if tables and any(map(is_archive, paths)):
        return "table_archives"
    names = ("parquet", "webdataset", "arrow", "audio_folder")
    return next((name for name in names if any(map(LAYOUTS[name].takes, paths))), None)
