"""Checks of the services: the Hub, GitHub, Slack. Tokens are sent, but never shown."""

from collections.abc import Iterator
from typing import Any

from hugflow.ci.checkout import find_inside
from hugflow.doctor.asking import NoAnswer, ServiceReply, ask, shown_host
from hugflow.doctor.findings import Finding, Patient, ok, problem, warning
from hugflow.settings import ProjectSettings

PUBLIC_HUB = "https://huggingface.co"
TRUE_WORDS = frozenset({"1", "ON", "YES", "TRUE"})
MOST_CHANNEL_PAGES = 10
NOT_ASKED = "not asked (--offline)"


def check_hub(patient: Patient) -> Iterator[Finding]:
    """The Hub answers and accepts our token: https://huggingface.co/docs/hub/api."""
    endpoint = patient.project.settings.hf_endpoint or PUBLIC_HUB
    host = shown_host(endpoint)
    if patient.is_offline:
        yield ok("hub", NOT_ASKED)
        return
    if patient.environ.get("HF_HUB_OFFLINE", "").upper() in TRUE_WORDS:
        yield warning("hub", "HF_HUB_OFFLINE is set, so nothing is fetched", "unset HF_HUB_OFFLINE")
        return
    token = patient.project.hf_token or _read_hub_login()
    try:
        answer = ask(f"{endpoint}/api/whoami-v2", token=token)
    except NoAnswer as error:
        mend = "check the network, a proxy, and HF_ENDPOINT"
        yield problem("hub", f"{host} cannot be reached: {error.reason}", mend)
        return
    if answer.status >= 500 or answer.status == 429:
        yield warning("hub", f"{host} answers {answer.status}", "try again later")
        return
    if 300 <= answer.status < 400:
        mend = "set HF_ENDPOINT to the address it leads to"
        yield problem("hub", f"{host} leads elsewhere (it answers {answer.status})", mend)
        return
    if answer.status not in (200, 401, 403):
        mend = "check whether HF_ENDPOINT is the address of a Hub"
        yield warning("hub", f"{host} answers {answer.status}, as no Hub does", mend)
        return
    yield ok("hub", f"{host} answers")
    yield _judge_hub_token(answer, has_token=token is not None)


def check_github(patient: Patient) -> Iterator[Finding]:
    """GitHub knows the repository and the token: https://docs.github.com/en/rest/repos/repos."""
    settings = patient.project.settings
    repository = settings.github_repository
    if settings.auto_merge and repository is None:
        mend = "set GITHUB_REPOSITORY to owner/name, or AUTO_MERGE=false"
        yield problem("github", "AUTO_MERGE is true, and no repository is named", mend)
    if patient.is_offline:
        yield ok("github", NOT_ASKED)
        return
    token = patient.project.github_token
    if repository is None and token is None:
        yield ok("github", "not set up (GITHUB_REPOSITORY, GITHUB_TOKEN)")
        return
    host = shown_host(settings.github_api_url)
    path = f"/repos/{repository}" if repository is not None else "/user"
    try:
        answer = ask(settings.github_api_url + path, token=token)
    except NoAnswer as error:
        mend = "check the network and GITHUB_API_URL"
        yield problem("github", f"{host} cannot be reached: {error.reason}", mend)
        return
    yield from _judge_github(answer, patient.project, has_token=token is not None)


def check_sync_on(patient: Patient) -> Iterator[Finding]:
    """SYNC_ON fits the folders: a runner that makes datasets writes outside its checkout."""
    project = patient.project
    settings = project.settings
    if settings.github_repository is None or settings.sync_on == "merge" or project.root is None:
        yield ok("sync on", settings.sync_on)
        return
    if inside := find_inside(project.places, project.root):
        yield warning(
            "sync on",
            f"SYNC_ON=pull_request does the job on the runner, and of its folders {', '.join(inside)} "
            "would be in the checkout, which the runner's next checkout cleans",
            "set them to folders outside of it on the runner, or set SYNC_ON=merge",
        )
    else:
        yield ok("sync on", "pull_request; storage, links and state are outside of the checkout")


def check_slack(patient: Patient) -> Iterator[Finding]:
    """Slack knows the bot and its channel: https://docs.slack.dev/reference/methods/auth.test."""
    settings = patient.project.settings
    bot, webhook = settings.slack_bot_token, settings.slack_webhook_url
    if bot is None and webhook is None:
        yield ok("slack", "not set up (SLACK_BOT_TOKEN or SLACK_WEBHOOK_URL)")
        return
    if patient.is_offline:
        yield ok("slack", NOT_ASKED)
        return
    try:
        if bot is not None:
            yield from _ask_slack(patient.project, bot.get_secret_value())
        elif webhook is not None:
            yield _reach_webhook(webhook.get_secret_value())
    except NoAnswer as error:
        mend = "check the network and SLACK_API_URL"
        yield problem("slack", f"Slack cannot be reached: {error.reason}", mend)


def _read_hub_login() -> str | None:
    """The token of `hf auth login` on this machine."""
    from huggingface_hub import get_token

    return get_token()


