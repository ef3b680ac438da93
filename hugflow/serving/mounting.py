"""Making instances: of one's own endpoints, and of the endpoints that their subflows name.

Everything here runs at an owner, as the owner. A failure anywhere releases what this call has made,
and its text names each subflow on the way: `second: inner: user U... serves nothing`.
"""

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from hugflow.errors import FlowInstanceError, HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.serving import bucket, subjects, wire
from hugflow.serving.classes import configure, load_class, own_values, served_subflows_of
from hugflow.serving.link import NobodyAnswers
from hugflow.serving.mounts import delete_mount, write_mount
from hugflow.serving.records import LOCAL, Instance, Served
from hugflow.serving.seals import seal

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink

log = logging.getLogger(__name__)

FETCHED = "Fetched local flow instance."
MAX_DEPTH = 16
MAX_CALLS = 256
# What is kept of the time for the way back, so that the deepest error arrives.
_SHARE = 0.9
_PENDING_SERIAL = 1
_PENDING_PARALLEL = 64


@dataclass(frozen=True, slots=True)
class Wanted:
    """One instance that is wanted. key: of the subflow; empty for the call of a person."""

    key: str
    endpoint: str
    overrides: Mapping[str, Any]

    def to_json(self) -> list[Any]:
        """As it is sent and logged."""
        return [self.key, self.endpoint, dict(self.overrides)]


@dataclass(frozen=True, slots=True)
class Way:
    """How a request came here. path: the endpoints above it, as `endpoint@user`."""

    path: tuple[str, ...] = ()
    ends_at: float = field(default_factory=lambda: time.monotonic() + 10.0)
    task_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def left_s(self) -> float:
        """How much time is left."""
        return max(0.05, self.ends_at - time.monotonic())

    def below(self, step: str) -> "Way":
        """The way to the subflows of one endpoint. Raises FlowInstanceError for a circle."""
        path = (*self.path, step)
        if step in self.path:
            raise _no_instance(f"the subflows make a circle: {' -> '.join(path)}")
        if len(path) > MAX_DEPTH:
            raise _no_instance(f"the subflows are more than {MAX_DEPTH} deep: {' -> '.join(path)}")
        return replace(self, path=path, ends_at=time.monotonic() + self.left_s() * _SHARE)


@dataclass(slots=True)
class Got:
    """What became of one wanted instance, as it is answered."""

    successful: bool
    message: str
    flow_id: str = ""
    user_id: str = ""
    flow_class_name: str = ""
    is_new: bool = False
    warning: str = ""
    description: dict[str, Any] = field(default_factory=dict)
    signature: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it is sent."""
        return {name: getattr(self, name) for name in self.__slots__}

    def shown(self) -> dict[str, Any]:
        """As it is logged."""
        return {
            "flow_id": self.flow_id,
            "successful": self.successful,
            "message": self.message,
        }


async def fetch(cl: "CoLink", owner: str, wanted: Sequence[Wanted], way: Way) -> dict[str, Got]:
    """Instances of one owner; our own are made here, others are asked for in one request."""
    if owner == cl.get_user_id():
        return await serve_wanted(cl, LOCAL, wanted, way)
    return await ask(cl, owner, wanted, way)


async def ask(cl: "CoLink", owner: str, wanted: Sequence[Wanted], way: Way) -> dict[str, Got]:
    """Ask an owner's get_instance worker for instances, in one request."""
    asked = {
        "calls": [each.to_json() for each in wanted],
        "path": list(way.path),
        "within_s": way.left_s(),
        "task_id": way.task_id,
    }
    try:
        subject = subjects.question(owner, "get_instance", cl.get_user_id())
        sealed = seal(cl, owner, subject, wire.encode(asked))
        data = await cl.link.ask(subject, sealed, way.left_s())
        answer = wire.decode(data)
        return {each.key: _read_got(answer[each.key], owner) for each in wanted}
    except NobodyAnswers:
        what = f"user {owner} is not there: no get_instance worker of that user runs"
    except TimeoutError:
        what = f"user {owner} gave no answer in time"
    except HugflowError as error:
        what = error.what
    except (KeyError, TypeError, ValueError) as error:
        what = f"user {owner} gave an answer that cannot be read: {in_a_line(str(error), 100)}"
    return {
        each.key: Got(False, f"flows:{each.endpoint}: {what}", user_id=owner) for each in wanted
    }


