"""What becomes of a module that is asked for: values in, values out.

there is                 and asked for is      then
nothing                  anything              it is fetched
a link                   another               the link is replaced; what it leads to stays
unchanged files          their commit          nothing
                         another commit        they are replaced, with a warning
files changed here       their commit          they are kept, with a warning
                         a branch that moved   they are kept, with a warning
                         another revision      a person is asked
                         with `overwrite`      they are replaced; a copy is kept
"""

from pathlib import Path
from typing import Literal

from hugflow.flows.dependencies import Dependency
from hugflow.flows.present import Present
from hugflow.flows.records import NO_COMMIT
from hugflow.late_dataclass import dataclass

Action = Literal["keep", "replace", "ask"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and what a person is told of it.

    keeps_copy: what is replaced holds changes that exist nowhere else.
    """

    action: Action
    warning: str | None = None
    keeps_copy: bool = False


KEEP = Decision("keep")


def decide(asked: Dependency, commit: str, present: Present, target: Path | None) -> Decision:
    """Decide about one module.

    commit: of the revision that is asked for. target: the folder that a local revision means.
    """
    if present.kind == "absent":
        return Decision("replace")
    if present.kind == "link":
        return _decide_about_link(asked, present, target)
    if present.synced is None:
        return _decide_about_unknown(asked)
    is_current = commit == present.synced.commit
    change = f"{present.synced} ({_short(present.synced.commit)}) -> {asked} ({_short(commit)})"
    if not present.is_modified:
        return KEEP if is_current else Decision("replace", f"replaced {change}")
    if asked.overwrite:
        return Decision("replace", f"overwrote the local changes: {change}", keeps_copy=True)
    if is_current:
        kept = f"kept the local changes in {asked}; `overwrite` discards them"
        return Decision("keep", kept)
    if asked.revision == present.synced.revision:
        kept = f"kept the local changes in {asked}, which has moved on: {change}"
        return Decision("keep", f"{kept}; `overwrite` takes the new commit")
    return Decision("ask", f"replaced the local changes: {change}", keeps_copy=True)


def _decide_about_link(asked: Dependency, present: Present, target: Path | None) -> Decision:
    if target is not None and target == present.link:
        return KEEP
    return Decision(
        "replace", f"replaced the link of {asked.module}; {present.link} stays as it is"
    )


def _decide_about_unknown(asked: Dependency) -> Decision:
    what = f"{asked.module.path}, which no sync made"
    if asked.overwrite:
        return Decision("replace", f"overwrote {what}", keeps_copy=True)
    return Decision("ask", f"replaced {what}", keeps_copy=True)


def _short(commit: str) -> str:
    return "a local folder" if commit == NO_COMMIT else commit[:7]