def _judge_hub_token(answer: ServiceReply, *, has_token: bool) -> Finding:
    check, make = "hub token", "https://huggingface.co/settings/tokens"
    if not has_token:
        mend = f"for private and gated datasets set HF_TOKEN to a token from {make}"
        return warning(check, "none: only public datasets can be read", mend)
    if answer.status in (401, 403):
        mend = f"set HF_TOKEN to a valid token from {make}, or run `hf auth login`"
        return problem(check, f"the Hub refuses it (it answers {answer.status})", mend)
    user = _word(answer.body.get("name"))
    granted = _below(answer.body, "auth", "accessToken")
    role = _word(granted.get("role"))
    fine = granted.get("fineGrained")
    if role == "fineGrained" and isinstance(fine, dict) and fine.get("canReadGatedRepos") is False:
        mend = f"tick read access to gated repositories for it on {make}"
        return warning(check, f"of {user}; it may not read gated datasets", mend)
    return ok(check, f"of {user}, role {role}")


def _judge_github(
    answer: ServiceReply, project: ProjectSettings, *, has_token: bool
) -> Iterator[Finding]:
    settings = project.settings
    repository = settings.github_repository
    make = "https://github.com/settings/tokens"
    if answer.status == 401:
        mend = f"set GITHUB_TOKEN to a valid token ({make}), or run `gh auth login`"
        yield problem("github", "GITHUB_TOKEN is refused (401)", mend)
    elif answer.status in (403, 429) or answer.status >= 500:
        mend = "try again later, and with a token when there is none"
        yield warning("github", f"it does not answer now ({answer.status})", mend)
    elif answer.status != 200:
        mend = "check GITHUB_REPOSITORY, and that the token may see it"
        yield problem("github", f"{repository} cannot be seen ({answer.status})", mend)
    elif repository is None:
        yield ok("github", f"the token is of {_word(answer.body.get('login'))}")
    elif not has_token:
        mend = "set GITHUB_TOKEN, or run `gh auth login`"
        yield warning(
            "github", f"{repository} can be read, and there is no token to write with", mend
        )
    else:
        yield ok("github", f"{repository} can be read with the token")
    if settings.auto_merge and repository is not None:
        yield _judge_merging(answer, repository, has_token=has_token)


def _judge_merging(answer: ServiceReply, repository: str, *, has_token: bool) -> Finding:
    mend = "give GITHUB_TOKEN write access to contents and pull requests, or set AUTO_MERGE=false"
    if not has_token:
        return problem(
            "auto merge", "AUTO_MERGE is true, and there is no token to merge with", mend
        )
    rights = answer.body.get("permissions")
    if answer.status != 200 or (isinstance(rights, dict) and not rights.get("push")):
        what = f"AUTO_MERGE is true, and the token may not write to {repository}"
        return problem("auto merge", what, mend)
    if answer.body.get("archived") is True:
        return problem("auto merge", f"{repository} is archived", "unarchive it")
    return ok("auto merge", f"the token may write to {repository}")


def _ask_slack(project: ProjectSettings, token: str) -> Iterator[Finding]:
    settings = project.settings
    who = ask(f"{settings.slack_api_url}/auth.test", token=token, method="POST")
    if who.body.get("ok") is not True:
        reason = _word(who.body.get("error")) if who.body else f"it answers {who.status}"
        mend = "set SLACK_BOT_TOKEN to the bot token of an app that is installed"
        yield problem("slack", f"the bot's token is refused: {reason}", mend)
        return
    yield ok("slack", f"the bot is {_word(who.body.get('user'))} of {_word(who.body.get('team'))}")
    yield _find_channel(settings.slack_api_url, settings.slack_channel, token)


def _find_channel(api_url: str, channel: str, token: str) -> Finding:
    """Look for the channel: https://docs.slack.dev/reference/methods/conversations.list."""
    check, cursor = "slack channel", ""
    for _ in range(MOST_CHANNEL_PAGES):
        page = ask(
            f"{api_url}/conversations.list",
            token=token,
            parameters={
                "limit": "1000",
                "exclude_archived": "true",
                "types": "public_channel,private_channel",
                "cursor": cursor,
            },
        )
        if page.body.get("ok") is not True:
            mend = "give the bot the scopes channels:read and groups:read"
            reason = _word(page.body.get("error")) if page.body else f"it answers {page.status}"
            return warning(check, f"it is unknown whether {channel} is there: {reason}", mend)
        for found in page.body.get("channels") or []:
            if isinstance(found, dict) and channel in (
                f"#{found.get('name')}",
                found.get("name"),
                found.get("id"),
            ):
                return _judge_channel(channel, found)
        cursor = str(_below(page.body, "response_metadata").get("next_cursor") or "")
        if not cursor:
            mend = "make the channel, invite the bot to it when it is private, or set SLACK_CHANNEL"
            return problem(check, f"{channel} is not known to the bot", mend)
    return warning(
        check, f"{channel} is not among the first channels", "set SLACK_CHANNEL to its id"
    )


def _judge_channel(channel: str, found: dict[str, Any]) -> Finding:
    if found.get("is_member") is False:
        mend = f"invite it: /invite in {channel}"
        return warning("slack channel", f"{channel} is known; the bot is not in it", mend)
    return ok("slack channel", f"{channel} is known")


def _reach_webhook(webhook: str) -> Finding:
    """Check only the webhook's host: its path is the secret, and a call would post a message."""
    scheme, _, rest = webhook.partition("://")
    host = rest.partition("/")[0]
    ask(f"{scheme}://{host}/")
    return ok(
        "slack", f"{shown_host(webhook)} answers; the webhook itself shows at the first message"
    )


def _below(body: dict[str, Any], *keys: str) -> dict[str, Any]:
    value: Any = body
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _word(value: object) -> str:
    """A short word of an answer that may be shown; "?" for anything else."""
    is_plain = isinstance(value, str) and 0 < len(value) <= 80 and value.isprintable()
    return str(value) if is_plain else "?"
