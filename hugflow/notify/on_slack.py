"""A conversation on Slack: a bot's one message, kept up to date, or a webhook's events.

A Slack message whose answer was lost cannot be found again. So no message is sent twice: a first
message or an event counts as sent before it is sent. It is sent again only if Slack certainly did
not take it. Otherwise people see it once or not at all, and the next message shows the state of
that time. A call checks first whether Slack can be reached, so an outage loses no message.
"""

import logging
from datetime import datetime

from hugflow.clients.services import ServiceRefused, ServiceUnavailable
from hugflow.clients.slack import GONE_WORDS, Posted, SlackBot, SlackWebhook
from hugflow.notify.slack_texts import SlackText, find_event, render_event, render_message
from hugflow.notify.telling import Telling, digest, shape

log = logging.getLogger(__name__)

MOST_EVENTS_KEPT = 200


def tell_on_slack(telling: Telling, slack: SlackBot | SlackWebhook) -> datetime | None:
    """Send what is not sent yet; the time when the rest may be sent, None if nothing is left.

    Raises ServiceUnavailable, ServiceRefused, NotYet; what was sent before that is kept.
    """
    if isinstance(slack, SlackBot):
        return _tell_message(telling, slack)
    _tell_events(telling, slack)
    return None


def _tell_message(telling: Telling, bot: SlackBot) -> datetime | None:
    told = telling.conversation.slack
    if told.is_unwanted:
        return None
    message = _clean(telling, render_message(telling.conversation))
    now_shape, now_digest = shape(telling.conversation), digest(message)
    if now_digest in (told.digest, told.taken):
        return None
    is_routine = told.ts is not None and told.shape == now_shape
    if until := telling.spaced_until(told.told_at, is_routine=is_routine):
        return until
    telling.check_time()
    posted = _update(telling, bot, message) if told.ts is not None else None
    if telling.conversation.slack.is_unwanted:
        return None
    if posted is None:
        posted = _post(telling, bot, message, now_digest)
    if posted is not None:
        telling.keep(
            channel=posted.channel,
            ts=posted.ts,
            digest=now_digest,
            shape=now_shape,
            told_at=telling.clock(),
            taken=None,
        )
    return None


def _update(telling: Telling, bot: SlackBot, message: SlackText) -> Posted | None:
    """Change the message; None if it was deleted and has to be made again."""
    told = telling.conversation.slack
    posted = Posted(told.channel or "", told.ts or "")
    try:
        bot.update(posted, message.text, message.blocks)
    except ServiceRefused as error:
        if error.word not in GONE_WORDS:
            raise
    else:
        return posted
    if told.was_recreated:
        log.warning("%s: its message is gone again; it is not made again", telling.conversation.key)
    telling.keep(ts=None, digest=None, was_recreated=True, is_unwanted=told.was_recreated)
    return None


def _post(telling: Telling, bot: SlackBot, message: SlackText, now_digest: str) -> Posted | None:
    """Post the message for the first time; None if it is unknown whether Slack took it."""
    bot.probe()
    telling.keep(taken=now_digest)
    try:
        return bot.post(message.text, message.blocks)
    except (ServiceUnavailable, ServiceRefused) as error:
        if _is_uncertain(error):
            log.warning(
                "%s: %s (%s); not said again", telling.conversation.key, error.what, error.why
            )
            return None
        telling.keep(taken=None)
        raise


def _tell_events(telling: Telling, webhook: SlackWebhook) -> None:
    """Send the latest event of each request since the last time."""
    is_probed = False
    for line in telling.conversation.lines:
        event, told = find_event(line), telling.conversation.slack.events
        before = told.get(line.path, ())
        if event is None or (event := digest(event)) in before:
            continue
        telling.check_time()
        if not is_probed:
            webhook.probe()
            is_probed = True
        message = _clean(telling, render_event(telling.conversation, line))
        telling.keep(events={**told, line.path: (*before, event)[-MOST_EVENTS_KEPT:]})
        try:
            webhook.post(message.text, message.blocks)
        except (ServiceUnavailable, ServiceRefused) as error:
            if not _is_uncertain(error):
                telling.keep(events=told)
                raise
            key = telling.conversation.key
            log.warning("%s: %s (%s); not said again", key, error.what, error.why)


def _is_uncertain(error: ServiceUnavailable | ServiceRefused) -> bool:
    """Whether Slack may have taken the message despite the error."""
    return isinstance(error, ServiceUnavailable) and error.may_have_happened


def _clean(telling: Telling, message: SlackText) -> SlackText:
    """The message without secrets."""
    blocks = tuple(
        {**block, "text": {**block["text"], "text": telling.clean(block["text"]["text"])}}
        for block in message.blocks
    )
    return SlackText(telling.clean(message.text), blocks)
