"""Serving flows, and getting instances of what others serve."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hugflow.errors import FlowInstanceError
from hugflow.serving import bucket, subjects, wire
from hugflow.serving.classes import load_class
from hugflow.serving.descriptions import check_description, describe, sign_description
from hugflow.serving.records import LOCAL, Served
from hugflow.serving.subjects import DEFAULT_DISPATCH_POINT

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink
    from hugflow.serving.served_flow import ServedFlow

log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S = 10.0


def serve_flow(
    cl: "CoLink",
    flow_class_name: str,
    flow_endpoint: str,
    dispatch_point: str = DEFAULT_DISPATCH_POINT,
    parallel_dispatch: bool = False,
    singleton: bool = False,
    allow: Sequence[str] | None = None,
    allow_subflow_overrides: bool = False,
) -> bool:
    """Offer instances of a class at an endpoint; False, and no change, where it is served already.

    dispatch_point: which workers run it.
    parallel_dispatch: many messages of an instance run at once, and it keeps no state.
    singleton: all callers get the same instance.
    allow: ids of the users who may have an instance; None: everyone whom the server knows.
    allow_subflow_overrides: other users may say who serves its subflows. They are called as you.

    Raises ValueError for a name that cannot be, and what loading the class raises.
    """
    subjects.check_name(flow_endpoint, "the endpoint")
    subjects.check_name(dispatch_point, "the dispatch point")
    present = cl.run(bucket.read_served(cl.link, flow_endpoint))
    if present is not None and (present.is_open or present.flow_class_name != flow_class_name):
        log.warning("flows:%s is served already", flow_endpoint)
        return False
    served = new_endpoint(
        cl,
        flow_class_name,
        flow_endpoint,
        dispatch_point=dispatch_point,
        parallel_dispatch=parallel_dispatch,
        singleton=singleton,
        allow=allow,
        allow_subflow_overrides=allow_subflow_overrides,
    )
    cl.run(bucket.write_served(cl.link, flow_endpoint, served))
    log.info("Started serving %s at flows:%s.", flow_class_name, flow_endpoint)
    log.info("dispatch_point: %s", dispatch_point)
    log.info("parallel_dispatch: %s", parallel_dispatch)
    log.info("singleton: %s\n", singleton)
    return True


def new_endpoint(
    cl: "CoLink",
    flow_class_name: str,
    flow_endpoint: str,
    *,
    dispatch_point: str,
    parallel_dispatch: bool,
    singleton: bool,
    allow: Sequence[str] | None,
    allow_subflow_overrides: bool,
) -> Served:
    """The record of an endpoint, signed; its class is imported. Nothing is written."""
    subjects.check_name(flow_endpoint, "the endpoint")
    subjects.check_name(dispatch_point, "the dispatch point")
    flow_class = load_class(cl.project, flow_class_name)
    description = describe(cl, flow_class, flow_class_name, flow_endpoint)
    return Served(
        flow_class_name,
        dispatch_point,
        parallel_dispatch,
        singleton,
        tuple(allow) if allow is not None else None,
        allow_subflow_overrides,
        description=description,
        signature=sign_description(cl, description),
    )


def unserve_flow(cl: "CoLink", flow_endpoint: str) -> bool:
    """Give no new instances; those that exist keep answering. False if it was not served."""
    subjects.check_name(flow_endpoint, "the endpoint")
    present = cl.run(bucket.read_served(cl.link, flow_endpoint))
    if present is None or not present.is_open:
        return False
    cl.run(bucket.write_served(cl.link, flow_endpoint, replace(present, is_open=False)))
    log.info("Stopped serving at flows:%s.", flow_endpoint)
    return True


def delete_flow_endpoint(cl: "CoLink", flow_endpoint: str) -> bool:
    """Delete an endpoint with its instances and their states. False if there was none."""
    from hugflow.serving.mounting import delete_instance

    subjects.check_name(flow_endpoint, "the endpoint")
    was_there = cl.run(bucket.read_served(cl.link, flow_endpoint)) is not None
    # First, so that no instance is made meanwhile.
    unserve_flow(cl, flow_endpoint)
    for each in cl.run(bucket.list_instances(cl.link)):
        if each.flow_endpoint == flow_endpoint:
            cl.run(delete_instance(cl, each.flow_id))
    cl.run(cl.link.delete_key(f"singleton.{flow_endpoint}"))
    cl.run(cl.link.delete_key(f"served.{flow_endpoint}"))
    return was_there


def delete_flow_instance(cl: "CoLink", flow_id: str) -> None:
    """Delete an instance and its state; nothing there is no error."""
    from hugflow.serving.mounting import delete_instance

    subjects.check_name(flow_id, "the instance")
    cl.run(delete_instance(cl, flow_id))


def recursive_serve_flow(
    cl: "CoLink",
    flow_class_name: str,
    flow_endpoint: str,
    dispatch_point: str = DEFAULT_DISPATCH_POINT,
    parallel_dispatch: bool = False,
    singleton: bool = False,
) -> bool:
    """Serve a class and the subflows that its configuration places at this user.

    What is served already is fine. False, with the subflow's name in the log, where a subflow lacks
    its `flow_class_name` or `flow_endpoint`, or is a subflow of itself.

    Raises FlowInstanceError, which names the way, for an endpoint that has another class.
    """
    return _serve_tree(
        cl, flow_class_name, flow_endpoint, dispatch_point, parallel_dispatch, singleton, ()
    )


def _serve_tree(
    cl: "CoLink", flow_class_name: str, flow_endpoint: str, dispatch_point: str,
    parallel_dispatch: bool, singleton: bool, above: tuple[str, ...],
) -> bool:  # fmt: skip
    """above: the endpoints whose subflow it is, at any depth."""
    subjects.check_name(flow_endpoint, "the endpoint")
    way = (*above, flow_endpoint)
    if flow_endpoint in above:
        log.error("flows:%s is a subflow of itself: %s", flow_endpoint, " -> ".join(way))
        return False
    present = cl.run(bucket.read_served(cl.link, flow_endpoint))
    if present is not None and present.flow_class_name != flow_class_name:
        raise FlowInstanceError(
            f"{' -> '.join(way)}: flows:{flow_endpoint} is {present.flow_class_name}, "
            f"not {flow_class_name}",
            why="an endpoint keeps its class, and who asks for it would get another flow",
            mend="serve it at another endpoint, or delete that one first "
            f"(`hugflow flows unserve {flow_endpoint} --delete`)",
        )
    config = load_class(cl.project, flow_class_name).default_config()
    for key, settings in (config.get("subflows_config") or {}).items():
        if cl.owner_of(str(settings.get("user_id") or LOCAL)) != cl.get_user_id():
            continue
        missing = [name for name in ("flow_class_name", "flow_endpoint") if not settings.get(name)]
        if missing:
            log.error(
                "the subflow %s of %s has no %s", key, flow_class_name, " and no ".join(missing)
            )
            return False
        is_served = _serve_tree(
            cl,
            settings["flow_class_name"],
            settings["flow_endpoint"],
            dispatch_point,
            bool(settings.get("parallel_dispatch", False)),
            bool(settings.get("singleton", False)),
            way,
        )
        if not is_served:
            return False
    serve_flow(cl, flow_class_name, flow_endpoint, dispatch_point, parallel_dispatch, singleton)
    return True


def get_flow_instance(
    cl: "CoLink",
    flow_endpoint: str,
    user_id: str = LOCAL,
    config_overrides: Mapping[str, Any] | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> "ServedFlow":
    """An instance of what a user serves, with instances of all its subflows.

    user_id: who serves it; `local` and one's own id are the same.
    config_overrides: on top of the class's defaults; a singleton keeps those of its first caller.

    Raises FlowInstanceError, whose text names the way to what failed.
    """
    from hugflow.serving.mounting import Wanted, Way, ask
    from hugflow.serving.served_flow import ServedFlow

    owner = cl.owner_of(user_id)
    try:
        subjects.check_name(flow_endpoint, "the endpoint")
        subjects.check_name(owner, "the user")
        overrides = wire.plain_copy(dict(config_overrides or {}))
    except (TypeError, ValueError) as error:
        raise _failed(flow_endpoint, owner, str(error)) from error
    way = Way(ends_at=time.monotonic() + timeout_s)
    wanted = Wanted("", flow_endpoint, overrides)
    got = cl.run(ask(cl, owner, [wanted], way))[wanted.key]
    if not got.successful:
        raise _failed(flow_endpoint, owner, got.message)
    if got.warning:
        log.warning("%s", got.warning)
    found = ServedFlow(cl, owner, got.flow_id, flow_endpoint)
    found.description = check_description(owner, flow_endpoint, got.description, got.signature)
    return found


def _failed(endpoint: str, owner: str, why: str) -> FlowInstanceError:
    return FlowInstanceError(
        f"no instance of flows:{endpoint} of user {owner}: {why}",
        why="the text above names the way to what failed",
        mend="check the names, and that the user's workers run (`hugflow flows status`)",
    )
