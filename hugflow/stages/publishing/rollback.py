"""Back to an earlier version of a dataset: an exchange of two complete trees.

    plan    plans/<name>/current names the plan of the version
    tree    STORAGE_ROOT/<name> and .versions/<name>/<version> change places, in one call where the
            system has it
    link    PROCESSED_ROOT/<name> leads there

A kill between these leaves one of the two trees in use, whole; the next sync or rollback finishes.
"""

import logging

from hugflow.audit import Deed, record
from hugflow.errors import StateUnreadable, UsageWrong
from hugflow.shards.plans import read_plan, write_current_plan
from hugflow.stages.tree.exchange import undo_half_exchange, write_standing
from hugflow.stages.tree.exclusive import hold_whole
from hugflow.stages.tree.versions import (
    Version,
    list_versions,
    read_version,
    shelve_replaced,
    use_version,
)
from hugflow.store.layout import Places
from hugflow.store.links import link

log = logging.getLogger(__name__)


def roll_back(
    places: Places, name: str, wanted: str | None, *, actor: str, wait_s: float = 0.0
) -> Version:
    """Use a kept version of a dataset; the tree in use until now is kept as a version.

    wanted: the beginning of a version; None means the latest kept one. Returns the version that is
    in use now. Raises UsageWrong when there is no such version, and Locked.
    """
    with hold_whole(places, name, wait_s):
        undo_half_exchange(places, name)
        shelve_replaced(places, name)
        current = read_version(places.dataset(name), name)
        version = choose_version(places, name, wanted, current)
        plan = read_plan(places, name, version.manifest.plan)
        if plan is None:
            raise StateUnreadable(
                f"the version {version.id} of {name} cannot be used",
                why=f"its plan {version.manifest.plan} is no longer in {places.plans(name)}",
                mend="restore the plan from a backup of STATE_DIR",
            )
        deed = Deed(actor, "rolled back", name, plan.commit, plan.id, {"version": version.id})
        record(places, deed)
        write_current_plan(places, plan)
        if current is None or current.id != version.id:
            use_version(places, version)
        write_standing(places, plan)
        link(places.link(name), places.dataset(name).root)
    return Version(version.id, places.dataset(name), version.manifest)


def choose_version(
    places: Places, name: str, wanted: str | None, current: Version | None
) -> Version:
    """The version that a person means. Raises UsageWrong unless there is exactly one."""
    kept = list_versions(places, name)
    if not kept and wanted is None:
        raise UsageWrong(
            f"{name} has no earlier version",
            why="none was kept: KEEP_VERSIONS was 0 when it was last replaced, or it never was",
            mend="set KEEP_VERSIONS to how many versions are to be kept from now on",
        )
    if wanted is None:
        return kept[0]
    known = [*kept, *([current] if current is not None else [])]
    found = {version.id: version for version in known if version.id.startswith(wanted)}
    if len(found) != 1:
        raise UsageWrong(
            f"{name} has no version {wanted!r}" if not found else f"{wanted!r} fits several",
            why=f"kept are {', '.join(version.id for version in kept) or 'none'}",
            mend=f"`hugflow versions {name}` lists them",
        )
    return next(iter(found.values()))
