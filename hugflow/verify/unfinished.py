"""A dataset without a manifest: what its ledger says was made, compared with the disk."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from hugflow.errors import StateUnreadable
from hugflow.ledger.journal import Outcome, RowMade, read_journal
from hugflow.ledger.markers import read_marker
from hugflow.shards.plan import Plan
from hugflow.shards.plans import read_current_id, read_plan
from hugflow.stages.tree.exchange import read_standing
from hugflow.stages.tree.flow_files import made_index_file
from hugflow.store.digest import file_sha256
from hugflow.store.layout import DatasetFolder, Places
from hugflow.store.trash import is_folder, stands
from hugflow.verify.differences import Difference, Finder
from hugflow.verify.rows import Expected, RowCheck


def verify_unfinished(
    places: Places,
    check: RowCheck,
    on_rows: Callable[[Sequence[Outcome]], None],
    *,
    has_manifest: bool,
) -> Iterator[Difference]:
    """Every difference of an unfinished tree; none if there is no plan.

    has_manifest: the tree has a readable manifest that is not used.
    on_rows: called with the number of rows that were checked.
    """
    name, find = check.find.dataset, check.find
    try:
        found = _find_tree(places, name, has_manifest=has_manifest)
    except StateUnreadable as error:
        yield find("state_unreadable", places.plans(name), f"{error.what}: {error.why}")
        return
    if found is None:
        return
    plan, folder = found
    if not is_folder(folder.root):
        rows = sum(map(len, _expect(places, plan)))
        if rows:
            message = f"it is missing, and {rows:,} rows were made"
            yield find("tree_missing", folder.root, message)
        return
    check = replace(check, folder=folder, all_audio=plan.all_audio)
    for looked in check.run(_expect(places, plan)):
        yield from looked.differences
        on_rows(looked.rows)
    yield from _verify_indexes(places, plan, folder, find)


def _find_tree(
    places: Places, name: str, *, has_manifest: bool
) -> tuple[Plan, DatasetFolder] | None:
    """The tree of an unfinished dataset, and the plan of its rows.

    Raises StateUnreadable if a plan is damaged, or the tree holds rows of unknown origin.
    """
    current = read_current_id(places, name)
    if current is None:
        return None
    folder = places.dataset(name)
    # If the manifest cannot be used, neither can the plan that it names.
    standing = current if has_manifest else read_standing(places, name, None, current)
    plan = read_plan(places, name, standing or current)
    if plan is None:
        return None
    beside = places.next_tree(name, plan.id)
    return plan, beside if standing is None and stands(beside.root) else folder


def _expect(places: Places, plan: Plan) -> Iterator[list[Expected]]:
    """The rows that were made according to the ledger, shard by shard."""
    state = places.state(plan.dataset, plan.id)
    for shard in plan.shards:
        outcomes = read_journal(state.journal(shard.name))
        yield [
            Expected(made, made.mp3_bytes is not None, made.json_bytes is not None)
            for row, made in sorted(outcomes.items())
            if isinstance(made, RowMade) and row in shard.row_range
        ]


def _verify_indexes(
    places: Places, plan: Plan, folder: DatasetFolder, find: Finder
) -> Iterator[Difference]:
    """The index of every finished shard must be the one that was written."""
    state = places.state(plan.dataset, plan.id)
    for shard in plan.shards:
        marker = read_marker(state.marker(shard.name, "metadata"))
        if marker is None or marker.index_sha256 is None:
            continue
        index = made_index_file(folder, shard.name)
        if not index.is_file():
            yield find("index_missing", index, "it is missing, and the shard is done")
        elif file_sha256(index) != marker.index_sha256:
            yield find("index_changed", index, "it is not the one that was written")
