"""The same sound in two rows, encoded again or trimmed: found by their acoustic fingerprints.

Fingerprints of a dataset are kept in `STATE_DIR/fingerprints/<name>.npz`, for one index: `index`, a
digest of the manifest's hashes; `rows`; `lengths`, shape (rows, shifts); `prints`, all in one;
`unheard`, places of rows whose MP3s could not be read, which are tried again the next time.
"""

import hashlib
import io
import json
import logging
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.audio import fingerprint
from hugflow.audio.fingerprint import SHIFTS, Prints
from hugflow.late_dataclass import dataclass
from hugflow.statistics.tables import Table, flat
from hugflow.store.atomic import make_folder, write_file
from hugflow.workers.by_module import ask_again_alone, open_workers
from hugflow.workers.pool import WorkerDied, WorkerPool

log = logging.getLogger(__name__)

# Bits that differ, at the best alignment: below 0.11 for trimmed copies, above 0.2 for other speech.
MOST_BITS: Final = 0.15
# Two rows are compared bit by bit if they share this many numbers.
_SHARED: Final = 3
# A number that more rows have is of silence or of a hum.
_MOST_ROWS_OF_A_NUMBER: Final = 50
_LEAST_COMPARED: Final = 8
_MOST_HOPS_APART: Final = 8
_MOST_NAMED: Final = 3
_NO_PRINTS: Final = [np.empty(0, np.uint32)] * SHIFTS


@dataclass(frozen=True, slots=True)
class Sounds:
    """The fingerprints of one dataset's rows: for each row, one for each shift.

    unheard: places in `rows` of those whose MP3 could not be read; their fingerprints are empty.
    """

    rows: npt.NDArray[np.int64]
    prints: list[list[Prints]]
    unheard: tuple[int, ...] = ()


def read_sounds(table: Table, folder: Path, workers: int) -> Sounds:
    """The fingerprints of a dataset, kept in `folder`; made from its MP3s if its index is new.

    Rows whose MP3s cannot be read are told in the log, and are tried again the next time.
    """
    digest = hashlib.sha256(json.dumps(dict(table.index)).encode()).hexdigest()
    path = folder / f"{table.name}.npz"
    kept = _read_kept(path, digest)
    if kept is not None and not kept.unheard:
        return kept
    clips = flat(table).select("row", "path").collect()
    rows = clips["row"].to_numpy()
    prints = [_NO_PRINTS] * len(rows) if kept is None else list(kept.prints)
    places = range(len(rows)) if kept is None else kept.unheard
    files = [table.root / clips["path"][place] for place in places]
    unheard = []
    for place, found in zip(places, _listen(table.name, files, workers), strict=True):
        if found is None:
            unheard.append(place)
        else:
            prints[place] = found
    sounds = Sounds(rows, prints, tuple(unheard))
    if unheard:
        _tell_unheard(table.name, sounds)
    make_folder(folder)
    write_file(path, _to_bytes(sounds, digest))
    return sounds


def _listen(name: str, files: Sequence[Path], workers: int) -> list[list[Prints] | None]:
    with (
        step(f"listening to {name}", len(files)) as listening,
        open_workers() as pool,
        ThreadPoolExecutor(workers) as threads,
    ):

        def ask(file: Path) -> list[Prints] | None:
            prints = _ask(pool, file)
            listening.advance()
            return prints

        return list(threads.map(ask, files))


def _tell_unheard(name: str, sounds: Sounds) -> None:
    rows = [str(sounds.rows[place]) for place in sounds.unheard[:_MOST_NAMED]]
    more = len(sounds.unheard) - len(rows)
    log.warning(
        "%s of %s could not be heard, so its sound is not compared: row %s%s; "
        "`hugflow verify %s` shows MP3s that are missing or damaged",
        count(len(sounds.unheard), "MP3"),
        name,
        ", ".join(rows),
        f" and {more:,} more" if more else "",
        name,
    )


