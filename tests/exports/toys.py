"""Toy exports, as a contributor would write them: one file, and a folder of two."""

import json
import re
from collections.abc import Iterator

import polars as pl

from hugflow.exports.export import Export, ExportFile, ExportSource, Foreseen, Size


def _lines(source: ExportSource) -> Iterator[bytes]:
    for frame in source.scan_shards():
        rows = frame.select("row", path=pl.col("audio_info").struct.field("path")).collect()
        for row in rows.iter_rows(named=True):
            yield json.dumps(row).encode() + b"\n"


def _render(source: ExportSource) -> Iterator[ExportFile]:
    yield ExportFile("toy.jsonl", _lines(source))


def _render_folder(source: ExportSource) -> Iterator[ExportFile]:
    yield ExportFile("toys/name.txt", [source.plan.dataset.encode()])
    yield ExportFile("toys/rows.txt", [b"%d\n" % source.plan.rows])


def _foresee(foreseen: Foreseen) -> Size:
    return Size(files=1, bytes=40 * foreseen.rows)


TOY = Export(name="toy", names=re.compile(r"toy\.jsonl"), foresee=_foresee, render=_render)
TOY_FOLDER = Export(
    name="toy_folder",
    folder="toys",
    names=re.compile(r"(name|rows)\.txt"),
    foresee=lambda foreseen: Size(files=3),
    render=_render_folder,
)
