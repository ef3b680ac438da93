"""Reads an export by its consumer's own parser: `read_back.py CONSUMER TREE`, rows as JSON.

The parsers are those of `consumers.txt`, in a folder of their own (`make consumers`). NeMo's and
Coqui's are single modules of large packages, whose `__init__` would load torch; Lhotse's classes
name torch in their annotations, so it gets an empty one.
"""

import importlib.abc
import importlib.machinery
import json
import logging
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

FOLDER = Path(sys.prefix) / "consumers"


def open_packages(*names: str) -> None:
    """Make modules of these packages importable without running the packages' own code."""
    for name in names:
        package = ModuleType(name)
        package.__path__ = [str(FOLDER.joinpath(*name.split(".")))]
        sys.modules[name] = package


def nemo(tree: Path) -> list[Any]:
    """The rows of NeMo's manifest, with the paths that NeMo resolved."""
    folder = ["nemo", "collections", "common", "parts", "preprocessing"]
    open_packages(*(".".join(folder[:count]) for count in range(1, len(folder) + 1)))
    stubs: dict[str, dict[str, Any]] = {
        "nemo.utils": {"logging": logging},
        "nemo.utils.data_utils": {
            "DataStoreObject": lambda path: SimpleNamespace(get=lambda: path),
            "get_datastore_object": lambda path: path,
            "is_datastore_path": lambda path: False,
        },
        "nemo.utils.nemo_logging": {"LogMode": object},
    }
    for name, values in stubs.items():
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__dict__.update(values)
    from nemo.collections.common.parts.preprocessing.manifest import item_iter

    return [
        [row["audio_file"], row["text"], row["duration"]]
        for row in item_iter(str(tree / "nemo.jsonl"))
    ]


def coqui(tree: Path) -> list[Any]:
    """The items of Coqui's formatter `coqui`."""
    open_packages("TTS", "TTS.tts", "TTS.tts.datasets")
    from TTS.tts.datasets.formatters import coqui as read

    return [[row["audio_file"], row["text"]] for row in read(str(tree), "coqui.csv")]


def webdataset(tree: Path) -> list[Any]:
    """The samples of the tars."""
    import webdataset as wds

    tars = [str(path) for path in sorted((tree / "tars").glob("*.tar"))]
    samples = wds.WebDataset(tars, shardshuffle=False)
    return [[len(each["mp3"]), json.loads(each["json"])["text"]] for each in samples]


def croissant(tree: Path) -> list[Any]:
    """The records of every record set: row and text."""
    import mlcroissant

    dataset = mlcroissant.Dataset(jsonld=str(tree / "croissant.json"))
    rows: list[Any] = []
    for records in dataset.metadata.record_sets:
        for row in dataset.records(records.uuid):
            told = {name.rpartition("/")[2]: value for name, value in row.items()}
            text = told["sentence"]
            rows.append([int(told["row"]), text.decode() if isinstance(text, bytes) else text])
    return rows


class NoTorch(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `torch` and all below it: names without anything behind them."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """The module, if it is one of torch."""
        is_torch = name.split(".")[0] in ("torch", "torchaudio")
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if is_torch else None

    def create_module(self, spec: Any) -> Any:
        """A module that has every name; those that are inherited from are classes."""
        module = MagicMock(name=spec.name)
        module.__path__, module.__spec__, module.__name__ = [], spec, spec.name
        module.__version__ = "2.9.0"
        for name in ("Tensor", "Dataset", "IterableDataset", "Sampler", "DataLoader"):
            setattr(module, name, type(name, (), {"__class_getitem__": lambda item: object}))
        return module

    def exec_module(self, module: Any) -> None:
        """There is nothing to run."""


def _lhotse() -> Any:
    sys.meta_path.insert(0, NoTorch())
    import lhotse

    return lhotse


def lhotse(tree: Path) -> list[Any]:
    """The cuts of the manifests, whose recordings and supervisions are there too."""
    found, os_folder = _lhotse(), Path.cwd()
    os.chdir(tree)
    try:
        recordings = found.RecordingSet.from_file("recordings.jsonl.gz")
        supervisions = found.SupervisionSet.from_file("supervisions.jsonl.gz")
        lengths = {each.id: each.duration for each in recordings}
        texts = {each.id: each.text for each in supervisions}
        return [
            [cut.recording.sources[0].source, texts[cut.id], lengths[cut.recording_id]]
            for cut in found.CutSet.from_file("cuts.jsonl.gz")
        ]
    finally:
        os.chdir(os_folder)


def shar(tree: Path) -> list[Any]:
    """The cuts of Shar with the sizes of their MP3s."""
    cuts = _lhotse().CutSet.from_shar(in_dir=str(tree / "shar"))
    return [[len(cut.recording.sources[0].source), cut.supervisions[0].text] for cut in cuts]


READERS = {each.__name__: each for each in (nemo, coqui, webdataset, croissant, lhotse, shar)}

if __name__ == "__main__":
    sys.path.append(str(FOLDER))
    sys.stdout.write(json.dumps(READERS[sys.argv[1]](Path(sys.argv[2]))))
    sys.stdout.flush()
    # A consumer may have threads, which now and then end an interpreter that waits for none of them.
    os._exit(0)
