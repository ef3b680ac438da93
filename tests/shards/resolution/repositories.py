"""Repositories to resolve: lists of file names with a card, by hand and generated."""

from dataclasses import dataclass
from random import Random
from typing import Any, Final

WAV: Final = ("a.wav", "b.wav")


@dataclass(frozen=True, slots=True)
class Case:
    """Paths of files, and the text of README.md; None if there is none."""

    name: str
    paths: tuple[str, ...]
    card: Any = None


def shards(split: str, count: int, ending: str = "parquet", folder: str = "data/") -> list[str]:
    return [f"{folder}{split}-{n:05d}-of-{count:05d}.{ending}" for n in range(count)]


def one(files: Any, **more: Any) -> dict[str, Any]:
    return {"configs": [{"config_name": "default", "data_files": files, **more}]}


def _case(name: str, *paths: str, card: Any = None) -> Case:
    return Case(name, paths, card)


_PAIR: Final = ("en/train.parquet", "en/test.parquet", "de/train.parquet", "notes.csv")
_INFO: Final = {
    "features": [
        {"name": "audio", "dtype": {"audio": {"sampling_rate": 16000}}},
        {"name": "text", "dtype": "string"},
        {"name": "label", "dtype": {"class_label": {"names": {"0": "no", "1": "yes"}}}},
        {"name": "words", "sequence": "string"},
    ],
    "splits": [{"name": "train", "num_bytes": 1, "num_examples": 2}],
    "download_size": 1,
    "dataset_size": 1,
}

