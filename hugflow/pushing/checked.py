"""What is read from a tree to be pushed, compared with what was recorded when it was made.

    index   its sha256 with the manifest's
    MP3     its bytes with the journal, where STATE_DIR still has it; its frames with the CRC-16 in
            its own tag, where we encoded it; the bytes of all together with the manifest

A damaged file ends the push before its shard is sent, so nothing becomes visible.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import BinaryIO

from hugflow.audio.info_tag import are_frames_as_tagged, crc16
from hugflow.errors import StateUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import RowMade, read_journal
from hugflow.names import mp3_paths
from hugflow.pushing.open_tree import OpenTree

_TAG_IS_WITHIN = 1024
_PIECE_BYTES = 1 << 20


@dataclass(slots=True)
class CheckedTree:
    """A tree whose files are compared as they are read. mp3_bytes: of all that were read."""

    tree: OpenTree
    mp3_bytes: int = 0
    _sizes: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def open_index(self, index: str) -> Iterator[BinaryIO]:
        """Open an index of the manifest; its MP3s are read next. Raises StateUnreadable."""
        try:
            file = self.tree.open(index)
        except OSError as error:
            raise self._damaged(index, error.strerror or str(error)) from error
        with file:
            found = _hash(file)
            wanted = self.tree.manifest.index[index]
            if found != wanted:
                raise self._damaged(
                    index, f"its sha256 is {found}, where the manifest says {wanted}"
                )
            file.seek(0)
            self._sizes = self._read_sizes(Path(index).stem)
            yield file

    def read_mp3(self, path: str) -> bytes:
        """The bytes of an MP3 of the open index. Raises StateUnreadable."""
        try:
            data = self.tree.read(path)
        except OSError as error:
            raise self._damaged(path, error.strerror or str(error)) from error
        wanted = self._sizes.get(path, len(data))
        if not data or len(data) != wanted:
            why = f"it has {len(data):,} bytes, where "
            why += f"{wanted:,} were written" if data else "no file is empty"
            raise self._damaged(path, why)
        view = memoryview(data)
        if not are_frames_as_tagged(data[:_TAG_IS_WITHIN], lambda offset: crc16(view[offset:])):
            raise self._damaged(path, "its bytes are not those that were written (CRC-16)")
        self.mp3_bytes += len(data)
        return data

    def finish(self) -> None:
        """Compare all MP3s together, once each was read. Raises StateUnreadable."""
        manifest = self.tree.manifest
        # With steps, rows may be left out, and the manifest counts them too.
        if manifest.flows is None and self.mp3_bytes != manifest.audio.bytes:
            why = f"its MP3s have {self.mp3_bytes:,} bytes, where the manifest says "
            raise self._damaged("audio", f"{why}{manifest.audio.bytes:,}")

    def _read_sizes(self, shard_name: str) -> dict[str, int]:
        """The bytes of each MP3 of a shard, by its path; none if its journal is gone."""
        tree, manifest = self.tree, self.tree.manifest
        state = tree.places.state(manifest.dataset, manifest.plan)
        made = read_journal(state.journal(shard_name)).values()
        return {
            path: clip.mp3_bytes
            for row in made
            if isinstance(row, RowMade)
            for path, clip in zip(mp3_paths(row.stem, manifest.all_audio), row.clips, strict=False)
            if clip.mp3_bytes is not None
        }

    def _damaged(self, path: str, why: str) -> StateUnreadable:
        # Another version in use is the reason then, and not damage.
        self.tree.refuse_change()
        name = self.tree.manifest.dataset
        return StateUnreadable(
            f"{name} was not pushed: {path} is not as it was made",
            why=why,
            mend=f"`hugflow verify {name}` lists what is damaged, `hugflow drift {name} --fix` makes "
            "it again; then push again",
        )


def _hash(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()
