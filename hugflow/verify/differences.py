"""The findings of `hugflow verify`: their codes, and how to fix each."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from hugflow.late_dataclass import dataclass

Code = Literal[
    "export_changed",
    "failures_unreadable",
    "file_differs",
    "file_missing",
    "flow_row_unreadable",
    "flow_rows_missing",
    "folder_missing",
    "index_changed",
    "index_differs",
    "index_missing",
    "index_unreadable",
    "json_differs",
    "json_missing",
    "json_size",
    "json_unreadable",
    "link_differs",
    "link_missing",
    "link_not_a_link",
    "manifest_differs",
    "manifest_missing",
    "manifest_unreadable",
    "mp3_differs",
    "mp3_missing",
    "mp3_size",
    "mp3_undecodable",
    "not_a_file",
    "not_a_folder",
    "plan_unreadable",
    "row_missing",
    "state_unreadable",
    "temporary_file",
    "tree_missing",
    "unknown_file",
]

# A sync compares names and sizes: a damaged file with the right size must be deleted first.
DAMAGED: Final[frozenset[Code]] = frozenset(
    {
        "flow_row_unreadable",
        "json_unreadable",
        "json_differs",
        "mp3_undecodable",
        "mp3_differs",
        "export_changed",
        "index_changed",
        "index_unreadable",
        "index_differs",
        "row_missing",
    }
)
IN_THE_WAY: Final[frozenset[Code]] = frozenset({"link_not_a_link", "not_a_file", "not_a_folder"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement between the disk and plan, manifest, ledger or index.

    row: None if it is not about one row.
    code: stable, for scripts.
    message: for people.
    """

    dataset: str
    row: int | None
    path: str
    code: Code
    message: str


@dataclass(frozen=True, slots=True)
class Finder:
    """Makes the differences of one dataset."""

    dataset: str

    def __call__(
        self, code: Code, path: Path, message: str, *, row: int | None = None
    ) -> Difference:
        """One difference at `path`."""
        return Difference(self.dataset, row, str(path), code, message)


def mend_differences(
    found: Iterable[Difference], request: str | None, *, drift_fixes: bool = False
) -> list[str]:
    """How to fix the differences of one dataset, step by step; empty if there are none.

    request: the dataset's request file, if the project has one.
    drift_fixes: `hugflow drift --fix` may be used for the dataset: it is or was complete.
    """
    found = list(found)
    codes = {difference.code for difference in found}
    steps = []
    if codes & IN_THE_WAY:
        steps.append("move away what is not the file, folder or link it should be")
    if drift_fixes and request and codes & DAMAGED and "row_missing" not in codes:
        fix = f"`hugflow drift {found[0].dataset} --fix`"
        others = ", unknown files too" if "unknown_file" in codes else ""
        return [*steps, f"{fix} moves damaged files away{others}, and makes the rows again"]
    if codes & DAMAGED:
        steps.append("delete the damaged files")
    if codes - {"unknown_file"}:
        sync = f"`hugflow local-sync {request or 'FILE'}`"
        steps.append(f"{sync} makes what is missing, and clears away temporary files")
    if "unknown_file" in codes:
        steps.append("unknown files are yours: move or delete them")
    return steps
