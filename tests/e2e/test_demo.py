"""`hugflow demo`: the whole loop, offline, by itself."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.projects import HUGFLOW, Project

pytestmark = pytest.mark.slow


@pytest.mark.skipif(shutil.which("git") is None, reason="requests live in a git repository")
def test_the_demo_goes_from_a_push_to_a_link_by_itself(project: Project, tmp_path: Path):
    done = subprocess.run(
        [str(HUGFLOW), "demo", "play"],
        cwd=tmp_path,
        env=project.environment | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": "hf_mine"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    log = tmp_path / "play" / "dagster.log"
    assert done.returncode == 0, f"{done.stderr}\n{log.read_text() if log.exists() else ''}"
    name = "acme__spoken-demo__split_train__rev_main"
    link = tmp_path / "play" / "project" / "processed" / name
    assert len(list((link / "audio").iterdir())) == 36
    assert '"text": "' in done.stdout
    assert " up" in done.stdout
    assert "hf_mine" not in log.read_text()


def test_the_demo_clears_only_a_former_demo(project: Project, tmp_path: Path):
    precious = tmp_path / "mine" / "thesis.txt"
    precious.parent.mkdir()
    precious.touch()
    done = project.run("demo", str(precious.parent))
    assert done.returncode == 1
    assert "not empty" in done.stderr
    assert precious.exists()
