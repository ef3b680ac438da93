"""Patterns match as before and as `fnmatch` says, and hostile ones end."""

import fnmatch
import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hugflow.requests.grammar import FieldInvalid
from hugflow.requests.sources import read_form
from hugflow.shards.patterns import to_regex
from hugflow.shards.resolution.patterns import Paths

PARTS = st.lists(
    st.sampled_from(["**/", "**", "*", "/", "a", "b", "ab", "/a/", ".", "{split}", "{subset}"]),
    min_size=1,
    max_size=9,
).map("".join)
PATHS = st.lists(st.text("ab.t", min_size=1, max_size=4), min_size=1, max_size=5).map("/".join)


def one_by_one(pattern: str, subset: str | None, split: str) -> str:
    """Each wildcard by itself, whatever follows it."""
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "{split}": re.escape(split)}
    wild["{subset}"] = re.escape(subset) if subset is not None else r"[^\s\S]"
    pieces = re.split(r"(\*\*/|\*\*|\*|\{subset\}|\{split\})", pattern)
    return "".join(wild.get(piece, re.escape(piece)) for piece in pieces)


@settings(max_examples=150)
@example("a*b**/c", ["abbc", "abx/c", "abx/bc"], None)
@given(PARTS, st.lists(PATHS, min_size=1, max_size=8), st.sampled_from([None, "", "a", "ab"]))
def test_a_pattern_of_a_form_matches_what_its_wildcards_match_one_by_one(
    pattern: str, paths: list[str], subset: str | None
):
    made = re.compile(to_regex(pattern, subset, "t"))
    plain = re.compile(one_by_one(pattern, subset, "t"))
    for path in paths:
        assert bool(made.fullmatch(path)) == bool(plain.fullmatch(path)), (pattern, path)


@settings(max_examples=80)
@given(st.text("ab*", min_size=1, max_size=8), st.text("ab", min_size=1, max_size=8))
def test_stars_in_a_name_match_as_fnmatch_says(pattern: str, name: str):
    pattern = re.sub(r"\*+", "*", pattern)
    expected = fnmatch.fnmatchcase(name, pattern)
    assert bool(re.fullmatch(to_regex(pattern, None, "t"), name)) == expected
    assert bool(Paths.of([name]).find(pattern)) == expected


def in_dataset_rules(pattern: str, path: str) -> bool:
    """Whether a pattern matches by `datasets`' rules, tried for every number of folders."""

    def rest(parts: list[str], names: list[str]) -> Iterator[bool]:
        if not parts:
            yield not names
        elif parts[0] == "**":
            yield len(parts) == 1 and bool(names)
            for taken in range(len(names)):
                yield from rest(parts[1:], names[taken:])
        elif names and fnmatch.fnmatchcase(names[0], parts[0]):
            yield from rest(parts[1:], names[1:])

    return any(rest(pattern.split("/"), path.split("/")))


DATASET_PATTERNS = st.lists(
    st.sampled_from(["**", "*", "a*", "*a*b", "?", "*?b*", "ab", "[ab]*", "b"]),
    min_size=1,
    max_size=6,
).map("/".join)


@settings(max_examples=150)
@given(
    DATASET_PATTERNS,
    st.lists(st.lists(st.text("ab", min_size=1, max_size=4), max_size=6), min_size=1, max_size=8),
)
def test_a_pattern_of_a_card_matches_by_the_rules_of_datasets(pattern: str, parts: list[list[str]]):
    paths = sorted({"/".join(each) for each in parts if each})
    expected = [path for path in paths if in_dataset_rules(pattern, path)]
    assert Paths.of(paths).find(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 60 + "b", "a" * 250),
        ("**/" + "*a*" * 60 + "b", "a/" * 100 + "a" * 150),
        ("**/a/" * 60 + "b", "a/" * 120 + "a"),
        ("**/*a*/" * 50 + "b", "aa/" * 80 + "aa"),
        ("a**" * 60 + "b", "a" * 250),
        ("**a*" * 60 + "b", "a" * 250),
    ],
)
def test_a_pattern_of_many_wildcards_ends(pattern: str, path: str):
    assert not re.fullmatch(to_regex(pattern, None, "t"), path)
    assert re.fullmatch(to_regex(pattern, None, "t"), path + "b") or "/" in pattern
    if "a**" not in pattern and "**a" not in pattern:
        assert Paths.of([path]).find(pattern.replace("**/**/", "**/")) == []


def test_patterns_of_recipes_are_the_expressions_that_plans_hold():
    assert to_regex("**/{subset}/clips/*", "ms", "t") == "(?:.*/)?ms/clips/[^/]*"
    assert to_regex("**/*.trans.txt", None, "t") == r"(?:.*/)?[^/]*\.trans\.txt"
    assert to_regex("{split}/**", None, "t") == "t/.*"


def test_a_pattern_that_begins_folders_within_names_again_and_again_is_refused():
    assert read_form({"audio": "a**/b**/c**/{split}/**/*.wav"}).audio
    with pytest.raises(FieldInvalid, match="more than 3 times"):
        read_form({"audio": "a**/" * 4 + "b"})
