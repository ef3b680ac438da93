"""The page about flow modules is true: its flow runs and prints what it says."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "flows.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_flow_of_ten_lines_prints_what_the_page_says(tmp_path: Path):
    flow, script, *_ = blocks("python")
    assert len(flow.strip().splitlines()) == 10
    (tmp_path / "my_flows.py").write_text(flow)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == blocks("text")[0]


def test_the_composite_of_the_page_works(tmp_path: Path):
    flow = blocks("python")[0]
    twice = "from hugflow.flows import CompositeFlow\nclass Twice(CompositeFlow): pass\n"
    (tmp_path / "my_flows.py").write_text(flow + twice)
    (tmp_path / "Twice.yaml").write_text(blocks("yaml")[0])
    script = "from my_flows import Twice; print(Twice().subflows['second'].run({'code': 12}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "{'code': 21}\n"
