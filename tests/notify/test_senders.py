"""Who speaks follows from what was given, and none of it is ever told."""

from hugflow.clients.slack import SlackBot, SlackWebhook
from hugflow.notify.senders import open_senders


def test_nothing_given_speaks_nowhere():
    with open_senders() as senders:
        assert (senders.github, senders.slack, senders.secrets) == (None, None, ())


def test_a_bot_goes_before_a_webhook():
    webhook = "http://127.0.0.1:1/services/made-up"
    with open_senders(slack_webhook_url=webhook) as senders:
        assert isinstance(senders.of("slack"), SlackWebhook)
    with open_senders(slack_webhook_url=webhook, slack_bot_token="made-up") as senders:
        assert isinstance(senders.of("slack"), SlackBot)


def test_a_token_speaks_on_github():
    with open_senders(github_token="made-up") as senders:
        assert senders.of("github") is senders.github is not None


def test_all_that_opens_something_is_a_secret():
    given = {"github_token": "one", "slack_bot_token": "two", "slack_webhook_url": "http://three/"}
    with open_senders(**given, secrets=["four", None, ""]) as senders:
        assert senders.secrets == ("one", "two", "http://three/", "four")
        assert not any(secret in repr(senders) for secret in senders.secrets)
