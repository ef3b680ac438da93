"""Each export is read back by its consumer's own parser, over hostile texts and names."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from hugflow.stages.build.build import Build
from hugflow.stages.sync import sync_dataset
from tests.exports import read_back
from tests.exports.hostile import STEMS, TEXTS


def read(consumer: str, tree: Path) -> list[Any]:
    """The rows as the consumer's parser gives them, in a process of its own."""
    done = subprocess.run(
        [sys.executable, read_back.__file__, consumer, str(tree)], capture_output=True, text=True
    )
    assert done.returncode == 0, (consumer, done.stderr[-2_000:])
    rows: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return rows


@pytest.mark.slow
def test_each_consumer_reads_what_was_published(opened: Callable[..., Build]):
    if not read_back.FOLDER.is_dir():
        pytest.skip("`make consumers` installs the parsers")
    build = opened("nemo", "lhotse", "coqui", "croissant", "webdataset", "shar")
    sync_dataset(build)
    tree = build.folder.root
    paths = {path.stem: path for path in (tree / "audio").iterdir()}
    assert len(paths) == len(TEXTS) == len(STEMS)

    rows = read("nemo", tree)
    assert [text for _, text, _ in rows] == TEXTS
    sounds = [soundfile.info(path) for path, _, _ in rows]
    assert [length for _, _, length in rows] == [
        pytest.approx(sound.frames / sound.samplerate, abs=1e-9) for sound in sounds
    ]
    assert {Path(path) for path, _, _ in rows} == set(paths.values())

    cuts = read("lhotse", tree)
    assert [text for _, text, _ in cuts] == TEXTS
    assert [length for _, _, length in cuts] == [length for _, _, length in rows]
    assert [tree / path for path, _, _ in cuts] == [Path(path) for path, _, _ in rows]

    sizes = [Path(path).stat().st_size for path, _, _ in rows]
    assert read("webdataset", tree) == [list(each) for each in zip(sizes, TEXTS, strict=True)]
    assert [size for size, _ in read("shar", tree)] == sizes

    assert read("croissant", tree) == [[row, text] for row, text in enumerate(TEXTS)]

    items = read("coqui", tree)
    assert [path for path, _ in items] == [path for path, text, _ in rows if (text or "").strip()]
    kept = dict(zip((path for path, _, _ in rows), TEXTS, strict=True))
    plain = {path: text for path, text in items if "|" not in (kept[path] or "")}
    assert [text for text in plain.values() if text in TEXTS]
    assert not [text for _, text in items if "|" in text or "\n" in text]
