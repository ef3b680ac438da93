"""docs/datasets.md is true: its examples run, and its table gives the forms that rows have."""

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from hugflow.rows.record import column_values
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.projects import make_project

PAGE = (Path(__file__).parent.parent / "docs" / "datasets.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

LABELS = {"_type": "ClassLabel", "names": ["sad", "glad", "angry", "calm"]}
MADE_OF: dict[str, tuple[pa.Array, Any]] = {
    "floats": (pa.array([0.5]), None),
    "decimals": (pa.array([Decimal("1.10")]), None),
    "dates": (pa.array([date(2026, 2, 3)]), None),
    "times of day": (pa.array([time(4, 5, 6, 7_000)]), None),
    "timestamps": (
        pa.array([datetime(2026, 2, 3, 3, 5, 6, tzinfo=UTC)], pa.timestamp("us", "Europe/Paris")),
        None,
    ),
    "durations": (pa.array([timedelta(seconds=90.5)]), None),
    "bytes of any kind": (pa.array([bytes(20_480)]), None),
    "images": (pa.array([{"bytes": bytes(20_480), "path": "a.png"}]), None),
    "classes": (pa.array([3]), LABELS),
    "lists": (pa.array([[[1, 2], [3, 4]]]), None),
    "structs": (pa.array([{"en": "tea", "ms": "teh"}]), None),
    "maps": (pa.array([[("key", 1)]], pa.map_(pa.string(), pa.int64())), None),
    "JSON columns": (pa.array(['{"a": [1]}'], pa.json_()), None),
    "UUIDs": (
        pa.array([UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8").bytes], pa.uuid()),
        None,
    ),
    "dictionary-encoded values": (pa.array(["a"]).dictionary_encode(), None),
    "null": (pa.nulls(1), None),
}


def forms() -> dict[str, str]:
    """The examples of the table by the type they are of."""
    lines = re.findall(r"^\| ([^|]+?) \| [^|]+ \| `([^`]+)` \|$", PAGE, re.MULTILINE)
    return dict(lines)


@pytest.mark.parametrize("kind", MADE_OF)
def test_a_type_has_the_form_that_the_page_shows(kind: str):
    array, feature = MADE_OF[kind]
    [example] = [example for types, example in forms().items() if types.startswith(kind)]
    assert json.dumps(column_values(array, feature)[0]) == example


def test_every_form_of_the_table_is_tested():
    assert len(forms()) == len(MADE_OF)


@pytest.mark.slow
def test_its_examples_run(hub: LoopbackHub, tmp_path: Path):
    publish_speech(hub, "acme/speech", rows=6, shards=2)
    project = make_project(hub, tmp_path / "project")
    synced = project.run("local-sync", project.request("acme/speech"))
    assert synced.returncode == 0, synced.stderr
    done = project.run_python("\n".join(EXAMPLES))
    assert done.returncode == 0, done.stderr
    assert "completed" in done.stdout
    assert "audio/clip-00000.mp3" in done.stdout
