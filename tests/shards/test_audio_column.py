"""The audio column: what a refusal advises can be done, and helps."""

import pyarrow as pa
import pytest

from hugflow.errors import RequestInvalid
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import to_shards
from tests.builds import OpenFor

NUMBERS = pa.array([1, 2])
CLIPS = pa.array([{"bytes": b"x", "path": "x"}] * 2)


def mend_of(hub: LoopbackHub, open_for: OpenFor, columns: dict[str, pa.Array]) -> str:
    """What planning advises for a dataset whose column `audio` holds numbers."""
    table = pa.table({"audio": NUMBERS, "text": ["a", "b"], **columns})
    hub.publish("column/refused", to_shards(table, split="train", shards=1, folder="data"))
    with pytest.raises(RequestInvalid, match="'audio' holds no audio") as refused:
        open_for("column/refused")
    assert refused.value.mend is not None
    return refused.value.mend


@pytest.mark.parametrize(
    ("columns", "advice"),
    [
        ({"id": NUMBERS, "clip": CLIPS}, "set audio_column: 'clip'"),
        ({"id": NUMBERS, "raw": pa.array([b"a", b"b"])}, "if 'raw' holds the audio, set audio_col"),
    ],
)
def test_another_column_is_named_where_it_can_hold_audio(
    hub: LoopbackHub, open_for: OpenFor, columns: dict[str, pa.Array], advice: str
):
    assert mend_of(hub, open_for, columns).startswith(advice)


@pytest.mark.parametrize("columns", [{}, {"audio_id": NUMBERS}])
def test_a_column_that_was_refused_or_would_be_is_never_advised(
    hub: LoopbackHub, open_for: OpenFor, columns: dict[str, pa.Array]
):
    mend = mend_of(hub, open_for, columns)
    assert "audio_column" not in mend
    assert "no other column holds audio" in mend
