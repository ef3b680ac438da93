"""Composition: order, collisions, diamonds, cycles, and how each error names its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from hugflow.hierarchy import (
    CollisionError,
    ConfigError,
    CycleError,
    FormatMismatchError,
    LockError,
    MissingFileError,
    compose,
    lock_project,
)
from tests.hierarchy.worlds import at, commit_all, git, keys, names, write_repository


def source(**fields: Any) -> dict[str, Any]:
    return {"sources": {"s": {"format": "json", **fields}}}


def from_parents(*parents: str) -> list[str]:
    return [f"{parent}.s" for parent in parents]


@pytest.fixture
def diamond(tmp_path: Path) -> Path:
    """Two parents that share a grandparent, which has a list and a dict."""
    write_repository(tmp_path / "top", source(files_list=["t1", "t2"], files_dict={"k": "tk"}))
    for name in ("left", "right"):
        own = source(parent_sources=["top.s"], files_list=[name], files_dict={name: "x"})
        write_repository(tmp_path / name, at(own, top="../top"))
    return tmp_path


def child_of_diamond(folder: Path, **fields: Any) -> Path:
    own = source(parent_sources=from_parents("left", "right"), files_list=["own"], **fields)
    return write_repository(folder / "child", at(own, left="../left", right="../right"))


def test_a_diamond_loses_nothing_and_repeats_nothing(diamond: Path):
    child = child_of_diamond(diamond)
    for locked in (False, True):
        composed = compose(child, locked=locked or None)["s"]
        assert [name for name, _ in names(composed)] == ["t1", "t2", "left", "right", "own"]
        assert list(composed.files_dict) == ["k", "left", "right"]
        lock_project(child)
    assert set(lock_project(child)["nodes"]) == {"root", "left", "right", "top"}


def test_a_diamond_may_be_kept_literally_or_refused(diamond: Path):
    kept = compose(child_of_diamond(diamond, duplicates="keep"))["s"]
    assert [name for name, _ in names(kept)] == ["t1", "t2", "left", "t1", "t2", "right", "own"]
    with pytest.raises(CollisionError, match=r"sources\.s.*t1 of right/top twice"):
        compose(child_of_diamond(diamond, duplicates="error"))


def test_a_diamond_is_no_collision_of_keys(diamond: Path):
    composed = compose(child_of_diamond(diamond, on_collision="error"))["s"]
    assert keys(composed) == {"k": "left/top", "left": "left", "right": "right"}
    appended = compose(child_of_diamond(diamond, on_collision="append"))["s"]
    assert len(appended.files_dict["k"]) == 1


def test_different_files_of_one_name_stay_both(tmp_path: Path):
    write_repository(tmp_path / "parent", source(files_list=["same"]))
    child = source(parent_sources=["p.s"], files_list=["same"])
    composed = compose(write_repository(tmp_path / "child", at(child, p="../parent")))["s"]
    assert names(composed) == [("same", "p"), ("same", "")]
    assert len({file.sha256 for file in composed.files_list}) == 2


@pytest.mark.parametrize(
    ("rule", "origins"), [("override", ""), ("append", "a,b,"), (None, "")], ids=str
)
def test_the_later_value_of_a_key_wins_or_is_added(tmp_path: Path, rule: str | None, origins: str):
    for name in ("a", "b"):
        write_repository(tmp_path / name, source(files_dict={"k": "x", name: "y"}))
    fields = {"on_collision": rule} if rule else {}
    own = source(parent_sources=from_parents("a", "b"), files_dict={"k": "z"}, **fields)
    child = write_repository(tmp_path / "child", at(own, a="../a", b="../b"))
    composed = compose(child)["s"]
    assert keys(composed) == {"k": origins, "a": "a", "b": "b"}
    assert composed.path("a").is_file()
    if rule == "append":
        with pytest.raises(MissingFileError, match="has 3 files"):
            composed.path("k")
    else:
        assert [each.key for each in composed.replaced] == ["k", "k"]


def test_a_collision_may_be_an_error_that_names_both(tmp_path: Path):
    write_repository(tmp_path / "a", source(files_dict={"k": "x"}))
    own = source(parent_sources=["a.s"], files_dict={"k": "z"}, on_collision="error")
    child = write_repository(tmp_path / "child", at(own, a="../a"))
    with pytest.raises(CollisionError, match=r"(?s)two values for the key k.*a, one from this"):
        compose(child)


def test_a_value_of_several_files_stays_in_order(tmp_path: Path):
    child = write_repository(tmp_path / "child", source(files_dict={"k": ["x", "y"], "l": ["z"]}))
    composed = compose(child)["s"]
    assert [file.name for file in composed.files("k")] == ["k__1", "k__2"]
    assert [path.name for path in composed.paths()] == ["k__1.json", "k__2.json", "l.json"]


def test_a_cycle_names_its_path(tmp_path: Path):
    write_repository(tmp_path / "a", at(source(), b="../b"))
    write_repository(tmp_path / "b", at(source(), a="../a"))
    with pytest.raises(CycleError, match="b/a is its own ancestor"):
        compose(tmp_path / "a")
    child = write_repository(tmp_path / "child", at(source(), start="../a"))
    with pytest.raises(CycleError, match=r"start/b: hugflow\.json: parents\.a: start/b/a"):
        lock_project(child)
    assert not (child / "hugflow.lock").exists()


def test_every_wrong_reference_names_file_path_of_parents_and_key(tmp_path: Path):
    grandparent = source(files_list=["gone"])
    write_repository(tmp_path / "g", grandparent)
    write_repository(tmp_path / "p", at(source(parent_sources=["g.sauce"]), g="../g"))
    child = write_repository(tmp_path / "c", at(source(parent_sources=["p.s"]), p="../p"))
    with pytest.raises(
        ConfigError, match=r"p: hugflow\.json:\d+: sources\.s\.parent_sources\.0: g\.sauce"
    ):
        compose(child)
    write_repository(tmp_path / "p", at(source(parent_sources=["g.s"]), g="../g"))
    compose(child)
    (tmp_path / "g" / "input" / "s" / "gone.json").unlink()
    with pytest.raises(
        MissingFileError, match=r"p/g: hugflow\.json:\d+: sources\.s: input/s/gone\.json"
    ):
        compose(child)
    (tmp_path / "g" / "hugflow.json").unlink()
    with pytest.raises(ConfigError, match=r"p/g: .*has no project file"):
        compose(child)


def test_sources_of_two_formats_do_not_mix(tmp_path: Path):
    sheets = {"sources": {"s": {"format": "sheets", "subformat": "csv"}}}
    write_repository(tmp_path / "p", sheets)
    child = write_repository(tmp_path / "c", at(source(parent_sources=["p.s"]), p="../p"))
    with pytest.raises(FormatMismatchError, match=r"p\.s has the format sheets, not json"):
        compose(child)


def test_a_source_of_another_systems_format_is_named_as_such(tmp_path: Path):
    write_repository(tmp_path / "p", {"sources": {"s": {"format": "media_assets"}}})
    child = write_repository(tmp_path / "c", at(source(parent_sources=["p.s"]), p="../p"))
    with pytest.raises(ConfigError, match="no source s of a format that is read here"):
        compose(child)


def test_two_references_with_one_storage_name_are_refused(tmp_path: Path):
    child = write_repository(tmp_path / "c", source(files_list=["a/b", "./a__b"]))
    with pytest.raises(CollisionError, match="both stored as a__b"):
        compose(child)
    child = write_repository(tmp_path / "d", source(files_list=["Same", "same"]))
    with pytest.raises(CollisionError, match="both stored as same"):
        compose(child)


@pytest.mark.parametrize(
    "reference", ["..", "../../etc/passwd", ".hidden", "a\\b", "-x", "a" * 300]
)
def test_a_reference_never_leads_out_of_its_folder(tmp_path: Path, reference: str):
    config = source(files_list=[reference])
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "hugflow.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=r"sources\.s"):
        compose(tmp_path / "c")


def test_a_link_out_of_a_repository_is_refused(tmp_path: Path):
    (tmp_path / "secret").write_text("1")
    write_repository(tmp_path / "p", source(files_list=["x"]))
    stored = tmp_path / "p" / "input" / "s" / "x.json"
    stored.unlink()
    stored.symlink_to(tmp_path / "secret")
    child = write_repository(tmp_path / "c", at(source(parent_sources=["p.s"]), p="../p"))
    with pytest.raises(ConfigError, match="link out of the repository"):
        compose(child)


def test_follows_gives_a_parents_parent_another_location(tmp_path: Path):
    for name in ("old", "new"):
        write_repository(tmp_path / name, source(files_list=[name]))
    write_repository(tmp_path / "p", at(source(parent_sources=["g.s"]), g="../old"))
    own = source(parent_sources=["p.s"])
    own["parents"] = {"p": {"location": "../p", "follows": {"g": "../new"}}}
    child = write_repository(tmp_path / "c", own)
    assert names(compose(child)["s"]) == [("new", "p/g")]
    lock_project(child)
    assert names(compose(child, locked=True)["s"]) == [("new", "p/g")]
    own["parents"]["p"]["follows"] = {"h": "../new"}
    with pytest.raises(ConfigError, match="`follows` names h"):
        compose(write_repository(tmp_path / "c", own), locked=False)


def test_one_repository_at_two_locations_is_one_node(tmp_path: Path):
    top = write_repository(tmp_path / "top", source(files_list=["t"]))
    commit_all(top)
    git(top, "tag", "1")
    for name, ref in (("left", "refs/tags/1"), ("right", "main")):
        own = source(parent_sources=["top.s"])
        write_repository(tmp_path / name, at(own, top=f"git+file://{top}@{ref}"))
    child = child_of_diamond(tmp_path)
    lock = lock_project(child)["nodes"]
    assert set(lock) == {"root", "left", "right", "top"}
    assert lock["top"]["live"]
    for locked in (False, True):
        composed = compose(child, locked=locked)["s"]
        assert names(composed) == [("t", "left/top"), ("own", "")]
    write_repository(
        tmp_path / "right", at(source(parent_sources=["top.s"]), top=f"git+file://{top}@HEAD")
    )
    with pytest.raises(LockError, match="right/top"):
        compose(child)


def test_a_folder_that_is_named_in_two_ways_is_one_node(tmp_path: Path):
    write_repository(tmp_path / "libs" / "top", source(files_list=["t"]))
    own = source(parent_sources=["top.s"])
    write_repository(tmp_path / "libs" / "left", at(own, top="../top"))
    both = source(parent_sources=["left.s", "top.s"])
    child = write_repository(tmp_path, at(both, left="./libs/left", top="libs/top"))
    assert set(lock_project(child)["nodes"]) == {"root", "left", "top"}
    assert names(compose(child, locked=True)["s"]) == [("t", "left/top")]
