"""What exists of one dataset, read once per command and passed on as a value."""

from hugflow.errors import StateUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.shards.plan import Plan
from hugflow.shards.plans import read_current_id, read_current_plan, read_plan
from hugflow.stages.tree.manifest import Manifest, read_manifest
from hugflow.store.layout import DatasetFolder, Places
from hugflow.store.links import is_linked


@dataclass(frozen=True, slots=True)
class StoredDataset:
    """A dataset as found on disk at one moment.

    manifest: of the tree in STORAGE_ROOT; None unless the tree is complete.
    is_linked: whether its link in PROCESSED_ROOT leads to the tree.
    plan_id: id of the plan in force.
    plan: the plan in force; None if there is none, or as `glance_at_dataset` says.
    """

    name: str
    folder: DatasetFolder
    manifest: Manifest | None
    is_linked: bool
    plan_id: str | None
    plan: Plan | None

    @property
    def is_current(self) -> bool:
        """Whether the complete tree belongs to the plan in force; also true without a plan."""
        return self.manifest is not None and self.plan_id in (None, self.manifest.plan)

    def find_published(self, plan: Plan) -> Manifest | None:
        """The manifest of the dataset if it is published under `plan`."""
        is_made_by_it = self.manifest is not None and self.manifest.plan == plan.id
        return self.manifest if is_made_by_it and self.is_linked else None


def read_stored_dataset(places: Places, name: str) -> StoredDataset:
    """What exists of a dataset. Raises StateUnreadable when the plan in force cannot be read."""
    plan = read_current_plan(places, name)
    plan_id = plan.id if plan is not None else None
    return _with_tree(places, name, read_manifest(places.dataset(name).manifest), plan_id, plan)


def glance_at_dataset(places: Places, name: str) -> StoredDataset:
    """What exists of a dataset, for callers that only report it.

    The plan is None if the manifest names it, because a plan may be large. Plan and id are None if
    they cannot be read.
    """
    manifest = read_manifest(places.dataset(name).manifest)
    try:
        plan_id = read_current_id(places, name)
        if plan_id is None or (manifest is not None and manifest.plan == plan_id):
            return _with_tree(places, name, manifest, plan_id, None)
        plan = read_plan(places, name, plan_id)
    except StateUnreadable:
        plan = None
    return _with_tree(places, name, manifest, plan.id if plan is not None else None, plan)


def look_again(places: Places, stored: StoredDataset) -> StoredDataset:
    """The dataset with its present manifest and link; the plan is not read again."""
    manifest = read_manifest(stored.folder.manifest)
    return _with_tree(places, stored.name, manifest, stored.plan_id, stored.plan)


def _with_tree(
    places: Places, name: str, manifest: Manifest | None, plan_id: str | None, plan: Plan | None
) -> StoredDataset:
    folder = places.dataset(name)
    linked = is_linked(places.link(name), folder.root)
    return StoredDataset(name, folder, manifest, linked, plan_id, plan)
