"""What a user of the command line is told when the Hub refuses: three lines and an exit code."""

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.refusals import Reason, publish_refusal
from tests.projects import Project

TOKEN = "hf_" + "test_commands_stranger"


@pytest.mark.parametrize(
    ("reason", "lines", "environment", "exit_code", "words"),
    [
        ("private", (), {}, 5, "HF_TOKEN is not set"),
        ("private", (), {"HF_TOKEN": TOKEN + "x"}, 5, "mistyped, expired or revoked"),
        ("gated-manual", (), {"HF_TOKEN": TOKEN}, 5, "until the owner has approved"),
        ("script", (), {}, 4, "never run"),
        ("subsets", ('subset: "mss"',), {}, 4, 'set subset: "ms"'),
        ("no-audio", (), {"HF_HUB_OFFLINE": "1"}, 7, "HF_HUB_OFFLINE is set"),
        ("broken-footer", (), {}, 1, "cannot be read as parquet"),
    ],
)
def test_a_refusal_says_what_why_and_how_to_mend_it(
    hub: LoopbackHub,
    project: Project,
    reason: Reason,
    lines: tuple[str, ...],
    environment: dict[str, str],
    exit_code: int,
    words: str,
):
    hf_id = f"commands/{reason}"
    hub.add_token(TOKEN, "stranger")
    publish_refusal(hub, reason, hf_id)
    hub.clear_requests()
    result = project.run("plan", project.request(hf_id, *lines), **environment)
    assert result.returncode == exit_code
    assert words in result.stderr
    assert "  why: " in result.stderr
    assert "  fix: " in result.stderr
    assert TOKEN not in result.stderr + result.stdout
    if "HF_HUB_OFFLINE" in environment:
        assert hub.requests == ()