def _read_got(value: Mapping[str, Any], owner: str) -> Got:
    """What an owner answered. Raises TypeError and ValueError.

    Only its own instances count: with another user's name it could have ours deleted, or have
    messages sent to others in our name.
    """
    got = Got(**value)
    got.user_id = owner
    got.flow_id = str(uuid.UUID(str(got.flow_id))) if got.flow_id else ""
    if got.successful and not got.flow_id:
        raise ValueError("it names no instance")
    return got


async def serve_wanted(
    cl: "CoLink", client: str, wanted: Sequence[Wanted], way: Way
) -> dict[str, Got]:
    """Make, or find, instances of our own endpoints for a client."""
    found: dict[str, Got] = {}
    for each in wanted:
        try:
            found[each.key] = await _mount(cl, client, each, way)
        except (HugflowError, ValueError) as error:
            what = error.what if isinstance(error, HugflowError) else str(error)
            why = f": {error.why}" if isinstance(error, HugflowError) and error.why else ""
            if isinstance(error, FlowInstanceError):
                why = ""
            found[each.key] = Got(False, in_a_line(what + why, 2000), user_id=cl.get_user_id())
        except Exception as error:  # a flow's own code, which is imported here
            log.exception("flows:%s cannot be made", each.endpoint)
            found[each.key] = Got(
                False,
                f"flows:{each.endpoint} cannot be made: "
                + in_a_line(f"{type(error).__name__}: {error}"),
                user_id=cl.get_user_id(),
            )
    return found


async def release(cl: "CoLink", found: Mapping[str, Mapping[str, Any]]) -> None:
    """Delete instances that were made for a call; those that others use, too, stay."""
    by_owner: dict[str, list[str]] = {}
    for each in found.values():
        if each.get("is_new") and each.get("flow_id"):
            by_owner.setdefault(each["user_id"], []).append(each["flow_id"])
    for owner, flow_ids in by_owner.items():
        if owner == cl.get_user_id():
            for flow_id in flow_ids:
                await delete_instance(cl, flow_id)
        else:
            subject = subjects.question(owner, "release", cl.get_user_id())
            asked = seal(cl, owner, subject, wire.encode({"flow_ids": flow_ids}))
            await cl.link.tell(subject, asked)


async def delete_instance(cl: "CoLink", flow_id: str) -> None:
    """Delete an instance, its state and queue, and the instances that were made for it alone."""
    link = cl.link
    instance = await bucket.read_instance(link, flow_id)
    await link.delete_consumer(flow_id)
    await delete_mount(link, flow_id)
    if instance is not None and instance.singleton:
        singleton = await bucket.read_singleton(link, instance.flow_endpoint)
        if singleton is not None and singleton.flow_id == flow_id:
            await link.delete_key(f"singleton.{instance.flow_endpoint}")
    await link.delete_key(f"state.{flow_id}")
    await link.delete_key(f"instance.{flow_id}")
    if instance is not None:
        await release(cl, instance.subflows)


