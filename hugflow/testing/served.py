"""GitHub and Slack for `python -m hugflow.testing`, filled and ready to use."""

from typing import Any

from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.slack import LoopbackSlack

# Made up, and known only to the stand-ins.
GITHUB_TOKEN = "ghp_made_up"  # noqa: S105  # no real one
WORKFLOW_TOKEN = "ghs_made_up"  # noqa: S105  # no real one
SLACK_TOKEN = "xoxb-made-up"  # noqa: S105  # no real one
USER = "ana"
WORKFLOW = "github-actions[bot]"
BOT = "hugflow"
README = b"# Requests\n\nEach file in `requests/add/` asks for a dataset.\n"


def fill_github(github: LoopbackGitHub, repo: str) -> dict[str, Any]:
    """A GitHub with a repository, a user's token and a workflow's, and its line of output."""
    github.push(repo, {"README.md": README})
    github.add_token(GITHUB_TOKEN, USER)
    github.add_token(WORKFLOW_TOKEN, WORKFLOW, is_integration=True)
    return {
        "url": github.api_url,
        "control": github.control_url,
        "repository": repo,
        "tokens": {USER: GITHUB_TOKEN, WORKFLOW: WORKFLOW_TOKEN},
    }


def fill_slack(slack: LoopbackSlack, channel: str) -> dict[str, Any]:
    """A Slack with a channel, a bot in it and a webhook, and its line of output."""
    slack.add_channel(channel)
    slack.add_bot(SLACK_TOKEN, BOT)
    return {
        "url": slack.api_url,
        "control": slack.control_url,
        "channel": channel,
        "webhook": slack.add_webhook(channel),
        "tokens": {BOT: SLACK_TOKEN},
    }


def name_settings(said: dict[str, Any]) -> dict[str, str]:
    """The environment variables with which a program finds the served stand-ins."""
    names = {"HF_ENDPOINT": said["endpoint"]}
    if github := said.get("github"):
        names |= {
            "GITHUB_API_URL": github["url"],
            "GITHUB_REPOSITORY": github["repository"],
            "GITHUB_TOKEN": GITHUB_TOKEN,
        }
    if slack := said.get("slack"):
        names |= {
            "SLACK_API_URL": slack["url"],
            "SLACK_CHANNEL": slack["channel"],
            "SLACK_BOT_TOKEN": SLACK_TOKEN,
            "SLACK_WEBHOOK_URL": slack["webhook"],
        }
    return names