def find_alike(all_sounds: Sequence[Sounds]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Pairs of rows with the same sound, each as (number of the dataset, place of the row)."""
    places = [(d, at) for d, sounds in enumerate(all_sounds) for at in range(len(sounds.rows))]
    prints = [each for sounds in all_sounds for each in sounds.prints]
    for first, second in _candidates(prints):
        if _are_alike(prints[first], prints[second]):
            yield places[first], places[second]


def _candidates(prints: Sequence[Sequence[Prints]]) -> list[tuple[int, int]]:
    """Pairs that share numbers: of one clip unshifted, of the other with any shift."""
    if not prints:
        return []
    plain = [np.unique(each[0]) for each in prints]
    shifted = [np.unique(np.concatenate(list(each))) for each in prints]
    owners = np.repeat(np.arange(len(plain)), [len(each) for each in plain])
    numbers = np.concatenate(plain)
    order = np.argsort(numbers, kind="stable")
    numbers, owners = numbers[order], owners[order]
    found: list[tuple[int, int]] = []
    for place, each in enumerate(shifted):
        low, high = np.searchsorted(numbers, each, "left"), np.searchsorted(numbers, each, "right")
        is_rare = (high > low) & (high - low <= _MOST_ROWS_OF_A_NUMBER)
        spans = [owners[a:b] for a, b in zip(low[is_rare], high[is_rare], strict=True)]
        if not spans:
            continue
        others, counts = np.unique(np.concatenate(spans), return_counts=True)
        alike = others[(counts >= _SHARED) & (others != place)]
        found += [(min(place, other), max(place, other)) for other in alike.tolist()]
    return sorted(set(found))


def _are_alike(first: Sequence[Prints], second: Sequence[Prints]) -> bool:
    pairs = [(first[0], each) for each in second] + [(second[0], each) for each in first[1:]]
    return any(_bits_apart(a, b) <= MOST_BITS for a, b in pairs)


def _bits_apart(first: Prints, second: Prints) -> float:
    """The share of bits that differ, at the best alignment; most of the shorter one must overlap."""
    least = max(_LEAST_COMPARED, min(len(first), len(second)) - _MOST_HOPS_APART)
    best = 1.0
    for hops in range(-_MOST_HOPS_APART, _MOST_HOPS_APART + 1):
        a, b = (first[hops:], second) if hops >= 0 else (first, second[-hops:])
        count = min(len(a), len(b))
        if count >= least:
            bits = int(np.bitwise_count(a[:count] ^ b[:count]).sum())
            best = min(best, bits / (32 * count))
    return best


def _ask(pool: WorkerPool, file: Path) -> list[Prints] | None:
    """The fingerprints of an MP3; None where it cannot be read, or ends a worker."""
    body = bytearray()

    def ask(alone: bool) -> Any:
        body.clear()
        header = {"module": fingerprint.__name__, "path": str(file)}
        return pool.ask(header, b"", doing="fingerprint an MP3", into=body.extend, alone=alone)

    try:
        lengths = ask_again_alone(ask)["lengths"]
    except WorkerDied as died:
        log.info("%s: %s", file, died.what)
        return None
    return _split(np.frombuffer(bytes(body), "<u4").astype(np.uint32), lengths) if lengths else None


def _split(numbers: Prints, lengths: Sequence[int]) -> list[Prints]:
    return np.split(numbers, np.cumsum(lengths)[:-1])


def _to_bytes(sounds: Sounds, digest: str) -> bytes:
    lengths = [[len(prints) for prints in each] for each in sounds.prints]
    whole = [prints for each in sounds.prints for prints in each]
    file = io.BytesIO()
    np.savez_compressed(
        file,
        index=np.array(digest),
        rows=sounds.rows,
        lengths=np.array(lengths, np.int64).reshape(-1, SHIFTS),
        prints=np.concatenate(whole) if whole else np.empty(0, np.uint32),
        unheard=np.array(sounds.unheard, np.int64),
    )
    return file.getvalue()


def _read_kept(path: Path, digest: str) -> Sounds | None:
    """The kept fingerprints; None if there are none, or of another index."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["index"]) != digest:
                return None
            lengths, rows = kept["lengths"], kept["rows"]
            flat_prints = _split(kept["prints"], lengths.ravel().tolist())
            # Earlier versions kept an MP3 that could not be read like a short clip, as empty.
            silent = np.flatnonzero(~lengths.any(axis=1))
            unheard = kept.get("unheard", silent)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):
        return None
    by_row = [flat_prints[at : at + SHIFTS] for at in range(0, len(flat_prints), SHIFTS)]
    return Sounds(rows, by_row, tuple(unheard.tolist())) if len(by_row) == len(rows) else None
