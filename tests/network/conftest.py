"""A small dataset on the Hub, what an undisturbed run makes of it, and every question it asks."""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx2
import pyarrow as pa
import pytest
from huggingface_hub.constants import HF_HUB_CACHE

from hugflow.clients import session
from hugflow.clients.hub import Hub
from hugflow.requests.model import AddRequest
from hugflow.stages.build.options import Options
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.faults import Match
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import AUDIO_STRUCT, SPEECH_CARD, speech_table
from hugflow.testing.tables import DEFAULT_CONFIG, to_repository
from tests.trees import read_tree

HF_ID = "network/speech"
ROWS, SHARDS = 9, 3
# Of the last shard, whose clips are files of their own.
LOOSE = range(6, 9)
# How long nothing may come before a connection is given up, instead of half a minute.
TIMEOUT_S = 1.0
Tree = dict[str, bytes]
Sync = Callable[..., Tree]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What comes of the dataset at each of its two commits, and every question asked for it."""

    commit: str
    later: str
    trees: tuple[Tree, Tree]
    questions: tuple[Match, ...]


def publish(hub: LoopbackHub, seed: int) -> str:
    """The dataset as one commit: two shards that hold their clips, and one whose clips are files."""
    table = speech_table(ROWS, seconds=0.2, seed=seed)
    audio = table.column("audio").to_pylist()
    paths = [f"clips/{value['path']}" for value in audio]
    loose = {paths[row]: audio[row]["bytes"] for row in LOOSE}
    held = [None if row in LOOSE else audio[row]["bytes"] for row in range(ROWS)]
    column = pa.StructArray.from_arrays(
        [pa.array(held, pa.binary()), pa.array(paths)], fields=list(AUDIO_STRUCT)
    )
    at = table.schema.get_field_index("audio")
    table = table.set_column(at, table.schema.field(at), column)
    files = to_repository(
        {DEFAULT_CONFIG: {"train": table}}, title="speech", shards=SHARDS, card=SPEECH_CARD
    )
    return hub.publish(HF_ID, {**files, **loose})


def sync_in(folder: Path, *, update: bool = False) -> Tree:
    """The whole job, and the tree that it makes; what the Hub's libraries keep is forgotten."""
    shutil.rmtree(HF_HUB_CACHE, ignore_errors=True)
    places = Places(folder / "datasets", folder / "processed", folder / "state")
    request = AddRequest(hf_id=HF_ID, description="A test")
    build = open_build(request, places, Hub(), replace(Options(), workers=2), update=update)
    return read_tree(sync_dataset(build).published.build.folder.root)


@pytest.fixture(scope="session")
def known() -> list[Undisturbed]:
    """What was found out once."""
    return []


@pytest.fixture
def undisturbed(
    hub: LoopbackHub, known: list[Undisturbed], tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    """The dataset, whose branch `main` is at the first of its commits."""
    if not known:
        commits = [publish(hub, seed) for seed in (0, 100)]
        trees = []
        for commit in reversed(commits):
            hub.move_branch(HF_ID, commit)
            hub.clear_requests()
            trees.append(sync_in(tmp_path_factory.mktemp("undisturbed")))
        questions = {
            Match(
                port=each.port, method=each.method, path=each.path, has_range=each.range is not None
            ): None
            for each in hub.requests
        }
        later, first = trees
        known.append(Undisturbed(*commits, (first, later), tuple(questions)))
    hub.move_branch(HF_ID, known[0].commit)
    hub.clear_requests()
    return known[0]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> list[float]:
    """Seconds slept, without sleeping them; each wait must be told of before, and short."""
    seconds: list[float] = []
    sleep = time.sleep
    caplog.set_level(logging.WARNING)

    def record(wait_s: float) -> None:
        # The loopback Hub and `threading` take short naps of their own.
        if wait_s >= 0.1:
            seconds.append(wait_s)
            told = sum(record.levelno >= logging.WARNING for record in caplog.records)
            assert wait_s <= session.LONGEST_WAIT_S, "nobody waits so long"
            assert told >= len(seconds), "it is waited in silence"
        sleep(min(wait_s, 0.001))

    monkeypatch.setattr(time, "sleep", record)
    monkeypatch.setattr(session, "TIMEOUT", httpx2.Timeout(TIMEOUT_S))
    return seconds


@pytest.fixture
def sync(undisturbed: Undisturbed, tmp_path: Path, waits: list[float]) -> Sync:
    """Do the whole job, always in the same places; gives the tree. update: plan anew."""
    return partial(sync_in, tmp_path)
