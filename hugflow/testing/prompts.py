"""Real speech with transcripts: the prompts of a telephone exchange, as Debian packages them.

`asterisk-core-sounds-en-wav` holds the recordings, WAV of 8 kHz and 16 bits, mono;
`asterisk-core-sounds-en` what is said in them, one prompt a line:

    ; Core Asterisk Sounds in English

    activated: Activated.
    digits/1: one

They are read from their installed place and published only on the loopback Hub.
"""

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Unpack

import pyarrow as pa

from hugflow.errors import HugflowError
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import Publication, publish_tables, to_audio_column
from hugflow.testing.tables import DEFAULT_CONFIG, audio_feature, with_features

PROMPTS_FOLDER = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
TRANSCRIPTS_FILE = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
SAMPLING_RATE_HZ = 8_000
SILENCE_FOLDER = "silence/"

CARD = {
    "license": "cc-by-sa-3.0",
    "language": ["en"],
    "task_categories": ["automatic-speech-recognition"],
}


class PromptsMissing(HugflowError):
    """The recordings or their transcripts are not installed on this machine."""


def publish_prompts(
    hub: LoopbackHub,
    repo_id: str = "asterisk/core-sounds-en",
    *,
    folder: Path = PROMPTS_FOLDER,
    transcripts: Path = TRANSCRIPTS_FILE,
    shards: int = 5,
    with_silence: bool = False,
    row_group_rows: int | None = None,
    **publication: Unpack[Publication],
) -> str:
    """The prompts as a speech dataset with one split, `train`; for the columns see `prompts_table`.

    Raises PromptsMissing when the recordings or the transcripts are not there.
    """
    table = prompts_table(folder, transcripts, with_silence=with_silence)
    return publish_tables(
        hub,
        repo_id,
        {DEFAULT_CONFIG: {"train": table}},
        shards=shards,
        row_group_rows=row_group_rows,
        card=CARD,
        **publication,
    )


def prompts_table(
    folder: Path = PROMPTS_FOLDER,
    transcripts: Path = TRANSCRIPTS_FILE,
    *,
    with_silence: bool = False,
) -> pa.Table:
    """The prompts sorted by path, with the columns `audio`, `text` and `audio_filename`.

    Of the 568 recordings of version 1.6.1, 558 are spoken. The other ten, in the folder `silence`,
    are one to ten seconds of silence, and come only `with_silence`. `text` is empty if there is no
    transcript; the audio's path is relative to the folder, as `audio_filename` is.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.wav"))
    if not with_silence:
        names = [name for name in names if not name.startswith(SILENCE_FOLDER)]
    if not names:
        raise _missing(folder, package="asterisk-core-sounds-en-wav")
    text_by_prompt = read_transcripts(transcripts)
    columns = {
        "audio": to_audio_column([(folder / name).read_bytes() for name in names], names),
        "text": [text_by_prompt.get(name.removesuffix(".wav"), "") for name in names],
        "audio_filename": names,
    }
    return with_features(pa.table(columns), {"audio": audio_feature(SAMPLING_RATE_HZ)})


def read_transcripts(file: Path = TRANSCRIPTS_FILE) -> dict[str, str]:
    """The transcript of each prompt, by its name without the ending."""
    try:
        text = gzip.decompress(file.read_bytes()).decode()
    except FileNotFoundError as error:
        raise _missing(file, package="asterisk-core-sounds-en") from error
    return parse_transcripts(text.splitlines())


def parse_transcripts(lines: Iterable[str]) -> dict[str, str]:
    """The prompts of lines like `digits/1: one`; a line that begins with `;` is a comment."""
    texts = {}
    for line in lines:
        name, colon, text = line.partition(":")
        if colon and not line.startswith(";"):
            texts[name.strip()] = text.strip()
    return texts


def _missing(path: Path, *, package: str) -> PromptsMissing:
    return PromptsMissing(
        f"{path}: no telephone prompts here",
        why=f"they come with Debian's package {package}, which seems not to be installed",
        mend=f"apt-get install {package}",
    )
