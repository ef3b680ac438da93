"""Archives of clips: WebDataset's tars, and Lhotse's Shar. They copy the audio.

Beside WebDataset's tars are the index of `wids`, and what Megatron Energon reads without `energon
prepare`: for each tar an index, with the place of each sample and of the end, as numbers of 64
bits; and in `.nv-meta` the class that loads samples as dictionaries, the number of samples of each
tar, and the tars of the split. https://nvidia.github.io/Megatron-Energon/

A tar holds ROWS_PER_TAR rows. Every member has the same time, owner and mode, so the same dataset
gives the same bytes. WebDataset ends a key at the first dot of the base name, so keys have none.
"""

import hashlib
import json
import re
import struct
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from hugflow.exports.export import Export, ExportFile, ExportSource, Foreseen, Size
from hugflow.exports.lhotse import cut, gzipped, recording
from hugflow.exports.wording import json_line, safe_id

if TYPE_CHECKING:
    from hugflow.exports.rows import ExportRow

ROWS_PER_TAR = 5_000
_BLOCK = tarfile.BLOCKSIZE
_KEY_SIGNS = r"A-Za-z0-9_\x21-\x2d\x3a-\x7e\x80-\U0010ffff"
# Of a member: its header and the rest of its last block.
_MEMBER_BYTES = _BLOCK + _BLOCK // 2


def _member(name: str, content: bytes) -> bytes:
    """A file in a tar, with its header, up to a whole block."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    header = info.tobuf(format=tarfile.PAX_FORMAT, encoding="utf-8")
    return header + content + bytes(-len(content) % _BLOCK)


def _end() -> bytes:
    return bytes(2 * _BLOCK)


def _batches(source: ExportSource) -> Iterator[list["ExportRow"]]:
    """The rows of each tar."""
    rows = source.rows()
    while batch := list(islice(rows, ROWS_PER_TAR)):
        yield batch


def _mp3(source: ExportSource, stem: str) -> bytes:
    return (source.folder.audio / f"{stem}.mp3").read_bytes()


def _samples(
    source: ExportSource, rows: Iterable["ExportRow"], places: list[int]
) -> Iterator[bytes]:
    """The members of two files a row; places: gets where each row begins, and where the last ends."""
    place = 0
    for row in rows:
        places.append(place)
        key = safe_id(row.clip.stem, _KEY_SIGNS)
        told = {
            "text": row.text,
            "duration": row.clip.duration,
            "sampling_rate": row.clip.sampling_rate,
            **row.beside(frozenset({"text", "duration", "sampling_rate"})),
        }
        sound = _member(f"{key}.mp3", _mp3(source, row.clip.stem))
        beside = _member(f"{key}.json", json_line(told))
        place += len(sound) + len(beside)
        yield sound
        yield beside
    places.append(place)
    yield _end()


class _Counted:
    """Pieces of a file, with its md5 and its size once they have passed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        """Nothing has passed yet."""
        self._pieces = pieces
        self._digest = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        """The pieces."""
        for piece in self._pieces:
            self._digest.update(piece)
            self.size += len(piece)
            yield piece

    @property
    def md5(self) -> str:
        """In hex, as the index of `wids` has it."""
        return self._digest.hexdigest()


def _render_webdataset(source: ExportSource) -> Iterator[ExportFile]:
    if source.plan.audio_column is None:
        return
    shards: list[dict[str, Any]] = []
    for number, rows in enumerate(_batches(source)):
        name = f"{source.plan.dataset}-{number:06d}.tar"
        places: list[int] = []
        pieces = _Counted(_samples(source, rows, places))
        yield ExportFile(f"tars/{name}", pieces)
        yield ExportFile(f"tars/{name}.idx", [struct.pack(f"<{len(places)}Q", *places)])
        shard = {"url": name, "nsamples": len(rows), "md5sum": pieces.md5, "filesize": pieces.size}
        shards.append(shard)
    index = {"__kind__": "wids-shard-index-v1", "wids_version": 1, "shardlist": shards}
    yield ExportFile("tars/index.json", [json.dumps(index, indent=2).encode() + b"\n"])
    if shards:
        yield from _energon({shard["url"]: shard["nsamples"] for shard in shards}, source)


def _energon(counts: Mapping[str, int], source: ExportSource) -> Iterator[ExportFile]:
    """The files of `.nv-meta`; counts: of the samples of each tar. It has at least one."""
    split = source.plan.request.split
    tars = list(counts)
    files = {
        "dataset.yaml": {"__module__": "megatron.energon", "__class__": "CrudeWebdataset"},
        "split.yaml": {"split_parts": dict.fromkeys((_part(split), split), tars), "exclude": []},
        ".info.json": {"shard_counts": counts},
    }
    for name, content in files.items():
        # JSON is YAML too.
        yield ExportFile(f"tars/.nv-meta/{name}", [json.dumps(content, indent=2).encode() + b"\n"])


def _part(split: str) -> str:
    """The name by which Energon asks for a split, where it has one for it."""
    begin = re.split(r"[^a-z]", split.lower())[0]
    return {"validation": "val", "valid": "val", "dev": "val"}.get(begin, begin or split)


def _recordings(source: ExportSource, rows: Iterable["ExportRow"]) -> Iterator[bytes]:
    for row in rows:
        # The reader wants the cut's id for the name.
        yield _member(f"{row.clip.stem}.mp3", _mp3(source, row.clip.stem))
        yield _member(f"{row.clip.stem}.json", json_line(_placed(source, row)))
    yield _end()


def _placed(source: ExportSource, row: "ExportRow") -> Mapping[str, Any]:
    """A recording whose audio lies in the tar beside it."""
    inside = {"type": "shar", "channels": [0], "source": ""}
    return {**recording(source, row), "sources": [inside]}


def _render_shar(source: ExportSource) -> Iterator[ExportFile]:
    if source.plan.audio_column is None:
        return
    for number, rows in enumerate(_batches(source)):
        cuts = (json_line(cut(source, row, dict(_placed(source, row)))) for row in rows)
        yield ExportFile(f"shar/cuts.{number:06d}.jsonl.gz", gzipped(cuts))
        yield ExportFile(f"shar/recording.{number:06d}.tar", _recordings(source, rows))


def _foresee(foreseen: Foreseen, *, files_per_tar: int, files_beside: int) -> Size:
    """The audio once more; of a dataset that is not made yet, as many bytes as its source has."""
    if foreseen.plan.audio_column is None:
        return Size(files=0)
    tars = -(-foreseen.rows // ROWS_PER_TAR)
    row_bytes = foreseen.row_bytes + 2 * _MEMBER_BYTES
    size = foreseen.plan.source_bytes + round(row_bytes * foreseen.rows)
    return Size(files=tars * files_per_tar + files_beside, bytes=size)


WEBDATASET = Export(
    name="webdataset",
    folder="tars",
    subfolder=".nv-meta",
    names=re.compile(
        r".+-[0-9]{6}\.tar(\.idx)?|index\.json|dataset\.yaml|split\.yaml|\.info\.json"
    ),
    foresee=partial(_foresee, files_per_tar=2, files_beside=6),
    render=_render_webdataset,
    is_chosen=True,
    version=3,
)
SHAR = Export(
    name="shar",
    folder="shar",
    names=re.compile(r"cuts\.[0-9]{6}\.jsonl\.gz|recording\.[0-9]{6}\.tar"),
    foresee=partial(_foresee, files_per_tar=2, files_beside=1),
    render=_render_shar,
    is_chosen=True,
    version=3,
)
