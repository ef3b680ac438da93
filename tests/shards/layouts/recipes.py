"""The set of clips of `published`, as the datasets of the recipes publish them."""

import io
import json
import wave
from typing import Any

from tests.shards.layouts.published import CLIPS, TEXTS, Files, rows, stem, to_csv, to_zip
from tests.shards.layouts.tars import clip, make_tar

GAP_S = 0.1


def lines(pairs: dict[str, str]) -> bytes:
    """Lines of a key and a text."""
    return "".join(f"{key} {text}\n" for key, text in pairs.items()).encode()


def samples(data: bytes) -> bytes:
    """The samples of a WAV."""
    with wave.open(io.BytesIO(data)) as opened:
        return opened.readframes(opened.getnframes())


def to_wav(data: bytes, channels: int = 1) -> bytes:
    """16-bit samples at 16 kHz as a WAV."""
    out = io.BytesIO()
    with wave.open(out, "wb") as opened:
        opened.setnchannels(channels)
        opened.setsampwidth(2)
        opened.setframerate(16_000)
        opened.writeframes(data)
    return out.getvalue()


def one_recording() -> tuple[bytes, dict[str, tuple[float, float]]]:
    """All clips in one recording with gaps between, and the times of each by its stem."""
    gap = b"\1\0" * int(GAP_S * 16_000)
    sound, times = b"", {}
    for name, data in CLIPS.items():
        own = samples(data)
        start = (len(sound) + len(gap)) / 2 / 16_000
        sound += gap + own
        times[stem(name)] = (start, start + len(own) / 2 / 16_000)
    return to_wav(sound + gap), times


TEXT_BY_STEM = {stem(name): text for name, text in zip(CLIPS, TEXTS, strict=True)}
_LONG, _TIMES = one_recording()
_MOZILLA = "cv-corpus-17.0-2024-03-15/ms"
_LIBRI = [
    *((f"LibriSpeech/train-clean-100/1/2/{name}", data) for name, data in CLIPS.items()),
    ("LibriSpeech/train-clean-100/1/2/1-2.trans.txt", lines(TEXT_BY_STEM)),
]
MOZILLA = make_tar(
    [
        (f"{_MOZILLA}/train.tsv", to_csv(rows("path"), "\t").replace(b"text", b"sentence", 1)),
        (f"{_MOZILLA}/dev.tsv", b"path\tsentence\nx.wav\tx\n"),
        *((f"{_MOZILLA}/clips/{name}", data) for name, data in CLIPS.items()),
        (f"{_MOZILLA}/clips/x.wav", clip(98)),
    ],
    "w:gz",
)

