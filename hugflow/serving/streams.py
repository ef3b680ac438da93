"""The streams and the bucket of each user, which the server's administrator makes."""

import contextlib
from functools import partial

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError

from hugflow.serving import room, subjects
from hugflow.serving.link import open_link
from hugflow.serving.tls import TlsTrust

KEEP_REPLIES_S = 24 * 3600.0
KEEP_MESSAGES_S = 7 * 24 * 3600.0
MOST_INSTANCES = 100_000
NAME_IN_USE = 10058


async def make_streams(
    url: str,
    admin_seed: str,
    admin_id: str,
    user_ids: list[str],
    trust: TlsTrust | None = None,
    *,
    room_bytes: int,
) -> None:
    """Make the streams and the bucket of each user, as the server's administrator.

    room_bytes: how much all may store before they send no new messages.
    """
    link = await open_link(url, admin_seed, admin_id, trust)
    try:
        for user_id in user_ids:
            await link.again(user_id, partial(_make_streams_of, link.js, user_id, room_bytes))
    finally:
        await link.close()


async def _make_streams_of(js: JetStreamContext, user_id: str, room_bytes: int) -> None:
    for config in _streams_of(user_id):
        try:
            await js.add_stream(config)
        except APIError as error:
            if error.err_code != NAME_IN_USE:
                raise
            # It was made by an earlier version. What it holds stays.
            await js.update_stream(config)
    bucket = await js.create_key_value(bucket=subjects.bucket(user_id), direct=True)
    with contextlib.suppress(APIError):
        # A server that is full keeps the number that it had.
        await bucket.put(room.KEY, str(room_bytes).encode())


def _streams_of(user_id: str) -> list[StreamConfig]:
    return [
        StreamConfig(
            name=subjects.message_stream(user_id),
            subjects=[subjects.message(user_id, "*", "*")],
            # A message to an instance that does not exist is not kept.
            retention=RetentionPolicy.INTEREST,
            storage=StorageType.FILE,
            max_age=KEEP_MESSAGES_S,
            duplicate_window=120,
            # One for each instance; without a number the server stops at 1,000.
            max_consumers=MOST_INSTANCES,
            # A message that is too many is refused; none that waits is deleted for it.
            max_msgs_per_subject=room.MOST_WAITING,
            discard=DiscardPolicy.NEW,
            discard_new_per_subject=True,
        ),
        StreamConfig(
            name=subjects.reply_stream(user_id),
            subjects=[subjects.reply(user_id, "*", "*", "*")],
            storage=StorageType.FILE,
            max_age=KEEP_REPLIES_S,
            # The first reply to a message is the reply.
            max_msgs_per_subject=1,
            discard=DiscardPolicy.NEW,
            discard_new_per_subject=True,
            allow_direct=True,
        ),
        StreamConfig(
            name=subjects.progress_stream(user_id),
            subjects=[subjects.progress(user_id, "*", "*")],
            storage=StorageType.FILE,
            max_age=KEEP_REPLIES_S,
            max_msgs_per_subject=1,
            allow_direct=True,
        ),
    ]
