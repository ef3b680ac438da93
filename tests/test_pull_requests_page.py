"""docs/pull-requests.md and what it speaks of say the same."""

import re
from pathlib import Path

import yaml

from hugflow.settings_model import NAMES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "pull-requests.md").read_text("utf-8")
SOURCE = "".join(path.read_text("utf-8") for path in (ROOT / "hugflow").rglob("*.py"))
WORKFLOW = (ROOT / ".github" / "workflows" / "dataset-sync.yml").read_text("utf-8")


def rows(section: str) -> list[str]:
    """The first cells of the tables in a section."""
    (text,) = re.findall(rf"^##+ {section}$(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    cells = re.findall(r"^\| (.*?) \|", text, re.MULTILINE)
    return [cell for cell in cells if not cell.startswith("---")]


def test_every_message_that_it_helps_with_is_one_of_ours():
    # Adjacent strings are one message, also where a line of code ends between them.
    source = re.sub(r'"\s*\n\s*f?"', "", SOURCE)
    messages = [each for cell in rows("Troubleshooting") for each in re.findall(r"`([^`]*)`", cell)]
    pieces = [piece.strip() for each in messages for piece in each.split("...")]
    assert len(messages) >= 9
    assert [piece for piece in pieces if piece not in source and piece not in WORKFLOW] == []


def test_every_variable_and_secret_of_the_workflow_is_told_and_no_other():
    told = {name for cell in rows("A runner of your own") for name in re.findall(r"`(\w+)`", cell)}
    assert told == set(re.findall(r"(?:vars|secrets)\.(\w+)", WORKFLOW))


def test_what_it_says_to_set_are_settings():
    own = {"HUGFLOW_RUNNER", "HUGFLOW_INSTALL", "HUGFLOW_GITHUB_TOKEN"}
    for job in yaml.safe_load(WORKFLOW)["jobs"].values():
        for step in job["steps"]:
            assert set(step.get("env", {})) - own <= set(NAMES)
