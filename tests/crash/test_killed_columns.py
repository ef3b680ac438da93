"""Several audio columns by the user's commands: killed, resumed, verified, removed, brought back."""

import signal
import subprocess

import pyarrow as pa
import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.speech import encode, speech_like
from hugflow.testing.tables import write_parquet
from tests.projects import Project
from tests.trees import read_tree

HF_ID = "crash/columns"
NAME = "crash__columns__split_train__rev_main"
ROWS = 100

pytestmark = pytest.mark.slow


def publish(hub: LoopbackHub) -> None:
    clips = [
        {"bytes": encode(speech_like(0.4 + row % 7 / 10, 16_000), 16_000, "flac"), "path": None}
        for row in range(ROWS)
    ]
    table = pa.table({"audio": clips, "text": ["a"] * ROWS, "target": clips[::-1]})
    files = {f"data/train-{n}.parquet": table.slice(n * 50, 50) for n in range(2)}
    hub.publish(HF_ID, {name: write_parquet(part) for name, part in files.items()})


def test_killed_runs_leave_what_the_next_one_completes_and_the_rest_of_its_life_follows(
    hub: LoopbackHub, project: Project
):
    publish(hub)
    request = project.request(HF_ID, "audio_columns: [audio, target]")
    for seconds in (1.5, 2.0, 2.5):
        process = project.start("local-sync", request, "--no-report")
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    done = project.run("local-sync", request, "--no-report")
    assert done.returncode == 0, done.stderr
    folder = project.dataset(NAME)
    mp3s = {path.relative_to(folder.root).as_posix() for path in folder.audio.rglob("*.mp3")}
    assert mp3s == {f"audio/{part}{row}.mp3" for part in ("", "target/") for row in range(ROWS)}
    verified = project.run("verify", NAME, "--deep")
    assert verified.returncode == 0, verified.stdout
    why = project.run("why", folder.root / "audio" / "target" / "7.mp3")
    assert f"{NAME}/audio/target/7.mp3" in why.stdout
    whole = read_tree(folder.root)
    assert project.run("remove", request, "--yes").returncode == 0
    assert not folder.root.exists()
    assert project.run("undo", NAME).returncode == 0
    assert read_tree(folder.root) == whole
    (folder.audio / "target" / "9.mp3").unlink()
    assert project.run("verify", NAME).returncode == 3
