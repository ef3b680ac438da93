"""Pushing one finished dataset: shard by shard, the manifest last."""

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hugflow.audit import Deed, record
from hugflow.clients.hub import Hub
from hugflow.clients.repository import RepoId
from hugflow.errors import UsageWrong
from hugflow.pushing.files import PushFile, manifest_file, shard_names, write_card, write_shards
from hugflow.redact import redact
from hugflow.stages.tree.versions import read_version
from hugflow.store.atomic import make_folder
from hugflow.store.layout import Places

log = logging.getLogger(__name__)

HUB_SCHEME = "hf://"


class Destination(Protocol):
    """Where a dataset is pushed to."""

    def open(self, dataset: str, version: str) -> None:
        """Prepare for the files of a version. Raises UsageWrong if others' would be replaced."""

    def send(self, file: PushFile) -> bool:
        """Send a shard; False if it was there."""

    def finish(self, last: Sequence[PushFile], version: str) -> str:
        """Send card and manifest, and make the version visible; returns its address."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A version that is at its destination."""

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
    places: Places,
    name: str,
    destination: Destination,
    *,
    actor: str,
    where: str,
    on_shard: Callable[[int, int], None] = lambda done, all_: None,
) -> Pushed:
    """Push the complete tree of a dataset. Raises UsageWrong when it is not complete.

    on_shard: called with the number of shards that are there, and of all.
    """
    version = read_version(places.dataset(name), name)
    if version is None:
        raise UsageWrong(
            f"{name} is not complete, so it is not pushed",
            why="only a dataset with a manifest has all its rows",
            mend="`hugflow local-sync` on its request makes the rest",
        )
    scratch_root = places.state_dir / "pushing"
    make_folder(scratch_root)
    manifest, folder = version.manifest, version.folder
    count, sent, size = len(shard_names(manifest)), 0, 0
    destination.open(name, version.id)
    with tempfile.TemporaryDirectory(dir=scratch_root) as scratch_name:
        scratch = scratch_root / scratch_name
        for done, shard in enumerate(write_shards(folder, manifest, scratch), start=1):
            size += shard.size_bytes
            sent += destination.send(shard)
            shard.file.unlink()
            on_shard(done, count)
        last = [write_card(folder, manifest, scratch), manifest_file(folder)]
        address = destination.finish(last, version.id)
    result = {"to": redact(where), "version": version.id, "bytes": size}
    record(places, Deed(actor, "pushed", name, manifest.commit, manifest.plan, result))
    return Pushed(version.id, address, sent, count - sent, size)
