"""A dataset of text files that name clips, and the one line that lets them be read."""

import pytest
import yaml

from hugflow.shards.layouts.registry import LAYOUTS
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.speech import encode, speech_like
from tests.shards.layouts import text_lines

# Shard 0 has the first two files, with five rows; shard 1 the third, with two.
LINES = (2, 3, 2)
ROWS = (0, 1, 2, 3, 4, 1_000_000, 1_000_001)
KEYS = ("00000-of-00002", "00001-of-00002")


def list_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one line that a contributor adds."""
    monkeypatch.setitem(LAYOUTS, "text_lines", text_lines)


def publish_lines(hub: LoopbackHub, hf_id: str, lines: tuple[int, ...] = LINES) -> str:
    """Text files with so many lines each, and a clip for every line; gives the commit."""
    named = [{"config_name": "default", "data_files": "data/*.txt"}]
    files = {"README.md": f"---\n{yaml.safe_dump({'configs': named})}---\n".encode()}
    row = 0
    for number, count in enumerate(lines):
        told = []
        for _ in range(count):
            files[f"clips/{row}.wav"] = encode(speech_like(0.2, 8_000, seed=row), 8_000, "wav")
            told.append(f"clips/{row}.wav|row {row}\n")
            row += 1
        files[f"data/{number}.txt"] = "".join(told).encode()
    return hub.publish(hf_id, files, from_empty=True)
