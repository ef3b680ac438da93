"""A parent's allow list counts where its child names the parent, and only as it is locked."""

import logging
from pathlib import Path
from typing import Any

import pytest

from hugflow.cli.serving import find_inherited, worker_service
from hugflow.errors import SettingInvalid
from hugflow.flows.trust import Trust
from hugflow.hierarchy.errors import ConfigError, LockError
from hugflow.hierarchy.inherited_allow import composed_trust, inherited_entries
from hugflow.hierarchy.lock import update_lock
from hugflow.project_file import read_project_file
from hugflow.serving.places import serving_at
from hugflow.settings import load_settings
from tests.hierarchy.worlds import at, commit_all, write_repository

CLEAN = "acme/Clean"
OWN = "team/Own"


def repository(folder: Path, flows: dict[str, Any], **parents: Path | str) -> Path:
    """A repository with `flows:`, and parents that are repositories or locations; committed."""
    locations = {
        name: where if isinstance(where, str) else f"git+file://{where}@refs/heads/main"
        for name, where in parents.items()
    }
    write_repository(folder, at({"flows": flows}, **locations))
    commit_all(folder)
    return folder


def trust(root: Path) -> Trust:
    return composed_trust(root, read_project_file(root))


def names(root: Path) -> list[str]:
    return [str(entry) for entry in trust(root).allowed]


@pytest.fixture
def org(tmp_path: Path) -> Path:
    """A parent that allows a module, and says more than a parent may."""
    flows = {"allow": [CLEAN], "allow_local": True, "server": "nats://elsewhere:4222", "new": 1}
    return repository(tmp_path / "org", flows)


def test_a_parents_entries_count_only_where_the_project_names_the_parent(tmp_path: Path, org: Path):
    silent = repository(tmp_path / "silent", {"allow": [OWN]}, org=org)
    asking = repository(tmp_path / "asking", {"allow": [OWN], "allow_parents": ["org"]}, org=org)
    for root in (silent, asking):
        update_lock(root)
    assert names(silent) == [OWN]
    assert names(asking) == [CLEAN, OWN]
    assert [str(each) for each in load_settings(asking, {}).options.trust.allowed] == [CLEAN, OWN]


def test_a_parent_gives_entries_and_nothing_else(tmp_path: Path, org: Path):
    root = repository(tmp_path / "team", {"allow_parents": ["org"]}, org=org)
    update_lock(root)
    assert not trust(root).allow_local
    assert load_settings(root, {}).options.serving.server is None


@pytest.mark.parametrize("is_named", [True, False])
def test_a_grandparents_entries_count_if_the_parent_names_it(
    tmp_path: Path, org: Path, is_named: bool
):
    own = {"allow_parents": ["org"]} if is_named else {}
    middle = repository(tmp_path / "middle", {"allow": ["middle/One"], **own}, org=org)
    root = repository(tmp_path / "team", {"allow_parents": ["middle"]}, middle=middle)
    update_lock(root)
    assert names(root) == ([CLEAN] if is_named else []) + ["middle/One"]


def test_the_entries_are_those_that_are_locked(tmp_path: Path, org: Path):
    root = repository(tmp_path / "team", {"allow_parents": ["org"]}, org=org)
    update_lock(root)
    repository(org, {"allow": ["evil/*"]})
    assert names(root) == [CLEAN]
    update_lock(root, upgrade=[])
    assert names(root) == ["evil/*"]


def test_without_a_lock_a_parent_allows_nothing(
    tmp_path: Path, org: Path, caplog: pytest.LogCaptureFixture
):
    root = repository(tmp_path / "team", {"allow": [OWN], "allow_parents": ["org"]}, org=org)
    with pytest.raises(LockError):
        inherited_entries(root, read_project_file(root))
    with caplog.at_level(logging.WARNING):
        assert names(root) == [OWN]
    assert "the allow lists of parents do not count" in caplog.text


def test_a_folder_allows_nothing_because_nobody_reviews_its_changes(tmp_path: Path, org: Path):
    root = repository(tmp_path / "team", {"allow": [OWN], "allow_parents": ["org"]}, org="../org")
    update_lock(root)
    with pytest.raises(ConfigError, match="org is a folder"):
        inherited_entries(root, read_project_file(root))
    assert names(root) == [OWN]


def test_a_folder_in_place_of_a_parent_allows_nothing(
    tmp_path: Path, org: Path, monkeypatch: pytest.MonkeyPatch
):
    root = repository(tmp_path / "team", {"allow": [OWN], "allow_parents": ["org"]}, org=org)
    update_lock(root)
    mine = repository(tmp_path / "mine", {"allow": ["evil/*"]})
    monkeypatch.setenv("HUGFLOW_OVERRIDES", f"org={mine}")
    assert names(root) == [OWN]


def test_a_parent_that_is_not_there_is_named_with_its_line_and_the_nearest(
    tmp_path: Path, org: Path
):
    root = repository(tmp_path / "team", {"allow_parents": ["orgs"]}, org=org)
    with pytest.raises(SettingInvalid, match=r"hugflow\.json:\d+: .*no parent orgs") as caught:
        trust(root)
    assert "org" in caught.value.mend


def test_a_parents_entry_that_cannot_be_read_is_named_with_the_parent_and_counts_for_nothing(
    tmp_path: Path,
):
    org = repository(tmp_path / "org", {"allow": [CLEAN, "acme/Clean@main"]})
    root = repository(tmp_path / "team", {"allow": [OWN], "allow_parents": ["org"]}, org=org)
    update_lock(root)
    with pytest.raises(ConfigError, match=r"org: hugflow\.json:\d+: .*allows no commit"):
        inherited_entries(root, read_project_file(root))
    assert names(root) == [OWN]


def test_a_parents_entries_count_for_the_flows_that_the_project_serves_too(
    tmp_path: Path, org: Path
):
    root = repository(tmp_path / "team", {"allow": [OWN], "allow_parents": ["org"]}, org=org)
    update_lock(root)
    project = load_settings(root, {})
    inherited = find_inherited(project)
    assert [str(entry) for entry in inherited] == [CLEAN]
    serving = serving_at(root, project.file, root / "state", inherited)
    assert [str(entry) for entry in serving.project.trust.allowed] == [CLEAN, OWN]
    command = worker_service(serving, "nats://127.0.0.1:4222", inherited).command
    assert f"--allow={CLEAN}" in command
