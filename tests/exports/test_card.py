"""The card: a header that `datasets` reads, and a stranger's words that stay words."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hugflow.exports.card import render_card
from hugflow.statistics.figures import Statistics, TextStatistics
from tests.shards.plans import REQUEST, plan_of

LOAD_ALL = """
import sys
import datasets
[split] = datasets.load_dataset(sys.argv[1]).values()
print(split["row"][:])
"""
FEATURES: list[Any] = [{"name": "row", "dtype": "int64"}]


def header_of(card: str) -> dict[str, Any]:
    # As the Hub's library finds it: three dashes at the very begin of a line.
    header = card.removeprefix("---\n").split("\n---\n", 1)[0]
    value: dict[str, Any] = yaml.safe_load(header)
    return value


def expected(split: str) -> dict[str, Any]:
    return {
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": "index/*.parquet"}],
            }
        ],
        "dataset_info": {"config_name": "default", "features": FEATURES},
        "license": "cc0-1.0",
    }


def test_the_header_names_index_split_features_and_licence():
    card = render_card(plan_of(card_features=FEATURES), description="Malay speech")
    assert header_of(card) == expected("train")


@pytest.mark.parametrize(
    "description",
    [
        "---\nlicense: mit\n---",
        "```\nrm -rf /\n```",
        "\n\n---\nconfigs: []\n",
        "<script>alert(1)</script>",
        "# A heading\n\n| a | b |",
        "a\r---\rb",
        "a\x0b---\x0c---\x85---\u2028---",
        "[x](javascript:alert(1))",
    ],
)
def test_a_description_cannot_become_header_or_markup(description: str):
    card = render_card(plan_of(card_features=FEATURES), description=description)
    assert header_of(card) == expected("train")
    body = card.split("\n---\n", 1)[1].splitlines()
    quoted = body[body.index(f"# {plan_of().dataset}") + 2 : body.index(_made_by(body)) - 1]
    assert quoted
    assert all(line.startswith("    ") for line in quoted)


@given(description=st.text(min_size=1, max_size=60))
def test_no_description_alters_the_rest_of_the_card(description: str):
    def rest(card: str) -> list[str]:
        return [line for line in card.splitlines() if line and not line.startswith("    ")]

    plan = plan_of(card_features=FEATURES)
    assert rest(render_card(plan, description=description)) == rest(
        render_card(plan, description="plain")
    )


@pytest.mark.parametrize("licence", [None, "mit\n---\nconfigs: 5", "a: b", "'", "- x"])
def test_a_licence_stays_a_licence(licence: str | None):
    header = header_of(render_card(plan_of(licence=licence), description="x"))
    assert header.get("license") == licence
    assert header["configs"] == expected("train")["configs"]


@pytest.mark.parametrize("split", ["test", "train.clean.100", "no", "1"])
def test_the_split_is_the_requests(split: str):
    plan = plan_of(card_features=FEATURES, request=replace(REQUEST, split=split))
    card = render_card(plan, description="x")
    assert header_of(card) == expected(split)
    assert f'split="{split}"' in card


@pytest.mark.parametrize("split", ["all", "All"])
def test_a_split_that_datasets_would_not_read_is_called_otherwise(split: str):
    plan = plan_of(card_features=FEATURES, request=replace(REQUEST, split=split))
    card = render_card(plan, description="x")
    assert header_of(card) == expected(f"{split}_")
    assert f'split="{split}_"' in card


@pytest.mark.slow
def test_a_folder_with_the_split_all_is_read_by_datasets(tmp_path: Path):
    plan = plan_of(card_features=FEATURES, request=replace(REQUEST, split="all"))
    (tmp_path / "index").mkdir()
    (tmp_path / "README.md").write_text(render_card(plan, description="x"), "utf-8")
    pq.write_table(pa.table({"row": [0, 1]}), tmp_path / "index" / "a.parquet")
    child = subprocess.run(
        [sys.executable, "-c", LOAD_ALL, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (child.returncode, child.stdout) == (0, "[0, 1]\n"), child.stderr


def test_a_dataset_that_the_hub_has_converted_says_so():
    assert "conversion" not in render_card(plan_of(), description="x")
    card = render_card(plan_of(files_commit="f" * 40), description="x")
    assert f"conversion to parquet (commit `{'f' * 40}`)" in card


def test_a_dataset_without_audio_speaks_of_none():
    statistics = Statistics(5, None, TextStatistics(7, 1, None))
    card = render_card(plan_of(audio_column=None), description="x", statistics=statistics)
    assert "audio" not in card
    assert "second" not in card


def test_the_figures_are_a_table_before_the_list_of_what_is_there():
    statistics = Statistics(1234, None, TextStatistics(7, 1, None))
    card = render_card(plan_of(card_features=FEATURES), description="x", statistics=statistics)
    table = "\n\n| | |\n| --- | --- |\n| rows | 1,234 |\n| characters | 7 |\n| rows without text | 1 |\n\n* "
    assert table in card
    assert header_of(card) == expected("train")


@pytest.mark.parametrize("statistics", [None, Statistics(0, None, None)])
def test_without_figures_there_is_no_table(statistics: Statistics | None):
    assert "| |" not in render_card(plan_of(), description="x", statistics=statistics)


def _made_by(body: list[str]) -> str:
    return next(line for line in body if line.startswith("Made by hugflow"))