async def _mount(cl: "CoLink", client: str, wanted: Wanted, way: Way) -> Got:
    """One instance of one of our endpoints. Raises HugflowError and ValueError."""
    endpoint = subjects.check_name(wanted.endpoint, "the endpoint")
    served = await bucket.read_served(cl.link, endpoint)
    if served is None or not served.is_open:
        names = await cl.link.list_keys("served")
        near = subjects.nearest_endpoint(endpoint, names) if client == LOCAL else ""
        raise _no_instance(f"user {cl.get_user_id()} does not serve flows:{endpoint}{near}")
    if client != LOCAL and served.allow is not None and client not in served.allow:
        raise _no_instance(f"user {client} is not on the allow list of flows:{endpoint}")
    below = way.below(f"{endpoint}@{cl.get_user_id()}")
    if served.singleton:
        existing = await bucket.read_singleton(cl.link, endpoint)
        if existing is not None:
            return await _found(cl, served, existing, wanted)
    flow_class = await asyncio.to_thread(load_class, cl.project, served.flow_class_name)
    may_move = client == LOCAL or served.allow_subflow_overrides
    config = configure(flow_class, wanted.overrides, may_move_subflows=may_move)
    subflows = await _fetch_subflows(cl, served_subflows_of(config), below)
    instance = Instance(
        flow_id=str(uuid.uuid4()),
        flow_endpoint=endpoint,
        flow_class_name=served.flow_class_name,
        client=client,
        dispatch_point=served.dispatch_point,
        parallel_dispatch=served.parallel_dispatch,
        singleton=served.singleton,
        allow=served.allow,
        config_overrides=dict(wanted.overrides),
        subflows={key: got.to_json() for key, got in subflows.items()},
    )
    if served.singleton:
        first = await bucket.claim_singleton(cl.link, instance)
        if first.flow_id != instance.flow_id:
            await release(cl, instance.subflows)
            return await _found(cl, served, first, wanted)
    await _make(cl, instance)
    log.info(
        "Mounted %s at flows:%s:mounts:%s:%s", instance.flow_id, endpoint, client, instance.flow_id
    )
    return _got(cl, served, instance, is_new=not served.singleton)


async def _found(cl: "CoLink", served: Served, instance: Instance, wanted: Wanted) -> Got:
    """The singleton that exists; what its first caller configured stays."""
    if await bucket.read_instance(cl.link, instance.flow_id) is None:
        # Its maker was ended after it had claimed the endpoint.
        await _make(cl, instance)
    got = _got(cl, served, instance, is_new=False)
    if dict(wanted.overrides) not in ({}, instance.config_overrides):
        got.warning = (
            f"flows:{instance.flow_endpoint} is a singleton: the configuration of its first "
            "caller stays"
        )
    return got


async def _make(cl: "CoLink", instance: Instance) -> None:
    owner = cl.get_user_id()
    # First, so that nobody has the id of an instance that seems not to exist.
    await write_mount(cl.link, instance)
    await bucket.write_instance(cl.link, instance)
    await cl.link.add_consumer(
        instance.flow_id,
        subjects.message(owner, "*", instance.flow_id),
        subjects.delivery(owner, instance.dispatch_point),
        instance.dispatch_point,
        _PENDING_PARALLEL if instance.parallel_dispatch else _PENDING_SERIAL,
        cl.ack_wait_s,
    )


async def _fetch_subflows(
    cl: "CoLink", subflows: Mapping[str, Mapping[str, Any]], way: Way
) -> dict[str, Got]:
    """Fetch all subflows, one request an owner, the owners at once."""
    if not subflows:
        return {}
    log.info("\n~~~ get_instances initiator ~~~")
    log.info("task_id = %s", way.task_id)
    by_owner: dict[str, list[Wanted]] = {}
    for key, settings in subflows.items():
        owner = cl.owner_of(str(settings.get("user_id") or LOCAL))
        by_owner.setdefault(owner, []).append(
            Wanted(key, str(settings["flow_endpoint"]), own_values(settings))
        )
    answers = await asyncio.gather(
        *(fetch(cl, owner, wanted, way) for owner, wanted in by_owner.items())
    )
    by_key = {key: got for answer in answers for key, got in answer.items()}
    found = {key: by_key[key] for key in subflows}
    shown = {key: got.shown() for key, got in found.items()}
    log.info("Received subflow instances: %s", json.dumps(shown, indent=4))
    failed = {key: got.message for key, got in found.items() if not got.successful}
    if failed:
        await release(cl, {key: got.to_json() for key, got in found.items()})
        raise _no_instance("; ".join(f"{key}: {message}" for key, message in failed.items()))
    return found


def _got(cl: "CoLink", served: Served, instance: Instance, *, is_new: bool) -> Got:
    return Got(
        True,
        FETCHED,
        instance.flow_id,
        cl.get_user_id(),
        instance.flow_class_name,
        is_new,
        description=served.description,
        signature=served.signature,
    )


def _no_instance(what: str) -> FlowInstanceError:
    return FlowInstanceError(what, why="", mend="")
