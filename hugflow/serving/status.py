"""How it is with a user's endpoints: instances, messages that wait, workers that run."""

import asyncio
from typing import TYPE_CHECKING, Any

from hugflow.late_dataclass import dataclass
from hugflow.serving import bucket, subjects

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """One instance. client: who got it; `local` for the owner. waiting: messages that are not done."""

    flow_id: str
    client: str
    waiting: int


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """One endpoint.

    waiting: messages that are not done. has_worker: of its dispatch point.
    queues: each instance, the oldest first.
    """

    name: str
    flow_class_name: str
    is_open: bool
    singleton: bool
    parallel_dispatch: bool
    dispatch_point: str
    instances: int
    waiting: int
    has_worker: bool
    description: dict[str, Any]
    queues: tuple[InstanceStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class ServingStatus:
    """A user's endpoints, and whether somebody gives instances of them."""

    user_id: str
    gives_instances: bool
    endpoints: tuple[EndpointStatus, ...]


def read_status(cl: "CoLink") -> ServingStatus:
    """The status of the client's own endpoints."""
    return cl.run(_read_status(cl))


def has_worker(cl: "CoLink", owner: str, dispatch_point: str) -> bool:
    """Whether a worker of any user runs a dispatch point now."""
    return cl.run(_has_worker(cl, owner, dispatch_point))


async def _read_status(cl: "CoLink") -> ServingStatus:
    me, link = cl.get_user_id(), cl.link
    served = await bucket.list_served(link)
    instances = await bucket.list_instances(link)
    points = sorted({each.dispatch_point for each in served.values()})
    alive = dict(
        zip(
            points,
            await asyncio.gather(*(_has_worker(cl, me, each) for each in points)),
            strict=True,
        )
    )
    endpoints = []
    for name, endpoint in served.items():
        queues = [
            InstanceStatus(each.flow_id, each.client, await link.count_waiting(each.flow_id) or 0)
            for each in instances
            if each.flow_endpoint == name
        ]
        endpoints.append(
            EndpointStatus(
                name,
                endpoint.flow_class_name,
                endpoint.is_open,
                endpoint.singleton,
                endpoint.parallel_dispatch,
                endpoint.dispatch_point,
                len(queues),
                sum(each.waiting for each in queues),
                alive[endpoint.dispatch_point],
                endpoint.description,
                tuple(queues),
            )
        )
    gives = await link.is_answered(subjects.question(me, "alive", me))
    return ServingStatus(me, gives, tuple(endpoints))


async def _has_worker(cl: "CoLink", owner: str, dispatch_point: str) -> bool:
    return await cl.link.is_answered(subjects.alive(owner, dispatch_point, cl.get_user_id()))
