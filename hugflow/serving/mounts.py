"""Which instances exist, as a user may ask the server while no worker of their owner runs.

mount.<user>.<instance>   empty; in the owner's bucket. The user who got the instance may read it
mount.any.<instance>      of a singleton, which many users share: every user may read it

A key says that the instance exists, and nothing else.
"""

from typing import TYPE_CHECKING

from nats.errors import NoRespondersError

from hugflow.serving import bucket, subjects
from hugflow.serving.link import NobodyAnswers
from hugflow.serving.records import LOCAL, Instance

if TYPE_CHECKING:
    from hugflow.serving.link import Link


async def write_mount(link: "Link", instance: Instance) -> None:
    """Let the users of an instance see that it exists; its owner sees it anyway."""
    for user in _users_of(instance):
        await link.write_key(subjects.mount(user, instance.flow_id), b"")


async def delete_mount(link: "Link", flow_id: str) -> None:
    """Let nobody see an instance any more."""
    await link.delete_key(subjects.mount("*", flow_id))


async def is_mounted(link: "Link", owner: str, flow_id: str) -> bool:
    """Whether an instance exists that this user may message. Its owner is not asked.

    Raises NobodyAnswers for an owner whom the server does not know, TimeoutError, and
    NotAuthorised where the server's configuration is of an earlier version.
    """
    if owner == link.user_id:
        return await bucket.read_instance(link, flow_id) is not None
    try:
        return await _has_mount(link, owner, flow_id)
    except NoRespondersError:
        # A server that starts answers nothing for a while. This waits until it does.
        await link.read_key("mount")
    try:
        return await _has_mount(link, owner, flow_id)
    except NoRespondersError as error:
        raise NobodyAnswers(owner) from error


def _users_of(instance: Instance) -> set[str]:
    users = {subjects.EVERYONE} if instance.singleton else set()
    return users | ({instance.client} - {LOCAL})


async def _has_mount(link: "Link", owner: str, flow_id: str) -> bool:
    stream = subjects.bucket_stream(owner)
    for user in (link.user_id, subjects.EVERYONE):
        key = f"$KV.{subjects.bucket(owner)}.{subjects.mount(user, flow_id)}"
        if await link.peek_last(stream, key) is not None:
            return True
    return False
