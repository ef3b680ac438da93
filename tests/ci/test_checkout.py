"""A runner's checkout: nothing of worth may lie in it."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from hugflow.ci.changes import Changes, read_base_file
from hugflow.ci.checkout import (
    find_checkout,
    find_inside,
    refuse_inside,
    refuse_proposed_code,
    refuse_proposed_settings,
)
from hugflow.errors import SettingInvalid, UsageWrong
from hugflow.store.layout import Places
from tests.ci.test_changes import commit, git


@pytest.fixture
def outside(tmp_path: Path) -> Places:
    """All three roots beside the checkout."""
    return Places(tmp_path / "srv/datasets", tmp_path / "srv/processed", tmp_path / "srv/state")


@pytest.mark.parametrize("name", ["storage_root", "state_dir", "processed_root"])
def test_each_root_inside_is_named_with_the_mend(tmp_path: Path, outside: Places, name: str):
    checkout = tmp_path / "work"
    inside = find_inside(replace(outside, **{name: checkout / "deep/er"}), checkout)
    assert inside == [name.upper()]
    with pytest.raises(SettingInvalid) as raised:
        refuse_inside(inside, checkout)
    assert f"{name.upper()}=/srv/" in raised.value.mend


def test_roots_beside_it_are_fine_also_where_their_names_begin_alike(
    tmp_path: Path, outside: Places
):
    places = replace(outside, storage_root=tmp_path / "work-data")
    refuse_inside(find_inside(places, tmp_path / "work"), tmp_path / "work")


def test_a_link_that_leads_inside_is_seen_and_a_root_that_holds_the_checkout_too(
    tmp_path: Path, outside: Places
):
    checkout = tmp_path / "work"
    (checkout / "data").mkdir(parents=True)
    (tmp_path / "elsewhere").symlink_to(checkout / "data")
    places = replace(outside, storage_root=tmp_path / "elsewhere", state_dir=tmp_path)
    assert find_inside(places, checkout) == ["STORAGE_ROOT", "STATE_DIR"]


def test_the_checkout_is_the_workspace_else_the_project(tmp_path: Path):
    assert find_checkout(tmp_path, {"GITHUB_WORKSPACE": "/w"}) == Path("/w")
    assert find_checkout(tmp_path, {"GITHUB_WORKSPACE": ""}) == tmp_path


def test_settings_that_a_pull_request_brings_are_refused_where_they_are_checked_out(
    tmp_path: Path,
):
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    base = commit(tmp_path, {"hugflow.yaml": b"settings: {}\n"})
    head = commit(tmp_path, {"hugflow.yaml": b"settings: {HF_ENDPOINT: http://evil}\n"})
    changes = Changes(head, {}, others=frozenset({"hugflow.yaml"}))
    read_base = partial(read_base_file, tmp_path, base)
    with pytest.raises(UsageWrong, match=r"hugflow\.yaml here may be the one"):
        refuse_proposed_settings(tmp_path, changes, read_base)
    git(tmp_path, "checkout", "--quiet", "HEAD~")
    refuse_proposed_settings(tmp_path, changes, read_base)
    refuse_proposed_settings(tmp_path, Changes(head, {}, others=frozenset({".env"})), read_base)


def test_settings_of_which_nobody_knows_whose_they_are_are_the_pull_request_s(tmp_path: Path):
    # A checkout of the merge commit alone: neither base nor head is known to git.
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path, {"hugflow.yaml": b"settings: {HF_ENDPOINT: http://evil}\n"})
    changes = Changes("a" * 40, {}, others=frozenset({"hugflow.yaml"}))
    with pytest.raises(UsageWrong):
        refuse_proposed_settings(tmp_path, changes, partial(read_base_file, tmp_path, "b" * 40))


def test_where_not_all_changes_are_told_settings_may_be_among_them(tmp_path: Path):
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    base = commit(tmp_path, {"hugflow.yaml": b"settings: {}\n"})
    read_base = partial(read_base_file, tmp_path, base)
    changes = Changes("a" * 40, {}, is_whole=False)
    refuse_proposed_settings(tmp_path, changes, read_base)
    commit(tmp_path, {"hugflow.yaml": b"settings: {SLACK_API_URL: http://evil}\n"})
    with pytest.raises(UsageWrong):
        refuse_proposed_settings(tmp_path, changes, read_base)


def test_settings_that_git_did_not_bring_are_the_runner_s_own(tmp_path: Path):
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    base = commit(tmp_path, {"a": b"a"})
    (tmp_path / ".env").write_text("HF_TOKEN=hf_made_up\n")
    changes = Changes("a" * 40, {}, others=frozenset({".env"}))
    refuse_proposed_settings(tmp_path, changes, partial(read_base_file, tmp_path, base))


def test_code_that_a_pull_request_brings_is_not_run_where_it_is_checked_out(tmp_path: Path):
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    base = commit(tmp_path, {"my_flows.py": b"one", "README.md": b"x"})
    head = commit(tmp_path, {"my_flows.py": b"two"})
    read_base = partial(read_base_file, tmp_path, base)
    asked = {"requests/add/a.yaml": b"hf_id: a/b\nflows:\n  - {name: x, flow: my_flows.X}\n"}
    changes = Changes(head, asked, others=frozenset({"my_flows.py", "README.md"}))
    with pytest.raises(UsageWrong, match=r"my_flows\.py here may be the one"):
        refuse_proposed_code(tmp_path, changes, read_base)
    without_steps = {"requests/add/a.yaml": b"hf_id: a/b\n"}
    refuse_proposed_code(tmp_path, Changes(head, without_steps, others=changes.others), read_base)
    git(tmp_path, "checkout", "--quiet", base)
    refuse_proposed_code(tmp_path, changes, read_base)
    with pytest.raises(UsageWrong, match="more files than GitHub lists"):
        refuse_proposed_code(tmp_path, Changes(head, asked, is_whole=False), read_base)