RECIPES: dict[str, tuple[Files, dict[str, Any]]] = {
    "common_voice": (
        {
            "audio/ms/train/ms_train_0.tar": make_tar(
                (f"ms_train_0/{name}", data) for name, data in [*CLIPS.items()][:3]
            ),
            "audio/ms/train/ms_train_1.tar": make_tar(
                (f"ms_train_1/{name}", data) for name, data in [*CLIPS.items()][3:]
            ),
            "audio/ms/dev/ms_dev_0.tar": make_tar([("ms_dev_0/x.wav", clip(98))]),
            "transcript/ms/train.tsv": to_csv(rows("path"), "\t").replace(b"text", b"sentence", 1),
            "transcript/ms/dev.tsv": b"path\tsentence\nx.wav\tx\n",
        },
        {"source": {"recipe": "common_voice"}, "subset": "ms"},
    ),
    "common_voice-archive": (
        {"cv-corpus-ms.tar.gz": MOZILLA},
        {
            "subset": "ms",
            "source": {
                "inside": True,
                "archives": "cv-corpus-{subset}.tar.gz",
                "table": "**/{subset}/{split}.tsv",
                "audio": "**/clips/*",
                "key": "path",
                "text": "sentence",
            },
        },
    ),
    "fleurs": (
        {
            "data/ms_my/audio/train.tar.gz": make_tar(
                ((f"train/{name}", data) for name, data in CLIPS.items()), "w:gz"
            ),
            "data/ms_my/train.tsv": "".join(
                f'{n}\t{name}\t"{text}\t{text}\tx\t3200\tMALE\n'
                for n, (name, text) in enumerate(zip(CLIPS, TEXTS, strict=True))
            ).encode(),
            "data/ms_my/dev.tsv": b"1\tx.wav\tx\tx\tx\t1\tMALE\n",
        },
        {"source": {"recipe": "fleurs"}, "subset": "ms_my"},
    ),
    "voxpopuli": (
        {
            "data/en/asr_train.tsv": to_csv(rows("id", stem), "\t").replace(
                b"text", b"normalized_text", 1
            ),
            "data/en/train/train_part_0.tar.gz": make_tar(
                ((f"train_part_0/{name}", data) for name, data in CLIPS.items()), "w:gz"
            ),
        },
        {"source": {"recipe": "voxpopuli"}, "subset": "en"},
    ),
    "yodas": (
        {
            "data/en000/text/00000000.txt": lines(TEXT_BY_STEM),
            "data/en000/audio/00000000.tar.gz": make_tar(
                ((f"./{name}", data) for name, data in CLIPS.items()), "w:gz"
            ),
        },
        {"source": {"recipe": "yodas"}, "subset": "en000"},
    ),
    "ljspeech": (
        {
            "LJSpeech-1.1/metadata.csv": "".join(
                f'{key}|"raw|{text}\n' for key, text in TEXT_BY_STEM.items()
            ).encode(),
            **{f"LJSpeech-1.1/wavs/{name}": data for name, data in CLIPS.items()},
        },
        {"source": {"recipe": "ljspeech"}},
    ),
    "ljspeech-zip": (
        {
            "LJSpeech.zip": to_zip(
                {
                    **{f"LJSpeech-1.1/wavs/{name}": data for name, data in CLIPS.items()},
                    "LJSpeech-1.1/metadata.csv": "".join(
                        f"{key}|raw|{text}\n" for key, text in TEXT_BY_STEM.items()
                    ).encode(),
                }
            )
        },
        {"source": {"recipe": "ljspeech"}},
    ),
    "librispeech": (
        dict(_LIBRI),
        {"source": {"recipe": "librispeech"}, "split": "train.clean.100"},
    ),
    "librispeech-tar": (
        {"train-clean-100.tar.gz": make_tar(_LIBRI, "w:gz")},
        {"source": {"recipe": "librispeech"}, "split": "train.clean.100"},
    ),
    "emilia": (
        {
            "Emilia/EN/EN-B000000.tar": make_tar(
                pair
                for (name, data), text in zip(CLIPS.items(), TEXTS, strict=True)
                for pair in (
                    (f"{stem(name)}.json", json.dumps({"text": text, "dnsmos": 3.3}).encode()),
                    (name, data),
                )
            )
        },
        {"source": {"recipe": "emilia"}, "subset": "EN"},
    ),
    "ami": (
        {
            "data/ihm/train/wav.scp": b"meeting amicorpus/meeting.wav\n",
            "data/ihm/train/segments": "".join(
                f"{key} meeting {start:.4f} {end:.4f}\n" for key, (start, end) in _TIMES.items()
            ).encode(),
            "data/ihm/train/text": lines(TEXT_BY_STEM),
            "amicorpus/meeting.wav": _LONG,
        },
        {"source": {"recipe": "ami"}, "subset": "ihm"},
    ),
    "gigaspeech": (
        {
            "GigaSpeech.json": json.dumps(
                {
                    "dataset": "GigaSpeech",
                    "audios": [
                        {
                            "title": "a talk",
                            "path": "audio/talk.wav",
                            "segments": [
                                {
                                    "sid": key,
                                    "begin_time": start,
                                    "end_time": end,
                                    "text_tn": TEXT_BY_STEM[key],
                                }
                                for key, (start, end) in _TIMES.items()
                            ],
                        }
                    ],
                }
            ).encode(),
            "audio/talk.wav": _LONG,
        },
        {"source": {"recipe": "gigaspeech"}},
    ),
}
