"""Which decoder takes a clip; a decoder is one module and one line of the list."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.convert import make_mp3
from hugflow.audio.decoders import libsndfile, registry
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet
from tests.audio import toy_decoder
from tests.audio.clips import FORMATS, tone, write
from tests.builds import OpenFor
from tests.trees import read_rows_json

TOY = toy_decoder.write_toy(tone(9000)[:, 0] * 20_000, 16_000)


# The line of the list, in the child processes that convert clips.
HOOK = """
from hugflow.audio.decoders import registry
from tests.audio import toy_decoder
registry.DECODERS = (*registry.DECODERS, toy_decoder)
"""


@pytest.fixture
def with_toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "DECODERS", (*registry.DECODERS, toy_decoder))
    (tmp_path / "sitecustomize.py").write_text(HOOK, "utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}")


@pytest.mark.parametrize(("format_name", "subtype"), FORMATS)
def test_libsndfile_takes_each_of_its_containers(format_name, subtype):
    decoder, container = registry.choose_decoder(
        write(tone(99), format=format_name, subtype=subtype)
    )
    assert decoder is libsndfile
    assert container == libsndfile.recognise(write(tone(99), format=format_name, subtype=subtype))


def test_what_no_decoder_recognises_is_unsupported_and_named():
    with pytest.raises(AudioBad, match="WavPack") as caught:
        registry.choose_decoder(b"wvpk" + bytes(50))
    assert caught.value.code == "audio_unsupported"
    with pytest.raises(AudioBad):
        make_mp3(TOY, copy_mp3=True)


@pytest.mark.usefixtures("with_toy")
def test_a_decoder_of_one_module_and_one_line_makes_mp3s():
    with make_mp3(TOY, copy_mp3=True) as mp3:
        assert (mp3.info.source_format, mp3.info.num_samples) == ("toy", 9000)
    with make_mp3(write(tone(500)), copy_mp3=True) as mp3:
        assert mp3.info.source_format == "wav"


@pytest.mark.usefixtures("with_toy")
def test_a_dataset_of_a_new_decoder_is_made_and_published(hub: LoopbackHub, open_for: OpenFor):
    audio = pa.array([{"bytes": TOY, "path": f"{row}.toy"} for row in range(3)])
    table = pa.table({"audio": audio, "text": ["a", "b", "c"]})
    hub.publish("toys/three", {"data/train-0.parquet": write_parquet(table)})
    build = open_for("toys/three")
    assert sync_dataset(build).published.manifest.rows.made == 3
    infos = [row["audio_info"] for row in read_rows_json(build.folder).values()]
    assert [info["num_samples"] for info in infos] == [9000] * 3
    assert {info["source_format"] for info in infos} == {"toy"}
    assert np.allclose([info["duration"] for info in infos], 9000 / 16_000)