NAMED: Final = [
    _case("shards of splits", *shards("train", 2), *shards("test", 1), "other.parquet"),
    _case("other splits by name", *shards("b.c", 1), *shards("a", 1), *shards("validation", 1)),
    _case("shards with a hash", "data/train-00000-of-00001-4c6.parquet", "x/train.parquet"),
    _case("a split with a dash", *shards("train-clean", 1), *shards("test", 1)),
    _case("shards elsewhere", *shards("train", 2, folder="en/")),
    _case("shards of csv", *shards("test", 2, "csv")),
    _case("one file", "data.csv"),
    _case("one file in a folder", "x/y/z.jsonl"),
    _case("names of files", "train.csv", "dev.csv", "test.csv", "extra.csv"),
    _case("numbered names", "train_0.csv", "train_1.csv", "train_10.csv", "eval-2.csv"),
    _case("words in folders", "train/1.wav", "dev/1.wav", "test/1.wav", "more/1.wav"),
    _case("words at ends of names", "clean-train/1.wav", "train_clean_100/2.wav", "train2/3.wav"),
    _case("words inside names", "trainclean/1.wav", "contest.wav", "Train/1.wav"),
    _case("a word in a file", "my_test_1.wav", "x/a.wav"),
    _case("a split below another", "train/dev-clean/1.wav", "train/a/1.wav"),
    _case("twice in a split", "train/training/1.wav", "train/2.wav"),
    _case("a speaker called dev", "clips/dev/1.wav", "clips/ann/1.wav"),
    _case("everything", "10.wav", "9.wav", "B.wav", "a/1.wav", "b.wav"),
    _case("order of patterns", "training.parquet", "a/x_train.parquet", "b/train.parquet"),
    _case("hidden", ".a/1.wav", ".b.wav", "c/.d/1.wav", "e.wav", "__f/1.wav", "g/__h.wav"),
    _case("only hidden", ".a/1.wav"),
    _case("nothing"),
    _case("nothing that is read", "a.bin", "b.py"),
    _case("ignored names", "config.json", "dataset_info.json", "dataset_dict.json", "x.json"),
    _case("logs", "a/x.eval", "b.csv"),
    _case("tasks", "a/task.toml", "a/instruction.md", "b.csv"),
    _case("metadata does not vote", "train/metadata.csv", "train/1.wav", "test/1.wav"),
    _case("metadata above", "metadata.csv", "train/1.wav", "test/1.wav"),
    _case("only metadata", "metadata.csv"),
    _case("another name with metadata", "my_metadata.csv", "a.wav", "metadata.jsonl", "b.wav"),
    _case("texts beside", "a.wav", "a.txt", "b.wav", "b.txt"),
    _case("more clips than texts", "a.flac", "a.txt", "b.flac", "c.flac"),
    _case("tables and archives", "audio/train.tar", "transcript/train.tsv"),
    _case("tars", "train-0.tar", "train-1.tar", "LICENSE.md"),
    _case("compressed", "a.jsonl.gz", "b.jsonl.gz", "c.tar.gz"),
    _case("zips", "a.zip", "b.zip"),
    _case("a zip beside parquet", "a.parquet", "b.zip", "c.parquet"),
    _case("a draw", "a.parquet", "b.csv"),
    _case("a draw of others", "a.txt", "b.wav", "c.mp3"),
    _case("capitals", "A.WAV", "b.Wav", "c.CSV"),
    _case("unknown audio", "a.m4a", "b.aac"),
    _case("different kinds", "train.csv", "test.parquet"),
    _case("tsv and csv", "train.csv", "test.tsv"),
    _case("pictures", "logo.png", "train/a.wav", "train/b.wav", "cover.jpg"),
    _case("saved to disk", "train/data-00000-of-00001.arrow", "train/state.json", "x.json"),
    _case("a dot in a folder", "v1.csv.d/a.bin", "b.csv"),
    _case("lance", "a.lance/data/1.lance", "a.lance/_versions/1.manifest"),
    _case("legacy infos", "dataset_infos.json", "a.csv"),
    _case("a second card", ".huggingface.yaml", "a.csv"),
    _case("no card in YAML", *WAV, card="# Title\n\ntext\n"),
    _case("only words", *WAV, card={"license": "mit", "tags": ["a", "b"]}),
    _case("a byte order mark", *WAV, card="\ufeff---\nlicense: mit\n---\n"),
    _case("other line ends", *WAV, card="\r\n---\r\nconfigs: []\r\n---\r\ntext"),
    _case("broken YAML", *WAV, card="---\na: [\n---\n"),
    _case("YAML of a list", *WAV, card="---\n- a\n---\n"),
    _case("an empty block", *WAV, card="---\n---\n"),
    _case("no end of the YAML", *WAV, card="---\na: b\n"),
    _case("text files", *WAV, card=one("a.wav")),
    _case("a list of files", *WAV, card=one(["b.wav", "a.wav"])),
    _case("a list of splits", *_PAIR, card=one([{"split": "x", "path": "en/*"}])),
    _case("paths in a list", *_PAIR, card=one([{"split": "x", "path": ["de/*", "en/t*"]}])),
    _case("overlapping paths", *_PAIR, card=one([{"split": "x", "path": ["en/*", "en/train.*"]}])),
    _case("a mapping of splits", *_PAIR, card=one({"train": "en/*"})),
    _case("an extra key", *_PAIR, card=one([{"split": "x", "path": "en/*", "y": 1}])),
    _case("a split twice", *_PAIR, card=one([{"split": "x", "path": "en/*"}] * 2)),
    _case("a number as a split", *_PAIR, card=one([{"split": 1, "path": "en/*"}])),
    _case("a split in words", *_PAIR, card=one([{"split": "träin.100", "path": "en/*"}])),
    _case("a refused split", *_PAIR, card=one([{"split": "a-b", "path": "en/*"}])),
    _case("no files", *_PAIR, card=one(None)),
    _case("an empty list", *_PAIR, card=one([])),
    _case("a missing file", *_PAIR, card=one("fr/train.parquet")),
    _case("an empty glob", *_PAIR, card=one([{"split": "x", "path": "fr/*"}])),
    _case("a glob among others", *_PAIR, card=one([{"split": "x", "path": ["fr/*", "en/*"]}])),
    _case("one empty split", *_PAIR, card=one([*({"split": s, "path": f"{s}/*"} for s in ("en", "fr"))])),
    *(
        _case(f"the pattern {pattern}", *_PAIR, "a[b].parquet", "en/deep/er.parquet", card=one(pattern))
        for pattern in (
            "**", "*/train.parquet", "en/**", "**/*.parquet", "e?/t*", "[ed]*/test.parquet", "en/[a-z]*",
            "en", "en/", "./en/*", "../x/*", "/en/*", "{en,de}/*", "**.parquet", "en/t**", "[!e]*/*",
            "en/*/*", "*", "**/**/er.*", "en//train.parquet", "a[[]b].parquet", "*.csv",
        )
    ),
    _case("asked hidden", ".a/1.csv", "__b/2.csv", ".c.csv", card=one([".a/*", "__b/*", ".c.csv"])),
    _case("a named README", "README.md", "a.md", card=one("README.md")),
    _case("other kinds with a card", "data/a.parquet", "data/stats.json", card=one("data/*")),
    _case("several subsets", *_PAIR, card={"configs": [
        {"config_name": "en", "data_files": [{"split": "train", "path": "en/train.*"}, {"split": "test", "path": "en/test.*"}]},
        {"config_name": "de", "data_files": "de/*"}]}),
    _case("a default subset", *_PAIR, card={"configs": [
        {"config_name": "en", "data_files": "en/*"},
        {"config_name": "de", "data_files": "de/*", "default": True}]}),
    _case("two defaults", *_PAIR, card={"configs": [
        {"config_name": "default", "data_files": "en/*"},
        {"config_name": "de", "data_files": "de/*", "default": True}]}),
    _case("a subset twice", *_PAIR, card={"configs": [
        {"config_name": "en", "data_files": "en/*"}, {"config_name": "en", "data_files": "de/*"}]}),
    _case("folders of subsets", *_PAIR, card={"configs": [
        {"config_name": "en", "data_dir": "en"}, {"config_name": "de", "data_dir": "de/"}]}),
    _case("an empty folder", *_PAIR, card={"configs": [
        {"config_name": "en", "data_dir": "en"}, {"config_name": "fr", "data_dir": "fr"}]}),
    _case("folder and files", *_PAIR, card=one("train.parquet", data_dir="en")),
    _case("a folder above", *_PAIR, card={"configs": [{"config_name": "a", "data_dir": "../en"}]}),
    _case("shards in a folder", *shards("train", 2, folder="en/data/"), card={"configs": [
        {"config_name": "en", "data_dir": "en"}]}),
    _case("another kind behind", "a.parquet", "b.csv", card={"configs": [
        {"config_name": "a", "data_files": "a.parquet"}, {"config_name": "b", "data_files": "b.csv"}]}),
    _case("only a name", *_PAIR, card={"configs": [{"config_name": "x"}]}),
    _case("no name", *_PAIR, card={"configs": [{"data_files": "en/*"}]}),
    _case("a number as a name", *_PAIR, card={"configs": [{"config_name": 16000, "data_files": "en/*"}]}),
    _case("no as a name", *_PAIR, card="---\nconfigs:\n- config_name: no\n  data_files: en/*\n---\n"),
    _case("a slash in a name", *_PAIR, card={"configs": [{"config_name": "a/b", "data_files": "en/*"}]}),
    _case("a space in a name", *_PAIR, card={"configs": [{"config_name": "a b", "data_files": "en/*"}]}),
    _case("no list of configs", *_PAIR, card={"configs": {"config_name": "a", "data_files": "en/*"}}),
    _case("settings of a reader", "a.csv", card=one("a.csv", sep=";", version="1.0.0")),
    _case("settings of folders", *WAV, card=one("*", drop_labels=True)),
    _case("unknown settings", "a.csv", card=one("a.csv", wonderful=True)),
    _case("described", *_PAIR, card={"dataset_info": _INFO}),
    _case("described with a name", *_PAIR, card={"dataset_info": {"config_name": "x", **_INFO}}),
    _case("a described subset", *_PAIR, card={
        "configs": [{"config_name": "en", "data_files": "en/*"}, {"config_name": "de", "data_files": "de/*"}],
        "dataset_info": [{"config_name": "de", **_INFO}]}),
    _case("described subsets", *_PAIR, card={
        "configs": [{"config_name": "en", "data_files": "en/*"}, {"config_name": "de", "data_files": "de/*"}],
        "dataset_info": [{"config_name": name, **_INFO} for name in ("en", "de")]}),
    _case("features of nothing", *_PAIR, card={"dataset_info": {"features": [{"name": "a", "dtype": "wave"}]}}),
    _case("splits of nothing", *_PAIR, card={"dataset_info": {"splits": [{"name": "a"}]}}),
]  # fmt: skip

