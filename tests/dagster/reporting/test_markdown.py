"""Strangers' words on Dagster's pages: read as they were written, and nothing more than words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from hugflow_assets.reporting.markdown import quote_markdown, to_cell

# By the rules of CommonMark, as Dagster's pages read it.
RENDER = MarkdownIt("commonmark").render


def words_of(html: str) -> list[str]:
    """What a page shows, without white space; it may hold a quotation with paragraphs only."""
    rest = re.sub(r"</?(blockquote|p)>|<br />", " ", html)
    assert "<" not in rest
    for name, char in (("lt", "<"), ("gt", ">"), ("quot", '"'), ("amp", "&")):
        rest = rest.replace(f"&{name};", char)
    return rest.split()


@pytest.mark.parametrize(
    "text",
    [
        "*not* __strong__ ~~struck~~ `code`",
        "[a link](javascript:alert(1)) ![a picture](https://example.org/x.png) <b>bold</b>",
        "# no heading\n- no list\n1. nor this\n> no quotation of its own\n    no code",
        "a row | of a table\n--- | ---\n***\n```\nfence",
        "&lt;script&gt; \\*",
        "<https://example.org> <!-- hidden -->",
    ],
)
def test_nothing_that_was_written_becomes_markup(text: str):
    assert words_of(RENDER(quote_markdown(text))) == text.split()


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60))
def test_every_word_is_read_as_it_was_written(text: str):
    assert words_of(RENDER(quote_markdown(text))) == text.split()


def test_lines_and_paragraphs_stay_apart():
    html = RENDER(quote_markdown("one\ntwo\n\nthree"))
    assert html.count("<blockquote>") == 1
    assert "one<br />\ntwo" in html
    assert "<p>three</p>" in html


def test_a_cell_is_one_line():
    assert to_cell("one\ntwo\t three ", 100) == "one two three"


def test_a_cell_is_cut_and_says_so():
    assert to_cell("x" * 10, 10) == "x" * 10
    assert to_cell("x" * 11, 10) == "x" * 10 + "…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m\0", r"\x1b[31m\x00"),
        ("\udcff", r"\udcff"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("می\u200cروم", "می\u200cروم"),
        ("<b>&amp; | ` \u3000漢字", "<b>&amp; | ` 漢字"),
    ],
)
def test_a_cell_holds_what_can_be_stored_and_disturbs_nothing_beside_it(text: str, shown: str):
    assert to_cell(text, 100) == shown


@given(st.text())
def test_every_cell_can_be_stored(text: str):
    to_cell(text, 20).encode("utf-8")
