"""The list of exports: what belongs to which, and what is asked of all of them."""

import subprocess
import sys
from pathlib import Path

import pytest

from hugflow.exports.export import Foreseen, Size
from hugflow.exports.recorded import RecordedExport, RecordedFile
from hugflow.exports.registry import EXPORTS, export_folders, find_export, foresee_exports
from hugflow.requests import grammar
from hugflow.store.layout import DatasetFolder
from tests.shards.plans import plan_of


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("README.md", "card"),
        ("index/00000-of-00001.parquet", "index"),
        ("00000-of-00001.parquet", None),
        ("index/README.md", None),
        ("index/deep/00000-of-00001.parquet", None),
        ("index", None),
        ("README.md.bak", None),
        ("audio/1.mp3", None),
    ],
)
def test_a_file_belongs_to_the_export_whose_folder_and_names_it_has(path: str, name: str | None):
    found = find_export(Path(path))
    assert (found.name if found is not None else None) == name


def test_no_two_exports_share_a_name():
    assert len({export.name for export in EXPORTS}) == len(EXPORTS)


def test_the_folders_of_a_tree_are_named_once():
    names = ["index", "kaldi", "espnet", "ljspeech", "tars", "tars/.nv-meta", "shar"]
    assert export_folders(DatasetFolder(Path("/tree"))) == [Path("/tree") / name for name in names]


def test_what_is_foreseen_is_the_sum_over_all_exports():
    plan = plan_of()
    foreseen = Foreseen(plan, rows=10, row_bytes=100.0)
    chosen = ("nemo", "kaldi")
    each = [e.foresee(foreseen) for e in EXPORTS if not e.is_chosen or e.name in chosen]
    expected = Size(sum(size.files for size in each), sum(size.bytes for size in each))
    assert foresee_exports(foreseen, chosen) == expected
    # The indexes, their folder and the card; the manifest of NeMo; Kaldi's folder and its files.
    assert expected.files == len(plan.shards) + 2 + 1 + 7


@pytest.mark.parametrize(
    "path",
    [
        "../other/manifest.json",
        "/etc/passwd",
        "audio/1.mp3",
        "json/1.json",
        "index/00000-of-00001.parquet",
        "manifest.json",
        "failures.jsonl",
        "README.md",
        "a/b/c/d",
        "a//b",
        "./a",
        "a/",
        "..",
        ".",
        "",
        "a\0b",
    ],
)
def test_a_manifest_cannot_call_a_row_or_a_record_an_export(path: str):
    with pytest.raises(ValueError, match="no path of an export"):
        RecordedExport(1, {path: RecordedFile("00", 1)})


def test_an_export_lies_in_the_tree_or_in_a_folder_of_its_own():
    assert RecordedExport(
        1, {"nemo.jsonl": RecordedFile("00", 1), "kaldi/text": RecordedFile("0", 2)}
    )


def test_asking_the_list_loads_no_library_that_reads_or_writes_tables():
    heavy = {"pyarrow", "polars", "datasets", "numpy"}
    program = (
        "import sys\nimport hugflow.exports.registry\n"
        f"assert not {heavy} & sys.modules.keys(), {heavy} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_request_can_name_each_export_that_is_written_on_demand_and_no_other():
    assert [export.name for export in EXPORTS if export.is_chosen] == list(grammar.EXPORTS)
    assert set(grammar.DEFAULT_EXPORTS) <= set(grammar.EXPORTS)
