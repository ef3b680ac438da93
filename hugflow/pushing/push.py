"""Pushing one finished dataset: shard by shard, the manifest last."""

import tempfile
from collections.abc import Sequence
from typing import Protocol

from hugflow.activity import step
from hugflow.audit import Deed, record
from hugflow.clients.hub import Hub
from hugflow.clients.repository import RepoId
from hugflow.errors import UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.pushing.checked import CheckedTree
from hugflow.pushing.files import PushFile, shard_names, write_last, write_shard
from hugflow.pushing.open_tree import open_tree
from hugflow.redact import redact
from hugflow.store.atomic import make_folder
from hugflow.store.layout import Places

HUB_SCHEME = "hf://"


class Destination(Protocol):
    """Where a dataset is pushed to."""

    def open(self, dataset: str, version: str) -> None:
        """Prepare for the files of a version. Raises UsageWrong if others' would be replaced."""

    def send(self, file: PushFile) -> bool:
        """Send a shard; False if it is known to be there already."""

    def finish(self, last: Sequence[PushFile], version: str) -> str:
        """Send card and manifest, and make the version visible; returns its address."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A version that is at its destination.

    kept: shards that were there already; always 0 on the Hub, which does not say what it had.
    """

    version: str
    address: str
    sent: int
    kept: int
    bytes: int


def open_destination(
    text: str, hub: Hub, *, is_private: bool, is_replacing: bool = False
) -> Destination:
    """The destination that a person names: `owner/name` or `hf://...` on the Hub, else an address.

    is_replacing: what is there is replaced even if it is not of an earlier push of the dataset.

    Raises UsageWrong.
    """
    if "://" in text and not text.startswith(HUB_SCHEME):
        from hugflow.pushing.to_storage import StorageDestination

        return StorageDestination(text, is_replacing)
    from hugflow.pushing.to_hub import HubDestination

    name = text.removeprefix(HUB_SCHEME).removeprefix("datasets/").strip("/")
    if name.count("/") != 1 or not all(name.split("/")):
        raise UsageWrong(
            f"{redact(text)!r} is no destination",
            why="it is neither owner/name of the Hub nor an address",
            mend="give owner/name, or an address such as s3://bucket/folder",
        )
    return HubDestination(hub, RepoId.dataset(name), is_private, is_replacing)


def push_dataset(
    places: Places, name: str, destination: Destination, *, actor: str, where: str
) -> Pushed:
    """Push the complete tree of a dataset.

    Raises UsageWrong when it is not complete, PlanOutOfDate when a sync or a rollback replaces it
    meanwhile, and StateUnreadable when a file is damaged: then nothing of it is visible.
    """
    scratch_root = places.state_dir / "pushing"
    sent, size = 0, 0
    with open_tree(places, name) as tree:
        manifest, version = tree.manifest, tree.version.id
        shards = shard_names(manifest)
        make_folder(scratch_root)
        destination.open(name, version)
        with (
            tempfile.TemporaryDirectory(dir=scratch_root) as scratch_name,
            step(f"pushing {name}", total=len(shards)) as pushing,
        ):
            scratch, checked = scratch_root / scratch_name, CheckedTree(tree)
            for index, path in shards.items():
                shard = write_shard(checked, index, path, scratch)
                tree.refuse_change()
                size += shard.size_bytes
                sent += destination.send(shard)
                shard.file.unlink()
                pushing.advance()
            checked.finish()
            last = write_last(tree, scratch)
            tree.refuse_change()
            address = destination.finish(last, version)
    result = {"to": redact(where), "version": version, "bytes": size}
    record(places, Deed(actor, "pushed", name, manifest.commit, manifest.plan, result))
    return Pushed(version, address, sent, len(shards) - sent, size)
