"""Comparing a dataset on disk with its plan, manifest, ledger and index.

A complete dataset has a manifest. Every planned row must be in the index and have its files, or be
in `failures.jsonl`. Counts and bytes must be those of the manifest, and no unknown file may be
there. If STATE_DIR was lost, manifest and index are enough for all of this except the size of each
file.

In an unfinished dataset, everything that its ledger says was made must exist. Rows that are not
made yet are no difference, nor are the leftovers of a stopped run.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

from hugflow.audio.isolated import IsolatedFindFaults
from hugflow.errors import StateUnreadable
from hugflow.ledger.journal import Outcome
from hugflow.ledger.progress import read_progress
from hugflow.shards.plans import read_current_id
from hugflow.stages.tree.manifest import MANIFEST, Manifest
from hugflow.store.atomic import is_file
from hugflow.store.layout import Places
from hugflow.store.links import is_linked
from hugflow.store.trash import stands
from hugflow.verify.complete import CompleteTree
from hugflow.verify.differences import Difference, Finder
from hugflow.verify.rows import RowCheck
from hugflow.verify.samples import find_stale_samples
from hugflow.verify.sound import Sound
from hugflow.verify.unfinished import verify_unfinished
from hugflow.verify.values import TreeForm


def verify_dataset(
    places: Places,
    name: str,
    *,
    deep: bool = False,
    workers: int = 2,
    sound: Sound | None = None,
    on_rows: Callable[[Sequence[Outcome]], None] = lambda rows: None,
) -> Iterator[Difference]:
    """Every difference of one dataset, as it is found; rows come in order.

    deep: parse every JSON, and decode every MP3 to its end, `workers` at a time.
    sound: rows of a complete tree that need no deep check; if this call is stopped, its checked
        rows are added.
    on_rows: called with the number of rows that were checked.

    Takes about twenty bytes of memory for each row. Raises OSError for a folder that cannot be
    listed.
    """
    find, folder = Finder(name), places.dataset(name)
    with closing(IsolatedFindFaults()) as find_faults:
        check = RowCheck(folder, find, deep, workers, find_faults, sound)
        yield from _verify(places, check, on_rows)
    yield from find_stale_samples(places, find)


def _verify(
    places: Places, check: RowCheck, on_rows: Callable[[Sequence[Outcome]], None]
) -> Iterator[Difference]:
    find, folder, name = check.find, check.folder, check.find.dataset
    if folder.root.is_symlink():
        yield find("not_a_folder", folder.root, "it is a link")
    if stands(folder.manifest) and not is_file(folder.manifest):
        yield find("not_a_file", folder.manifest, "it is no file")
        return
    manifest: Manifest | None = None
    try:
        manifest = MANIFEST.find(folder.manifest)
    except StateUnreadable as error:
        yield find("manifest_unreadable", folder.manifest, error.why)
    if manifest is not None and manifest.dataset == name:
        yield from _verify_link(places, find)
        yield from _verify_plan(places, find)
        with _kept(check.sound):
            check = replace(check, form=_read_form(manifest), all_audio=manifest.all_audio)
            yield from CompleteTree(places, check, manifest).verify(on_rows)
        return
    if manifest is not None:
        message = f"it is the manifest of {manifest.dataset!r}"
        yield find("manifest_unreadable", folder.manifest, message)
    elif not stands(folder.manifest) and _was_complete(places, name):
        message = "it is missing, and the dataset was complete"
        yield find("manifest_missing", folder.manifest, message)
    yield from verify_unfinished(places, check, on_rows, has_manifest=manifest is not None)


def _read_form(manifest: Manifest) -> TreeForm | None:
    """The form of the rows' JSONs; None if the manifest has impossible column names."""
    try:
        return TreeForm.of(manifest)
    except (KeyError, ValueError):
        return None


@contextmanager
def _kept(sound: Sound | None) -> Iterator[None]:
    """Record the rows found sound if the block is stopped; delete the record if the block ends."""
    try:
        yield
    except BaseException:
        if sound is not None:
            sound.write()
        raise
    if sound is not None:
        sound.forget()


def _was_complete(places: Places, name: str) -> bool:
    progress = read_progress(places.progress(name))
    is_linked_ = is_linked(places.link(name), places.dataset(name).root)
    return is_linked_ or (progress is not None and progress.status == "completed")


def _verify_plan(places: Places, find: Finder) -> Iterator[Difference]:
    """`current` must name a plan, or the next sync fails, however whole the tree is."""
    try:
        read_current_id(places, find.dataset)
    except StateUnreadable as error:
        yield find("plan_unreadable", places.plans(find.dataset) / "current", error.why)


def _verify_link(places: Places, find: Finder) -> Iterator[Difference]:
    path, target = places.link(find.dataset), places.dataset(find.dataset).root
    if not stands(path):
        yield find("link_missing", path, "the dataset is complete, and its link is missing")
    elif not path.is_symlink():
        yield find("link_not_a_link", path, "it is no link")
    elif path.readlink() != target:
        yield find("link_differs", path, f"it leads to {path.readlink()}, not to {target}")
