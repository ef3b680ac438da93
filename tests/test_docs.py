"""The pages are true: links lead somewhere, lines end at 100 columns, and codes are those of the code."""

import ast
import re
from pathlib import Path

import pytest

from hugflow import errors
from hugflow.audio.bad import REASONS
from hugflow.ledger.progress import STATUS_WORDS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
ROOMS = ("hugflow", "hugflow_assets", "resources", "sensors")
STATES = (ROOT / "docs" / "states.md").read_text("utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table(page: str, heading: str) -> list[str]:
    """The first cells of the table below a heading, without their backticks."""
    section = page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [row.split("|")[1].strip().strip("`") for row in rows]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    for link in [link for link in links if not link.startswith(("http", "mailto"))]:
        place, _, anchor = link.partition("#")
        target = (page.parent / place) if place else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_end_at_100_columns_outside_tables_and_examples(page: Path):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    lines = [line for line in text.splitlines() if not line.startswith(("|", "    ", "!["))]
    assert [line for line in lines if len(line) > 100] == []


def test_every_state_is_explained_in_the_order_of_a_life():
    assert table(STATES, "States of a dataset") == list(STATUS_WORDS)


def test_every_exit_code_an_error_may_have_is_explained():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, errors.HugflowError)}
    listed = {code for cell in table(STATES, "Exit codes") for code in cell.split(", ")}
    assert {str(code) for code in codes} | {"0", "130", "143"} <= listed


def test_every_code_of_a_failed_row_is_explained():
    assert set(table(STATES, "Codes of failed rows")) == {*REASONS, "text_not_utf8"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_the_code_that_a_page_names_exists(page: Path):
    named = re.findall(
        r"`((?:hugflow|tests|bench|deploy)\w*/[\w./]+\.\w+)`", page.read_text("utf-8")
    )
    files = [name for name in named if "NAME" not in name and "NOUN" not in name]
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_no_message_names_a_page_that_only_this_repository_has():
    named = []
    for path in [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]:
        tree = ast.parse(path.read_text("utf-8"))
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        named += [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and id(node) not in prose
            if isinstance(node.value, str) and re.search(r"\bdocs/[a-z-]+\.md", node.value)
        ]
    templates = (ROOT / "hugflow" / "cli" / "templates").rglob("*.*")
    named += [path.name for path in templates if "docs/" in path.read_text("utf-8")]
    assert named == []
