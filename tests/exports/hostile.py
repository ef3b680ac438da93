"""Rows with texts and names that readers of exports could misread."""

import pyarrow as pa

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_tables, speech_table

HF_ID = "hostile/rows"
TEXTS = [
    "plain words",
    'a "quote", a comma',
    "a | pipe",
    "two\nlines\r\nand\ttabs",
    "separators\u2028of\u2029lines\x85",
    "שלום עולם",  # right to left
    '"begins with a quote',
    "<s> costs $price </s> #0",
    "",
    None,
    "  no\u00a0break\u3000space ",
    "😀 ünïcödé",
]
STEMS = [
    "plain",
    "dots.in.the.name",
    "it's $HOME",
    "comma, and #hash",
    "ש",
    "x" * 250,
    "ends.mp3.json",
    "a-b",
    "a_b",
    "percent%20",
    "semi;colon",
    "last",
]
# `a-b` and `a_b` must not become one speaker.
SPEAKERS = ["a", "a-b", "a_b", "a b", "ש", "a", "a|b", "", None, "a", "z", "A"]


def publish_hostile(hub: LoopbackHub) -> None:
    """Publish a dataset of these rows in two shards; the texts are in the column `sentence`."""
    table = speech_table(len(TEXTS), seconds=0.2)
    table = table.drop_columns(["audio_filename", "text", "speaker"])
    table = table.append_column("audio_filename", pa.array(STEMS))
    table = table.append_column("sentence", pa.array(TEXTS, pa.string()))
    table = table.append_column("speaker_id", pa.array(SPEAKERS, pa.string()))
    table = table.append_column("duration", pa.array(["theirs"] * len(TEXTS)))
    table = table.append_column("file_name", pa.array(["/etc/passwd"] * len(TEXTS)))
    # What Lhotse takes for an image and for a recording, and NeMo for a film.
    picture = {"width": 3, "height": 2}
    table = table.append_column("picture", pa.array([picture] * len(TEXTS)))
    taken = {"id": "x", "sources": ["tape"], "sampling_rate": 8_000}
    table = table.append_column("taken", pa.array([taken] * len(TEXTS)))
    table = table.append_column("video_file", pa.array([None] * len(TEXTS), pa.string()))
    # No two columns have one id in Croissant, whatever they are called.
    table = table.append_column("two words", pa.array(range(len(TEXTS))))
    for number in range(12):
        table = table.append_column(str(number), pa.array([number] * len(TEXTS)))
    publish_tables(hub, HF_ID, {"default": {"train": table}}, shards=2)
