"""Which instances exist, as a user may ask the server while no worker of their owner runs.

mount.<user>.<instance>   empty; in the owner's bucket. The user who got the instance may read it;
                          `local` is the owner
mount.any.<instance>      of a singleton, which many users share: every user may read it

A key says that the instance exists, and nothing else.
"""

from typing import TYPE_CHECKING

from nats.errors import NoRespondersError

from hugflow.errors import FlowInstanceError, NotAuthorised
from hugflow.serving import bucket, subjects
from hugflow.serving.link import NobodyAnswers
from hugflow.serving.records import Instance

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


async def check_mounted(link: "Link", owner: str, flow_id: str, name: str) -> None:
    """Raise FlowInstanceError for an instance that the server does not have.

    No worker would ever reply. Where it cannot be known now, there is no error. name: of the flow.
    """
    try:
        is_there = await is_mounted(link, owner, flow_id)
    except NobodyAnswers:
        raise _unknown_user(owner, name) from None
    except (NotAuthorised, TimeoutError):
        return
    if not is_there:
        raise unknown_instance(owner, flow_id, name)


async def restore_mounts(link: "Link") -> None:
    """Write what is missing: instances that an earlier version made have no keys."""
    known = {key.rpartition(".")[2] for key in await link.list_keys("mount")}
    for flow_id in await link.list_keys("instance"):
        if flow_id not in known:
            instance = await bucket.read_instance(link, flow_id)
            if instance is not None:
                await write_mount(link, instance)


def _users_of(instance: Instance) -> set[str]:
    return {instance.client, *([subjects.EVERYONE] if instance.singleton else [])}


async def _has_mount(link: "Link", owner: str, flow_id: str) -> bool:
    stream = subjects.bucket_stream(owner)
    for user in (link.user_id, subjects.EVERYONE):
        key = f"$KV.{subjects.bucket(owner)}.{subjects.mount(user, flow_id)}"
        if await link.peek_last(stream, key) is not None:
            return True
    return False


def path_of(name: str) -> str:
    """How the text of an error begins: a composite adds its own name before it."""
    return f"{name}: " if name else ""


def unknown_instance(owner: str, flow_id: str, name: str) -> FlowInstanceError:
    """The error for an instance that does not exist."""
    return FlowInstanceError(
        f"{path_of(name)}there is no instance {flow_id} at user {owner}",
        why="it was deleted, or was never there",
        mend="get a new one with get_flow_instance",
    )


def _unknown_user(owner: str, name: str) -> FlowInstanceError:
    return FlowInstanceError(
        f"{path_of(name)}the server of flows knows no user {owner}",
        why="nobody has the messages and instances of that user",
        mend="check the id: `hugflow flows user list`",
    )
