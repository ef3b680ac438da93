"""Where a stored dataset has left its records, in the words of `hugflow drift`, and the way back.

Nothing is deleted: damaged and unknown files are moved to

    STORAGE_ROOT/.set-aside/<name>/<UTC time>/<path in the tree>
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from hugflow.audit import Deed, record
from hugflow.late_dataclass import dataclass
from hugflow.requests.model import AddRequest
from hugflow.shards.plan import Plan
from hugflow.stages.build.options import Options
from hugflow.stages.planning.open_build import changed_fields
from hugflow.stages.standing.stored import list_names
from hugflow.stages.tree.exclusive import hold_whole
from hugflow.store.atomic import disk_errors, make_folder, sync_folder
from hugflow.store.layout import Places
from hugflow.store.trash import is_folder, stands
from hugflow.verify.differences import DAMAGED, Code, Difference

Kind = Literal[
    "upstream moved",
    "upstream gone",
    "request changed",
    "file missing",
    "file changed",
    "link wrong",
    "orphan",
]

_LINK: Final[frozenset[Code]] = frozenset({"link_differs", "link_missing", "link_not_a_link"})
_MISSING: Final[frozenset[Code]] = frozenset(
    {
        "file_missing",
        "flow_rows_missing",
        "folder_missing",
        "index_missing",
        "json_missing",
        "manifest_missing",
        "mp3_missing",
        "row_missing",
        "tree_missing",
    }
)
_ORPHAN: Final[frozenset[Code]] = frozenset({"temporary_file", "unknown_file"})
_MOST_WORDS: Final = 3
# A file of another size is no file to a sync, which makes it again in its place.
_SET_ASIDE: Final[frozenset[Code]] = (DAMAGED - {"row_missing"}) | _ORPHAN


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """One thing that is not as it should be. what: in words, without a full stop."""

    kind: Kind
    what: str
    path: str | None = None
    row: int | None = None


def without_consequences(differences: Sequence[Difference]) -> list[Difference]:
    """The differences without those that a damaged `failures.jsonl` makes of its rows."""
    if not any(Path(each.path).name == "failures.jsonl" for each in differences):
        return list(differences)
    return [each for each in differences if each.code not in ("row_missing", "manifest_differs")]


def to_findings(differences: Sequence[Difference]) -> list[DriftFinding]:
    """Differences of `hugflow verify` as findings: one for each damaged file."""
    damaged = {each.path for each in differences if each.code == "index_changed"}
    by_place: dict[tuple[str, int | None], list[Difference]] = {}
    for each in differences:
        # The rows of a damaged index are not at fault.
        row = None if each.path in damaged else each.row
        by_place.setdefault((each.path, row), []).append(each)
    return [
        DriftFinding(_kind_of(found[0]), _in_words(found), path, row)
        for (path, row), found in by_place.items()
    ]


def _kind_of(difference: Difference) -> Kind:
    if difference.code in _LINK:
        return "link wrong"
    if difference.code in _MISSING:
        return "file missing"
    return "orphan" if difference.code in _ORPHAN else "file changed"


def _in_words(found: Sequence[Difference]) -> str:
    more = f"; and {len(found) - _MOST_WORDS} more" if found[_MOST_WORDS:] else ""
    return "; ".join(each.message for each in found[:_MOST_WORDS]) + more


def find_changed_request(
    request: AddRequest | None, plan: Plan, options: Options
) -> list[DriftFinding]:
    """Whether the request asks for other rows than the plan in force has."""
    fields = changed_fields(request, plan.request, options) if request is not None else []
    words = f"{', '.join(fields)} differ from the plan in force" if fields else ""
    return [DriftFinding("request changed", words)] if fields else []


def find_orphan_folders(places: Places) -> list[DriftFinding]:
    """Folders directly in STORAGE_ROOT that no dataset here knows of."""
    if not is_folder(places.storage_root):
        return []
    known = {*list_names(places), places.samples("any").parent.name}
    what = "no request, plan or manifest here knows of it; it may be another's, so it stays"
    return [
        DriftFinding("orphan", what, str(path))
        for path in sorted(places.storage_root.iterdir())
        if path.name[0] != "." and path.name not in known
    ]


def set_aside(
    places: Places,
    name: str,
    found: Iterable[Difference],
    now: datetime,
    *,
    actor: str,
    wait_s: float,
) -> list[Path]:
    """Move the damaged and unknown files of a dataset away; returns where they are now.

    The next sync then makes the damaged ones again. The audit trail says how many were moved, and
    where to. Raises Locked while a process works on the dataset.
    """
    root = places.dataset(name).root
    folder = places.set_aside(name) / f"{now.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
    codes = {Path(each.path): each.code for each in found if each.code in _SET_ASIDE}
    paths = _inside(root, codes)
    moved: list[Path] = []
    with hold_whole(places, name, wait_s):
        for path in paths:
            if not stands(path) or (is_folder(path) and codes[path] not in _ORPHAN):
                continue
            target = folder / path.relative_to(root)
            make_folder(target.parent)
            with disk_errors(target):
                path.rename(target)
            sync_folder(path.parent)
            moved.append(target)
        if moved:
            result = {"files": len(moved), "folder": str(folder)}
            record(places, Deed(actor, "set aside", name, result=result))
    return moved


def _inside(root: Path, paths: Iterable[Path]) -> Sequence[Path]:
    """The paths in a tree, each once."""
    return [path for path in dict.fromkeys(paths) if path.is_relative_to(root)]
