"""Endpoints, instances and states in a user's bucket, as coroutines."""

from typing import TYPE_CHECKING

from hugflow.serving import wire
from hugflow.serving.records import Instance, Served, State

if TYPE_CHECKING:
    from hugflow.serving.link import Link


async def read_served(link: "Link", endpoint: str) -> Served | None:
    """An endpoint; None if there is none."""
    found = await link.read_key(f"served.{endpoint}")
    return Served.from_json(wire.decode(found[0])) if found is not None else None


async def write_served(link: "Link", endpoint: str, served: Served) -> None:
    """Write an endpoint."""
    await link.write_key(f"served.{endpoint}", wire.encode(served.to_json()))


async def list_served(link: "Link") -> dict[str, Served]:
    """All endpoints by name."""
    found = {name: await read_served(link, name) for name in await link.list_keys("served")}
    return {name: served for name, served in found.items() if served is not None}


async def read_instance(link: "Link", flow_id: str) -> Instance | None:
    """An instance; None if there is none."""
    found = await link.read_key(f"instance.{flow_id}")
    return Instance.from_json(wire.decode(found[0])) if found is not None else None


async def write_instance(link: "Link", instance: Instance) -> None:
    """Write an instance."""
    await link.write_key(f"instance.{instance.flow_id}", wire.encode(instance.to_json()))


async def list_instances(link: "Link") -> list[Instance]:
    """All instances, the oldest first."""
    found = [await read_instance(link, key) for key in await link.list_keys("instance")]
    return sorted((each for each in found if each is not None), key=lambda each: each.created_at)


async def read_singleton(link: "Link", endpoint: str) -> Instance | None:
    """The one instance of an endpoint; None before the first caller."""
    found = await link.read_key(f"singleton.{endpoint}")
    return Instance.from_json(wire.decode(found[0])) if found is not None else None


async def claim_singleton(link: "Link", instance: Instance) -> Instance:
    """Make an instance the one of its endpoint; gives the one that another caller was first with."""
    from hugflow.serving.link import KeyTaken

    key = f"singleton.{instance.flow_endpoint}"
    try:
        await link.write_key(key, wire.encode(instance.to_json()), last=0)
    except KeyTaken:
        winner = await read_singleton(link, instance.flow_endpoint)
        return winner if winner is not None else await claim_singleton(link, instance)
    return instance


async def read_state(link: "Link", flow_id: str) -> tuple[State, int]:
    """An instance's state, and the revision that the next one replaces."""
    found = await link.read_key(f"state.{flow_id}")
    if found is None:
        return State(), 0
    return State.from_json(wire.decode(found[0])), found[1]


async def write_state(link: "Link", flow_id: str, state: State, last: int) -> None:
    """Write the state after a message. Raises KeyTaken when another worker was first.

    Raises FlowError for a state that the server would not take.
    """
    data = wire.encode(state.to_json())
    link.check_size(data, "the state with the last reply")
    await link.write_key(f"state.{flow_id}", data, last=last)
