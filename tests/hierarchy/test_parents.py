"""`hugflow parents`: only the text of a location changes, and the lock follows."""

import json
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.hierarchy import ConfigError, load_project, lock_project
from hugflow.hierarchy.access import Access
from hugflow.hierarchy.edit_file import set_value
from hugflow.hierarchy.parents import add_parent, list_parents, set_parent
from hugflow.project_file import parse_project_file
from tests.hierarchy.worlds import GRANDPARENT, PARENT, at, commit_all, git, write_repository

NEW = "git+https://example.org/p.git@refs/tags/1.1.0"
WRITTEN = {
    "block": "# head\nparents:\n  p:\n    location: old  # why\n\n# tail\nsources: {}\n",
    "flow": "parents: {p: {location: old}, q: {location: x}} # why\n",
    "double": 'parents:\n  p: {location: "old"}\n',
    "single": "parents:\n  p:\n      location: 'old'\n",
    "windows": "parents:\r\n  p:\r\n    location: old\r\n",
    "last": "parents:\n  p:\n    location: old",
    "follows": "parents:\n  p:\n    location: old\n    follows:\n      g: x # why\n",
    "unicode": "meta: {name: 'é😀'}\nparents:\n  p: {location: old}\n",
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_only_the_text_of_the_location_changes_in_yaml(kind: str):
    before = WRITTEN[kind].encode()
    after = set_value(before, "hugflow.yaml", ("parents", "p", "location"), NEW)
    assert after == before.replace(b"old", NEW.encode())


def test_only_the_text_of_the_location_changes_in_json():
    before = b'{\n\t"parents": {\n\t\t"p": {"location": "old"}\n\t},\n\t"sources": {}\n}\n'
    after = set_value(before, "hugflow.json", ("parents", "p", "location"), NEW)
    assert after == before.replace(b"old", NEW.encode())


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("hugflow.yaml", "", 'parents: {q: {location: "new"}}\n'),
        ("hugflow.yaml", "# c\nmeta: {}", '# c\nmeta: {}\nparents: {q: {location: "new"}}\n'),
        ("hugflow.yaml", "parents: {}\n", 'parents: {q: {location: "new"}}\n'),
        ("hugflow.yaml", "parents: # c\n", None),
        (
            "hugflow.yaml",
            "parents:\n  p:\n    location: x # c\n\n# d\nmeta: {}\n",
            'parents:\n  p:\n    location: x # c\n  q: {location: "new"}\n\n# d\nmeta: {}\n',
        ),
        ("hugflow.json", "{}", '{"parents": {"q": {"location": "new"}}}'),
        (
            "hugflow.json",
            '{\n  "parents": {\n    "p": {"location": "x"}\n  }\n}\n',
            '{\n  "parents": {\n    "p": {"location": "x"},\n    "q": {"location": "new"}\n  }\n}\n',
        ),
        ("config.json", '{"a": 1}', '{"a": 1, "parents": {"q": {"location": "new"}}}'),
    ],
)
def test_a_new_parent_is_added_where_parents_are(name: str, before: str, after: str | None):
    edited = set_value(before.encode(), name, ("parents", "q", "location"), "new").decode()
    if after is not None:
        assert edited == after
    file = parse_project_file(edited.encode(), name)
    assert not file.problems
    assert file.nodes["parents"].plain["q"] == {"location": "new"}  # type: ignore[index]


@given(
    value=st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1
    )
)
def test_whatever_is_written_reads_back_or_is_refused(value: str):
    for kind, text in WRITTEN.items():
        try:
            after = set_value(text.encode(), "hugflow.yaml", ("parents", "p", "location"), value)
        except ConfigError:
            continue
        plain = parse_project_file(after).nodes["parents"].plain
        assert plain["p"]["location"] == value, kind  # type: ignore[index]


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """The seed's parent, whose grandparent is in git at its branch and at a tag."""
    grandparent = write_repository(tmp_path / "grandparent", GRANDPARENT)
    commit_all(grandparent)
    git(grandparent, "tag", "1.0.0")
    location = f"git+file://{grandparent}@main"
    return write_repository(tmp_path / "parent", at(PARENT, grandparent1=location))


def test_a_parent_is_set_to_a_tag_and_locked(parent: Path, tmp_path: Path):
    access = Access(tmp_path / "cache")
    set_parent(parent, "grandparent1", "refs/tags/1.0.0", access)
    [state] = list_parents(parent)
    assert state.location == f"git+file://{tmp_path}/grandparent@refs/tags/1.0.0"
    assert state.node is not None
    assert state.node.rev == git(tmp_path / "grandparent", "rev-parse", "HEAD")
    assert not state.node.live


def test_a_location_that_cannot_be_locked_leaves_file_and_lock_as_they_were(
    parent: Path, tmp_path: Path
):
    lock_project(parent)
    before = {path: path.read_bytes() for path in parent.iterdir() if path.is_file()}
    access = Access(tmp_path / "cache")
    for name, location, said in (
        ("grandparent1", "refs/tags/2.0.0", "no branch or tag"),
        ("grandparent1", "../nowhere", "is no folder"),
        ("grandparent", "1.0.0", "did you mean grandparent1"),
    ):
        with pytest.raises(ConfigError, match=said):
            set_parent(parent, name, location, access)
    with pytest.raises(ConfigError, match="a parent grandparent1 already"):
        add_parent(parent, "grandparent1", "../x", access)
    with pytest.raises(ConfigError, match="letters, digits"):
        add_parent(parent, "a b", "../grandparent", access)
    assert {path: path.read_bytes() for path in parent.iterdir() if path.is_file()} == before


def test_a_parent_is_added_and_listed_with_its_own(parent: Path, tmp_path: Path):
    child = tmp_path / "child"
    child.mkdir()
    (child / "hugflow.yaml").write_text(
        textwrap.dedent("""\
            # The child.
            sources: {}
            """)
    )
    add_parent(child, "parent1", "../parent", Access(tmp_path / "cache"))
    assert load_project(child).config.parents["parent1"].location == "../parent"
    assert ["/".join(each.trail) for each in list_parents(child)] == [
        "parent1",
        "parent1/grandparent1",
    ]
    assert (child / "hugflow.yaml").read_text().startswith("# The child.\nsources: {}\n")
    assert "grandparent1" in json.loads((child / "hugflow.lock").read_text())["nodes"]
