"""Files of ours that were damaged: made again from what stands, or named with the way to mend it."""

import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from hugflow.testing.faults import Match, Status
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.projects import Project, make_project
from tests.trees import read_tree

HF_ID = "crash/damage"
NAME = "crash__damage__split_train__rev_main"
REQUEST = "requests/add/request.yaml"
SHARD = "00001-of-00003"
TREE = f"datasets/{NAME}"


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def scribble(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 4)


def put_list(path: Path) -> None:
    path.write_text('[{"version": null}, 1e999, "\\ud800"]\n')


def put_old_version(path: Path) -> None:
    path.write_text('{"version": "2.0", "dataset_name": "x", "status": "downloading"}\n')


def put_later_version(path: Path) -> None:
    try:
        value = json.loads(path.read_bytes())
        path.write_text(json.dumps(value | {"version": 99, "schema_version": 99}))
    except (ValueError, TypeError):
        path.write_text('{"version": 99}\n')


def nest(path: Path) -> None:
    path.write_text("[" * 100_000)


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: list[Callable[[Path], None]] = [
    cut,
    empty,
    scribble,
    put_list,
    put_old_version,
    put_later_version,
    nest,
    put_folder,
]
STATE = ".hugflow-state"
FILES = [
    f"{STATE}/ledger/{NAME}/*/{SHARD}.jsonl",
    f"{STATE}/ledger/{NAME}/*/{SHARD}.raw.json",
    f"{STATE}/ledger/{NAME}/*/{SHARD}.audio.json",
    f"{STATE}/ledger/{NAME}/*/{SHARD}.metadata.json",
    f"{STATE}/plans/{NAME}/????????????????.json",
    f"{STATE}/plans/{NAME}/*.estimate.json",
    f"{STATE}/plans/{NAME}/current",
    f"{STATE}/plans/{NAME}/standing",
    f"{STATE}/progress/{NAME}.json",
    f"{STATE}/notices/{NAME}.json",
    f"{STATE}/removed/{NAME}.json",
    f"{STATE}/retries/{NAME}.json",
    f"{STATE}/kept/{NAME}.json",
    f"{STATE}/locks/{NAME}/*{SHARD}*",
    f"{STATE}/catalog/requests.json",
    f"{STATE}/catalog/settled.json",
    f"{STATE}/outbox/slack-{NAME}.json",
    f"{STATE}/outbox/limits/github.json",
    f"{STATE}/trash/20261122T010203123456Z-{NAME}/entry.json",
    f"{STATE}/verified/{NAME}.json",
    f"{STATE}/audit.head",
    f"{STATE}/audit.jsonl",
    f"{TREE}/index/{SHARD}.parquet",
    f"{TREE}/manifest.json",
    f"{TREE}/failures.jsonl",
    f"{TREE}/README.md",
]


@dataclass(frozen=True, slots=True)
class Standing:
    """Projects to be copied: one that is complete and one whose last shard is missing."""

    complete: Path
    half: Path
    environment: dict[str, str]
    tree: dict[str, bytes]


@pytest.fixture(scope="session")
def kept_standing() -> list[Standing]:
    """What was made once."""
    return []


@pytest.fixture
def standing(
    hub: LoopbackHub, kept_standing: list[Standing], tmp_path_factory: pytest.TempPathFactory
) -> Standing:
    """A complete project and half of one."""
    if not kept_standing:
        folder = tmp_path_factory.mktemp("standing")
        publish_speech(hub, HF_ID, rows=12, shards=3, seconds=0.1)
        project = make_project(hub, folder / "half")
        project.request(HF_ID)
        project.run("plan", REQUEST)
        last = Match(port="storage", path="*00002-of*", has_range=False)
        with hub.faults(Status(404), when=last, times=None):
            assert project.run("local-sync", REQUEST).returncode == 7
        shutil.copytree(project.root, folder / "complete", symlinks=True)
        complete = Project(folder / "complete", project.environment)
        assert complete.run("local-sync", REQUEST).returncode == 0
        tree = read_tree(complete.dataset(NAME).root)
        kept_standing.append(Standing(complete.root, project.root, project.environment, tree))
    return kept_standing[0]


def cases() -> list[object]:
    """Each damage of each file; one in so many runs always, all of them in the soak."""
    found = itertools.product(FILES, DAMAGES, (True, False))
    return [
        pytest.param(
            file,
            damage,
            is_complete,
            id=f"{file.replace(NAME, '')}-{damage.__name__}-{'complete' if is_complete else 'half'}",
            marks=() if at % 59 == 29 else pytest.mark.soak,
        )
        for at, (file, damage, is_complete) in enumerate(found)
    ]


@pytest.mark.slow
@pytest.mark.xdist_group("damage")
@pytest.mark.parametrize(("file", "damage", "is_complete"), cases())
def test_what_is_damaged_is_made_anew_or_named_with_its_mend_and_no_row_is_lost(
    standing: Standing,
    tmp_path: Path,
    file: str,
    damage: Callable[[Path], None],
    is_complete: bool,
):
    project = Project(tmp_path / "project", standing.environment)
    shutil.copytree(
        standing.complete if is_complete else standing.half, project.root, symlinks=True
    )
    project.places.link(NAME).unlink(missing_ok=True)
    path = next(iter(project.root.glob(file)), project.root / file.replace("*", "0"))
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"version": 1}')
    damage(path)
    codes, talk = run_all(project, ["status"], ["verify", "--deep"], ["local-sync", REQUEST])
    if codes[-1] != 0:
        # Refused: it says which file, and that it may be moved away.
        assert str(path) in talk, talk
        assert "fix:" in talk, talk
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        codes, talk = run_all(project, ["local-sync", REQUEST])
    assert codes[-1] == 0, talk
    assert read_tree(project.dataset(NAME).root) == standing.tree
    assert project.places.link(NAME).resolve() == project.dataset(NAME).root
    codes, talk = run_all(project, ["status"], ["verify", "--deep"])
    assert codes == [0, 0], talk


def run_all(project: Project, *commands: list[str]) -> tuple[list[int], str]:
    """Run commands, and give their exit codes and all that was said."""
    done = [project.run(*command) for command in commands]
    return [each.returncode for each in done], "".join(each.stderr for each in done)
