"""A finished dataset: what `local-sync` reads and imports before it says so."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hugflow.cli.finished import find_answers
from hugflow.stages.standing import finished
from hugflow.stages.standing.finished import FINISHED_FOLDER, Finished, find_finished
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.projects import Project, make_project
from tests.shards.layouts.published import to_csv

REQUEST = "requests/add/request.yaml"
# Typer imports pydantic by itself; ours is what builds models.
HEAVY = ("dagster", "datasets", "huggingface_hub", "numpy", "polars", "pyarrow", "hugflow.settings")
PROGRAM = f"""
import sys
from hugflow.cli.main import run
code = run(["local-sync", "--no-report", "{REQUEST}"])
print(code, *sorted(sys.modules.keys() & set({HEAVY!r})))
"""
NAME = "finished__one__split_train__rev_main"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with a finished dataset that was looked at once more."""
    with LoopbackHub() as hub:
        publish_text(hub, "finished/one", rows=2, shards=1)
        project = make_project(hub, tmp_path_factory.mktemp("finished") / "project")
        project.request("finished/one")
        for _ in range(2):
            assert not project.run("local-sync", "--no-report", REQUEST).returncode
        yield project


@pytest.fixture(scope="module")
def mark(project: Project) -> Finished:
    """The mark of that look."""
    found = find_finished(project.root, project.root / REQUEST, project.environment)
    assert found is not None
    return found


def test_a_finished_dataset_ends_without_importing_what_makes_one(project: Project, mark: Finished):
    done = project.run_python(PROGRAM)
    location = project.dataset(NAME).root
    assert done.stdout.splitlines() == [f"{project.places.link(NAME)} -> {location}", "0"]
    assert f"Dataset already exists in storage: {location}" in done.stderr


def test_the_answer_of_a_mark_is_that_of_a_full_look(
    project: Project, mark: Finished, monkeypatch: pytest.MonkeyPatch
):
    by_mark = project.run("local-sync", "--no-report", "--json", f"./{REQUEST}")
    in_full = project.run("local-sync", "--no-report", "--json", f"./{REQUEST}", WORKERS="1")
    assert json.loads(by_mark.stdout) == json.loads(in_full.stdout)
    monkeypatch.chdir(project.root)
    # Here is no Dagster, but the look was told to tell nobody.
    assert find_answers([REQUEST], project.environment, is_reported=True) is None
    assert find_answers([], project.environment, is_reported=False) is None


@pytest.mark.slow
def test_one_dataset_of_a_file_that_asks_for_several_leaves_no_mark(
    tmp_path: Path, hub: LoopbackHub
):
    card = b"---\nconfigs:\n- {config_name: aa, data_files: a.csv}\n"
    card += b"- {config_name: bb, data_files: b.csv}\n---\n"
    texts = {f"{name}.csv": to_csv([{"text": name}]) for name in "ab"}
    hub.publish("finished/several", {"README.md": card, **texts})
    project = make_project(hub, tmp_path / "project")
    file = project.request("finished/several", 'expand: {subsets: "*"}')
    assert project.run("plan", file).returncode == 0
    for _ in range(3):
        done = project.run("local-sync", "--no-report", "finished__several__subset_aa")
        assert done.returncode == 0, done.stderr
    assert find_finished(project.root, project.root / file, project.environment) is None
    both = json.loads(project.run("local-sync", "--no-report", "--json", file).stdout)["datasets"]
    assert len(both) == 2


def damage_in_place(project: Project) -> None:
    row = project.dataset(NAME).json / "0.json"
    row.write_bytes(b"x" * row.stat().st_size)


def ask_for_removal(project: Project) -> None:
    (project.root / "requests" / "remove").mkdir()
    (project.root / "requests" / "remove" / "one.yaml").write_text("hf_id: finished/one\n")


def ask_again(project: Project) -> None:
    project.places.retry(NAME).parent.mkdir()
    project.places.retry(NAME).write_text("{}")


CHANGES: list[Callable[[Project], object]] = [
    damage_in_place,
    ask_for_removal,
    ask_again,
    lambda project: (project.dataset(NAME).json / "1.json").unlink(),
    lambda project: project.places.link(NAME).unlink(),
    lambda project: (project.root / REQUEST).write_text("hf_id: finished/two\n"),
    lambda project: (project.root / ".env").write_text("EXPORTS=nemo\n"),
    lambda project: (project.root / "hugflow.yaml").write_text("policy: {}\n"),
    lambda project: (project.places.plans(NAME) / "current").write_text("0" * 16),
    lambda project: next(project.places.state_folders(NAME)["ledger"].rglob("*.json")).unlink(),
    lambda project: project.dataset(NAME).index.rename(project.dataset(NAME).root / "away"),
]


def test_whatever_changes_the_dataset_is_looked_at_in_full(project: Project, mark: Finished):
    before = mark.inputs.digest(project.environment)
    assert mark.inputs.digest(project.environment | {"EXPORTS": "nemo"}) != before
    assert mark.inputs.digest(project.environment | {"COLUMNS": "80"}) == before
    for change in CHANGES:
        change(project)
        after = mark.inputs.digest(project.environment)
        assert after != before, change
        before = after


@pytest.mark.parametrize("text", ["", "{}", "[1]", "{", '{"version": 1, "log": 3}', "[" * 9_999])
def test_a_damaged_mark_is_none(tmp_path: Path, text: str):
    request = tmp_path / "one.yaml"
    assert find_finished(tmp_path, request, {}) is None
    folder = tmp_path / FINISHED_FOLDER
    folder.mkdir(parents=True)
    finished._path(tmp_path, request).write_text(text)
    assert find_finished(tmp_path, request, {}) is None
