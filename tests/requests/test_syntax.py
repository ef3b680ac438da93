"""Files that are no YAML: what a newcomer did, why that is wrong, and a line to copy."""

import pytest
import yaml

from hugflow.requests.fields import parse_fields
from hugflow.requests.problems import Problem

LOADERS = [yaml.CSafeLoader, yaml.SafeLoader]

# Text, and then line, field, a part of what, a part of mend.
FAULTS = {
    "an open quote": (
        'hf_id: "org/data\ndescription: x\n',
        (1, "hf_id", "a quote is opened and never closed", 'hf_id: "..."'),
    ),
    "an open quote far above the end": (
        "hf_id: org/data\ndescription: 'speech\nsplit: train\nsubset: ms\n",
        (2, "description", "a quote is opened and never closed", 'description: "..."'),
    ),
    "an open quote that a later one closes": (
        'hf_id: "org/data\ndescription: "x"\n',
        (2, "description", "there is text after a closing quote", "single quotes"),
    ),
    "quotes within quotes": (
        'hf_id: org/data\ndescription: "they say "yes""\n',
        (2, "description", "there is text after a closing quote", "single quotes"),
    ),
    "a line moved to the right": (
        "hf_id: org/data\n  description: x\n",
        (2, "description", "does not begin in the same column", "at the left edge"),
    ),
    "a line moved to the left": (
        "  hf_id: org/data\ndescription: x\n",
        (2, "description", "does not begin in the same column", "at the left edge"),
    ),
    "a tab": (
        "hf_id: org/data\n\tdescription: x\n",
        (2, "description", "there is a tab where only spaces are allowed", 'description: "..."'),
    ),
    "a colon in a text": (
        "hf_id: org/data\ndescription: Speech: the best\n",
        (2, "description", "a second colon", 'description: "..."'),
    ),
    "a sign at the beginning": (
        "hf_id: @org/data\ndescription: x\n",
        (1, "hf_id", "a value begins with @", 'hf_id: "..."'),
    ),
    "a backslash": (
        'hf_id: org/data\ndescription: "c:\\data"\n',
        (2, "description", "there is a backslash in double quotes", "single quotes"),
    ),
    "an open bracket": (
        "hf_id: org/data\ndescription: [speech\nsplit: train\n",
        (2, "description", "a bracket or brace is left open", 'description: "..."'),
    ),
    "a merge conflict": (
        "<<<<<<< HEAD\nhf_id: org/data\n=======\nhf_id: org/other\n>>>>>>> main\n",
        (1, None, "the marks of a merge conflict", "keep one version"),
    ),
    "no colon": (
        "hf_id: org/data\ndescription speech\nsplit: train\n",
        (2, None, "the line is not a field with a value", 'hf_id: "owner/name"'),
    ),
    "no space behind the colon": (
        "hf_id: org/data\nsplit:train\ndescription: x\n",
        (2, None, "the line is not a field with a value", 'hf_id: "owner/name"'),
    ),
}  # fmt: skip


def fault_of(text: str, loader: type) -> Problem:
    fields = parse_fields(text, "x.yaml", loader=loader)
    assert not fields.is_whole
    return fields.problems[0]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("name", FAULTS)
def test_a_mistake_is_told_where_it_was_made_with_a_line_to_copy(name: str, loader: type):
    text, (line, field, what, mend) = FAULTS[name]
    problem = fault_of(text, loader)
    assert (problem.line, problem.field) == (line, field)
    assert what in problem.what
    assert mend in problem.mend
    assert problem.what.startswith("is not YAML: ") or name == "a merge conflict"
    assert "expected" not in problem.what


@pytest.mark.parametrize("text", ["- hf_id: org/data\n  description: x\n", "- hf_id: org/data\n"])
def test_a_list_of_fields_is_told_to_lose_its_dashes(text: str):
    [problem] = parse_fields(text, "x.yaml").problems
    assert "a list" in problem.what
    assert 'dash before each field: hf_id: "owner/name"' in problem.mend


def test_what_the_mistake_swallowed_is_not_told_as_a_mistake_of_its_own():
    fields = parse_fields("hf_id: org/data\n  description: x\n", "x.yaml")
    assert fields.by_name["hf_id"].is_refused
