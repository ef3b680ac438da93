"""The README is true: its commands run, in order, and print what it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_tables, speech_table
from tests.projects import make_project

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")

# What a test cannot type: it would install into this very environment, run without end, or run
# the tests within the tests. `make demo` has a test of its own.
INSTALL = ("python3 -m venv .venv && . .venv/bin/activate", "pip install -e .")
ELSEWHERE = ("make demo", "make check", "make test", *INSTALL, "hugflow up")


def bash_blocks() -> list[str]:
    """The shell commands of the README, a block at a time."""
    return re.findall(r"```bash\n(.*?)```", README, re.DOTALL)


@pytest.mark.slow
def test_the_commands_run_in_order_in_a_new_project(hub: LoopbackHub, tmp_path: Path):
    rows = {"clean": {"validation": speech_table(73)}}
    publish_tables(hub, "hf-internal-testing/librispeech_asr_dummy", rows)
    project = make_project(hub, tmp_path / "project")
    script = "\n".join(block for block in bash_blocks())
    for line in ELSEWHERE:
        assert re.search(f"^{re.escape(line)}$", script, re.MULTILINE), f"{line} is gone"
        script = re.sub(f"^{re.escape(line)}$", "", script, flags=re.MULTILINE)
    path = f"{Path(sys.executable).parent}{os.pathsep}{project.environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=project.root,
        env=project.environment | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    name = "hf-internal-testing__librispeech_asr_dummy__subset_clean__split_validation__rev_main"
    assert re.search(rf"^{re.escape(name)}  completed +73/73 ", done.stdout, re.MULTILINE)
    assert (project.root / "processed" / name / "manifest.json").is_file()
    assert name in README


def test_the_quick_start_names_a_dataset_that_is_on_the_hub_and_says_how_large_it_is():
    assert 'hf_id: "hf-internal-testing/librispeech_asr_dummy"' in README
    assert "73 rows, about 9 MB" in README
    # It left the Hub in 2025.
    assert "common_voice" not in README


def test_every_page_it_links_to_is_there():
    linked = re.findall(r"\]\(([^)]+)\)", README)
    assert linked
    assert [page for page in linked if not (ROOT / page).is_file()] == []


def test_its_pictures_are_small():
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert shown
    assert [picture for picture in shown if (ROOT / picture).stat().st_size >= 80_000] == []


def test_every_command_it_lists_exists():
    from hugflow.cli.commands import COMMANDS

    listed = set(re.findall(r"^\| `hugflow (\S+?)[ `]", README, re.MULTILINE))
    assert listed == {entry.name for entry in COMMANDS if not entry.is_hidden}


def test_the_files_every_project_begins_with_are_those_of_this_repository():
    from hugflow.cli.project import TEMPLATES, read_template

    for place, name in TEMPLATES.items():
        assert read_template(name) == (ROOT / place).read_text("utf-8")
