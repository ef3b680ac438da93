"""The worked example of docs/hierarchy.md does what the page says."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.projects import HUGFLOW

PAGE = Path(__file__).parents[2] / "docs" / "hierarchy.md"


@pytest.mark.slow
def test_the_three_repositories_of_the_page_can_be_built_as_it_says(tmp_path: Path):
    section = PAGE.read_text("utf-8").split("## Three repositories", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```(sh|)\n(.*?)```", section, re.DOTALL)
    [first, shown, later] = [text for _, text in blocks]
    (tmp_path / "gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    work = tmp_path / "work"
    work.mkdir()

    def run(script: str, folder: Path) -> str:
        done = subprocess.run(
            ["sh", "-eu"],
            input=script,
            cwd=folder,
            env=os.environ
            | {
                "PATH": f"{HUGFLOW.parent}{os.pathsep}{os.environ['PATH']}",
                "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert run(first, work).endswith(shown)
    own = {path.name for path in (work / "child" / "input").rglob("*.json")}
    assert own == {"meta.json", "onboarding.json", "special.json"}
    run(later, work / "child")
    templates = work / "preview" / "flow_definitions" / "templates.json"
    rows = json.loads(templates.read_text())["sheets"]["greetings"]
    assert [row["text"] for row in rows] == ["Hello", "Good bye"]