_FOLDERS: Final = (
    "", "train/", "test/", "dev/", "data/", "clips/", "en/", "train_clean/", "val-2/", "x/training/",
    "my eval/", ".git/", "__cache/", "a.b/", "speaker1/", "Test/",
)  # fmt: skip
_STEMS: Final = (
    "train", "test", "a", "b-train", "valid.1", "dev_2", "contest", "metadata", "10", "2", "evaluation",
    "train-00000-of-00002", "train-00001-of-00002", "other-00000-of-00001", ".hidden", "trainer",
)  # fmt: skip
_ENDINGS: Final = ("wav", "flac", "csv", "jsonl", "parquet", "txt", "tar", "md", "WAV", "bin")
_PATTERNS: Final = ("**", "*", "data/*", "train/**", "**/*train*", "*/a.*", "**/[0-9]*", "en/*")


def generate(count: int) -> list[Case]:
    """Repositories of names that matter to the rules, some with a card; the same every time."""
    random = Random(5)  # noqa: S311  # not a secret
    return [_generate(random, number) for number in range(count)]


def _generate(random: Random, number: int) -> Case:
    endings = random.sample(_ENDINGS, k=random.choice((1, 1, 1, 2, 3)))
    folders = random.sample(_FOLDERS, k=random.choice((1, 2, 3, 5)))
    paths = {
        f"{random.choice(folders)}{random.choice(_STEMS)}.{random.choice(endings)}"
        for _ in range(random.choice((1, 3, 6, 12)))
    }
    card: dict[str, Any] | None = None
    if number % 3 == 0:
        names = random.sample(("default", "en", "de"), k=random.choice((1, 2)))
        card = {"configs": [{"config_name": name, **_config(random)} for name in names]}
    return Case(f"generated {number}", tuple(sorted(paths)), card)


def _config(random: Random) -> dict[str, Any]:
    match random.choice(("text", "list", "splits", "folder", "none")):
        case "text":
            return {"data_files": random.choice(_PATTERNS)}
        case "list":
            return {"data_files": random.sample(_PATTERNS, k=2)}
        case "splits":
            splits = random.sample(("train", "test", "other"), k=2)
            return {"data_files": [{"split": s, "path": random.choice(_PATTERNS)} for s in splits]}
        case "folder":
            return {"data_dir": random.choice(_FOLDERS).strip("/") or "data"}
        case _:
            return {}
