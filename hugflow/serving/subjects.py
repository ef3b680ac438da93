"""The subjects and streams of served flows, and what each user may do with them.

    flow.<owner>.<verb>.<caller>              a question to the owner: get_instance, release, check,
                                              alive, alive-<dispatch point>
    flow.<owner>.call.<caller>.<instance>     a call that is answered at once and not stored
    flow.<owner>.msg.<caller>.<instance>      a message to an instance, in the stream MSG_<owner>
    reply.<caller>.<owner>.<instance>.<message>   its reply, in the stream REPLY_<caller>
    calls.<caller>.<owner>.<message>          how far it is, in the stream CALLS_<caller>
    deliver.<owner>.<dispatch point>          where the server delivers messages to workers
    $KV.FLOWS_<user>.<key>                    what a user serves, its instances and their states

The server lets a user publish only where its own id is the caller, or the owner who replies, and
read only what is addressed to it. So the caller in a subject is who called.
"""

import re
from typing import Any

from hugflow.nearest import nearest_name

DEFAULT_DISPATCH_POINT = "coflows_dispatch"
# In the key of an instance that many users share.
EVERYONE = "any"
QUESTIONS = ("get_instance", "release", "check", "alive")

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_name(text: str) -> bool:
    """Whether an endpoint, a dispatch point or a user may be called so."""
    return _NAME.fullmatch(text) is not None


def check_name(name: object, what: str) -> str:
    """An endpoint's or a dispatch point's name. Raises ValueError."""
    if not isinstance(name, str) or not is_name(name):
        raise ValueError(
            f"{what} {str(name)[:80]!r} is not 1 to 64 letters, digits, _ and - of ASCII"
        )
    return name


def question(owner: str, verb: str, caller: str) -> str:
    """Where an owner's get_instance worker is asked."""
    return f"flow.{owner}.{verb}.{caller}"


def alive(owner: str, dispatch_point: str, caller: str) -> str:
    """Where workers of a dispatch point are asked whether one is there."""
    return question(owner, f"alive-{dispatch_point}", caller)


def message(owner: str, caller: str, flow_id: str) -> str:
    """Where messages to an instance go."""
    return f"flow.{owner}.msg.{caller}.{flow_id}"


def call(owner: str, caller: str, flow_id: str) -> str:
    """Where calls that are not stored go."""
    return f"flow.{owner}.call.{caller}.{flow_id}"


def reply(caller: str, owner: str, flow_id: str, message_id: str) -> str:
    """Where the reply of an instance to a message goes."""
    return f"reply.{caller}.{owner}.{flow_id}.{message_id}"


def progress(caller: str, owner: str, message_id: str) -> str:
    """Where it is said how far a message is."""
    return f"calls.{caller}.{owner}.{message_id}"


def delivery(owner: str, dispatch_point: str) -> str:
    """Where workers of a dispatch point get messages."""
    return f"deliver.{owner}.{dispatch_point}"


def inbox(user_id: str) -> str:
    """The prefix of a user's inboxes."""
    return f"_INBOX.{user_id}"


def message_stream(owner: str) -> str:
    """The stream of messages that wait for an owner's workers."""
    return f"MSG_{owner}"


def reply_stream(caller: str) -> str:
    """The stream of replies to a caller."""
    return f"REPLY_{caller}"


def progress_stream(caller: str) -> str:
    """The stream that says how far a caller's messages are."""
    return f"CALLS_{caller}"


def bucket(user_id: str) -> str:
    """The key-value bucket of a user."""
    return f"FLOWS_{user_id}"


def bucket_stream(user_id: str) -> str:
    """The stream below a user's bucket."""
    return f"KV_{bucket(user_id)}"


def mount(user: str, flow_id: str) -> str:
    """The key in an owner's bucket that says to a user, or to EVERYONE, that an instance exists."""
    return f"mount.{user}.{flow_id}"


def permissions(user_id: str) -> dict[str, Any]:
    """What a user may do, as the server's configuration says it."""
    streams = [
        message_stream(user_id),
        reply_stream(user_id),
        progress_stream(user_id),
        bucket_stream(user_id),
    ]
    publish = [
        question("*", "*", user_id),
        call("*", user_id, "*"),
        message("*", user_id, "*"),
        reply("*", user_id, "*", "*"),
        progress("*", user_id, "*"),
        progress(user_id, "*", "*"),
        f"$KV.{bucket(user_id)}.>",
        "$JS.API.INFO",
        # A part of a subject is a whole stream or none. Buckets alone have these keys.
        f"$JS.API.DIRECT.GET.*.$KV.*.{mount(user_id, '*')}",
        f"$JS.API.DIRECT.GET.*.$KV.*.{mount(EVERYONE, '*')}",
        # Replies that this user has given: whether a message is one that was answered.
        f"$JS.API.DIRECT.GET.*.{reply('*', user_id, '*', '*')}",
    ]
    for stream in streams:
        publish += [
            f"$JS.API.STREAM.INFO.{stream}",
            f"$JS.API.STREAM.MSG.GET.{stream}",
            f"$JS.API.STREAM.MSG.DELETE.{stream}",
            f"$JS.API.STREAM.PURGE.{stream}",
            f"$JS.API.DIRECT.GET.{stream}",
            f"$JS.API.DIRECT.GET.{stream}.>",
            f"$JS.API.CONSUMER.CREATE.{stream}",
            f"$JS.API.CONSUMER.CREATE.{stream}.>",
            f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.>",
            f"$JS.API.CONSUMER.DELETE.{stream}.>",
            f"$JS.API.CONSUMER.INFO.{stream}.>",
            f"$JS.API.CONSUMER.LIST.{stream}",
            f"$JS.ACK.{stream}.>",
        ]
    subscribe = [
        f"{inbox(user_id)}.>",
        f"flow.{user_id}.>",
        f"reply.{user_id}.>",
        f"calls.{user_id}.>",
        f"deliver.{user_id}.>",
    ]
    return {
        "publish": publish,
        "subscribe": subscribe,
        "allow_responses": {"max": 1, "expires": "10m"},
    }


def nearest_endpoint(name: str, served: list[str]) -> str:
    """A hint for an endpoint that is not served; empty without one."""
    near = nearest_name(name, served)
    return f"; did you mean {near}?" if near else ""
