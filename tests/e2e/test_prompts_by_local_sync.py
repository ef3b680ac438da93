"""Real speech, whole: Debian's telephone prompts by `hugflow local-sync`."""

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.prompts import prompts_table
from tests.cli.test_commands import wait_for_rows
from tests.e2e.conftest import NAME
from tests.projects import Project
from tests.trees import read_failures, read_rows_json, read_tree

pytestmark = [pytest.mark.slow, pytest.mark.speech, pytest.mark.xdist_group("prompts")]


def test_558_prompts_become_558_mp3_of_exact_length_with_their_words(finished: Path):
    project = Project(finished.parents[1], {})
    folder = project.dataset(NAME)
    published = prompts_table().to_pylist()
    rows = read_rows_json(folder)
    assert len(rows) == len(published) == len(list(folder.audio.iterdir())) == 558
    for number, row in rows.items():
        source = soundfile.info(io.BytesIO(published[number]["audio"]["bytes"]))
        samples, rate = soundfile.read(folder.root / row["audio_info"]["path"])
        assert (len(samples), rate) == (source.frames, source.samplerate)
        assert row["text"] == published[number]["text"]
        assert row["audio_info"]["bitrate_kbps"] == 64
    manifest = json.loads(folder.manifest.read_text())
    assert manifest["rows"] == {"planned": 558, "made": 558, "failed": 0}
    assert read_failures(folder) == []
    assert project.places.link(NAME).resolve() == folder.root


def test_the_folder_is_a_dataset_for_datasets_without_torch(finished: Path, tmp_path: Path):
    program = (
        "import sys, datasets; "
        "rows = datasets.load_dataset(sys.argv[1], split='train'); "
        "assert 'torch' not in sys.modules; "
        "print(len(rows), rows[7]['row'], rows[7]['audio']['path'], sep='|')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(finished)],
        env={"PATH": "/usr/bin", "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    count, row, path = done.stdout.strip().split("|")
    assert (count, row) == ("558", "7")
    assert (finished / path).is_file()


def test_doing_it_again_does_nothing_says_so_and_ends_with_0(
    made: Project, prompts_hub: LoopbackHub
):
    before = stamps(made.dataset(NAME).root)
    prompts_hub.clear_requests()
    done = made.run("local-sync", "requests/add/request.yaml", "--no-report")
    assert done.returncode == 0
    assert "Dataset already exists in storage" in done.stderr
    assert prompts_hub.requests == ()
    assert stamps(made.dataset(NAME).root) == before


def test_three_mp3_and_a_json_that_were_deleted_come_back_alone_with_the_same_bytes(
    made: Project,
):
    folder = made.dataset(NAME)
    tree = read_tree(folder.root)
    gone = [*sorted(folder.audio.iterdir())[100:400:100], folder.json / "500.json"]
    for path in gone:
        path.unlink()
    before = stamps(folder.root)
    done = made.run("local-sync", "requests/add/request.yaml", "--no-report")
    assert done.returncode == 0
    assert "558 rows, 4 of them new" in done.stdout
    assert read_tree(folder.root) == tree
    after = stamps(folder.root)
    assert {path: after[path] for path in before} == before


# The others in tests/crash/test_kills.py are of made-up speech.
@pytest.mark.parametrize(
    "rows", [280, *(pytest.param(rows, marks=pytest.mark.soak) for rows in (1, 140, 420, 550))]
)
def test_a_kill_costs_the_rows_in_flight_and_the_rerun_does_only_the_rest(
    prompts: Project, finished: Path, rows: int
):
    process = prompts.start("local-sync", "requests/add/request.yaml", "--no-report")
    wait_for_rows(prompts, NAME, rows)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    folder = prompts.dataset(NAME)
    standing = read_rows_json(folder)
    kept = [folder.json / f"{row}.json" for row in standing]
    kept += [folder.root / row["audio_info"]["path"] for row in standing.values()]
    before = {path: path.stat().st_mtime_ns for path in kept}
    assert not folder.manifest.exists()
    done = prompts.run("local-sync", "requests/add/request.yaml", "--no-report")
    assert done.returncode == 0, done.stderr
    assert f"558 rows, {558 - len(standing)} of them new" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    assert read_tree(folder.root) == read_tree(finished)


def stamps(root: Path) -> dict[Path, int]:
    """When each file was last written."""
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
