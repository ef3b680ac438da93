"""One set of clips, published in many layouts: what is read must be the same."""

import csv
import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.shards.layouts.tars import clip, make_tar

# The soak takes 200.
COUNT = int(os.environ.get("LAYOUT_CLIPS", "5"))
TEXTS = tuple(f"row {row}, with a comma" for row in range(COUNT))
CLIPS = {f"c{row:0{len(str(COUNT - 1))}}.wav": clip(row) for row in range(COUNT)}
Files = dict[str, bytes]


def at(folder: str) -> Files:
    """The clips in a folder."""
    return {f"{folder}{name}": data for name, data in CLIPS.items()}


def to_csv(
    rows: Sequence[Mapping[str, Any]], delimiter: str = ",", *, header: bool = True
) -> bytes:
    """Rows as csv."""
    out = io.StringIO()
    quoting = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    writer = csv.DictWriter(
        out, list(rows[0]), delimiter=delimiter, lineterminator="\n", quoting=quoting
    )
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def to_jsonl(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as JSON lines."""
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def rows(column: str, name: Callable[[str], str] = str) -> list[dict[str, Any]]:
    """A row for each clip: the word for it in a column, and its text."""
    return [{column: name(file), "text": text} for file, text in zip(CLIPS, TEXTS, strict=True)]


def to_zip(members: Mapping[str, bytes]) -> bytes:
    """A zip of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def cut(name: str, data: bytes, parts: int, mark: Callable[[int], str]) -> Files:
    """An archive in parts of one size, except the last; mark: the ending of a part, from 0."""
    size = -(-len(data) // parts)
    return {f"{name}{mark(at)}": data[at * size : at * size + size] for at in range(parts)}


def stem(name: str) -> str:
    """A name without its ending."""
    return name.rpartition(".")[0]


WEBDATASET = make_tar(
    pair
    for (name, data), text in zip(CLIPS.items(), TEXTS, strict=True)
    for pair in ((name, data), (f"{stem(name)}.txt", text.encode()))
)
LAYOUTS: dict[str, Files] = {
    "webdataset": {"data/train-00000.tar": WEBDATASET},
    "metadata-csv": {**at("train/"), "train/metadata.csv": to_csv(rows("file_name"))},
    "metadata-jsonl": {**at("train/"), "train/metadata.jsonl": to_jsonl(rows("file_name"))},
    "metadata-above": {
        **at("train/"),
        "test/x.wav": clip(99),
        "metadata.csv": to_csv(rows("file_name", "train/{}".format)),
    },
    "csv-beside": {**at("clips/"), "train.csv": to_csv(rows("path", "clips/{}".format))},
    "tsv-by-name": {**at("clips/en/"), "en/train.tsv": to_csv(rows("path"), "\t")},
    "jsonl-nemo": {
        **at("wavs/"),
        "train_manifest.jsonl": to_jsonl(rows("audio_filepath", "/data/x/wavs/{}".format)),
    },
    "json-array": {**at("a/"), "train.json": json.dumps(rows("audio", "a/{}".format)).encode()},
    "ljspeech": {**at("wavs/"), "train.csv": to_csv(rows("id", stem), "|", header=False)},
    "texts-beside": {
        **at("train/"),
        **{f"train/{stem(n)}.txt": t.encode() for n, t in zip(CLIPS, TEXTS, strict=True)},
    },
    "librispeech": {
        **at("train/1/2/"),
        "train/1/2/1-2.trans.txt": "".join(
            f"{stem(n)} {t}\n" for n, t in zip(CLIPS, TEXTS, strict=True)
        ).encode(),
    },
    "tsv-and-tar": {
        "audio/en/train.tar": make_tar((f"en/{name}", data) for name, data in CLIPS.items()),
        "audio/en/test.tar": make_tar([("en/x.wav", clip(98))]),
        "transcript/en/train.tsv": to_csv(rows("path"), "\t"),
        "transcript/en/test.tsv": to_csv([{"path": "x.wav", "text": "x"}], "\t"),
    },
    "tsv-and-tar-gz": {
        "data/en/audio/train.tar.gz": make_tar(CLIPS.items(), "w:gz"),
        "data/en/train.tsv": to_csv(rows("id", stem), "\t", header=False),
    },
    "csv-and-zip": {
        "train.csv": to_csv(rows("file", "wavs/{}".format)),
        "wavs.zip": to_zip({f"set/wavs/{name}": data for name, data in CLIPS.items()}),
    },
    "tars-of-clips": {
        "audio/train/train_0.tar": make_tar([*CLIPS.items()][:3]),
        "audio/train/train_1.tar": make_tar([*CLIPS.items()][3:]),
        "transcript/train.tsv": to_csv(rows("path"), "\t"),
    },
    "emilia": {
        "Emilia/EN/EN-B000000.tar": make_tar(
            pair
            for (name, data), text in zip(CLIPS.items(), TEXTS, strict=True)
            for pair in (
                (f"{stem(name)}.json", json.dumps({"text": text, "dnsmos": 3.3}).encode()),
                (name, data),
            )
        )
    },
    "voxpopuli": {
        "data/en/asr_train.tsv": to_csv(rows("id", stem), "\t"),
        "data/en/asr_test.tsv": to_csv([{"id": "x", "text": "x"}], "\t"),
        "data/en/train/train_part_0.tar.gz": make_tar(
            ((f"train_part_0/{name}", data) for name, data in CLIPS.items()), "w:gz"
        ),
        "data/en/test/test_part_0.tar.gz": make_tar([("test_part_0/x.wav", clip(98))], "w:gz"),
    },
    "fleurs": {
        "data/en_us/audio/train.tar.gz": make_tar(
            ((f"train/{name}", data) for name, data in CLIPS.items()), "w:gz"
        ),
        "data/en_us/audio/dev.tar.gz": make_tar([("dev/x.wav", clip(98))], "w:gz"),
        "data/en_us/train.tsv": to_csv(rows("path"), "\t"),
        "data/en_us/dev.tsv": to_csv([{"path": "x.wav", "text": "x"}], "\t"),
    },
    "webdataset-in-tar-gz": {
        "train-00000.tar.gz": make_tar(
            (
                pair
                for (name, data), text in zip(CLIPS.items(), TEXTS, strict=True)
                for pair in ((name, data), (f"{stem(name)}.txt", text.encode()))
            ),
            "w:gz",
        )
    },
    "clips-and-texts-in-zip": {
        "train.zip": to_zip(
            {
                # All clips, then all texts, as some programs pack folders by kind.
                **at("set/"),
                **{f"set/{stem(n)}.txt": t.encode() for n, t in zip(CLIPS, TEXTS, strict=True)},
            }
        )
    },
    "metadata-in-zip": {
        "train.zip": to_zip(
            {**at("wavs/"), "metadata.csv": to_csv(rows("file_name", "wavs/{}".format))}
        )
    },
    "webdataset-in-parts": cut(
        "data/train.tar",
        WEBDATASET,
        3,
        ".part{}".format,
    ),
    "csv-and-zip-in-parts": {
        "metadata.csv": to_csv(rows("file", "wavs/{}".format)),
        **cut("wavs.zip", to_zip(CLIPS), 3, lambda at: f".{at + 1:03}"),
    },
    "csv-and-tar-gz-in-parts": {
        "train.csv": to_csv(rows("file")),
        **cut("wavs.tar.gz", make_tar(CLIPS.items(), "w:gz"), 2, ".part-{:02}".format),
    },
    "csv-and-tar-in-parts": {
        "train.csv": to_csv(rows("file")),
        **cut("wavs.tar", make_tar(CLIPS.items()), 3, lambda at: f".a{chr(97 + at)}"),
    },
}
