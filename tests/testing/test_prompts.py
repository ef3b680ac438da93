"""Debian's telephone prompts become a dataset of real speech."""

import gzip
import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import soundfile
from huggingface_hub import HfApi, HfFileSystem

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.prompts import (
    PromptsMissing,
    parse_transcripts,
    prompts_table,
    publish_prompts,
)
from hugflow.testing.speech import encode, speech_like


def test_transcripts_are_lines_of_a_name_and_what_is_said():
    lines = ["; a comment: not a prompt", "", "hello: Hello: you.", "digits/1: one", "no colon"]
    assert parse_transcripts(lines) == {"hello": "Hello: you.", "digits/1": "one"}


def test_prompts_are_sorted_and_one_without_a_transcript_has_an_empty_text(tmp_path: Path):
    wav = encode(speech_like(0.1, 8_000), 8_000, "wav")
    for name in ("b.wav", "a.wav", "digits/1.wav", "silence/1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(wav)
    transcripts = tmp_path / "texts.gz"
    transcripts.write_bytes(gzip.compress(b"a: Hello.\ndigits/1: one\n"))
    table = prompts_table(tmp_path, transcripts)
    assert table["audio_filename"].to_pylist() == ["a.wav", "b.wav", "digits/1.wav"]
    assert table["text"].to_pylist() == ["Hello.", "", "one"]
    assert prompts_table(tmp_path, transcripts, with_silence=True).num_rows == 4


def test_missing_prompts_name_the_package_that_holds_them(tmp_path: Path):
    with pytest.raises(PromptsMissing, match="apt-get install asterisk-core-sounds-en-wav"):
        prompts_table(tmp_path, tmp_path / "texts.gz")
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(PromptsMissing, match=r"apt-get install asterisk-core-sounds-en$"):
        prompts_table(tmp_path, tmp_path / "texts.gz")


@pytest.mark.speech
@pytest.mark.slow
def test_every_spoken_prompt_is_a_row_with_its_transcript(hub: LoopbackHub, api: HfApi):
    publish_prompts(hub)
    repo = "asterisk/core-sounds-en"
    files = [entry.path for entry in api.list_repo_tree(repo, "data", repo_type="dataset")]
    assert len(files) == 5
    file_system = HfFileSystem(endpoint=hub.endpoint, token=False, skip_instance_cache=True)
    rows = []
    for file in files:
        rows += pq.read_table(f"datasets/{repo}/{file}", filesystem=file_system).to_pylist()
    assert len(rows) == 558
    assert all(row["text"] for row in rows)
    names = [row["audio_filename"] for row in rows]
    assert names == sorted(names)
    for row in rows:
        info = soundfile.info(io.BytesIO(row["audio"]["bytes"]))
        assert (info.samplerate, info.channels) == (8_000, 1)
        assert info.frames > 0
