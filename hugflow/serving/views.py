"""What a user's storage holds, as text: the tree of its endpoints, and its instances."""

import json
from typing import TYPE_CHECKING, Any

from hugflow.serving import bucket
from hugflow.serving.records import Instance, Served

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink


def show_served(cl: "CoLink", *, print_values: bool) -> list[str]:
    """The lines of the tree of endpoints and their mounts."""
    served = cl.run(bucket.list_served(cl.link))
    instances = cl.run(bucket.list_instances(cl.link))
    lines: list[str] = []
    for name, endpoint in served.items():
        mounts = [each for each in instances if each.flow_endpoint == name]
        lines += [f" {name}/", *_show_endpoint(cl, endpoint, mounts, print_values=print_values)]
    return lines


def show_instances(cl: "CoLink") -> list[str]:
    """A line for each instance."""
    return [f" {each.flow_id}" for each in cl.run(bucket.list_instances(cl.link))]


def _show_endpoint(
    cl: "CoLink", served: Served, mounts: list[Instance], *, print_values: bool
) -> list[str]:
    values: dict[str, Any] = {
        "init": served.is_open,
        "flow_class_name": served.flow_class_name,
        "singleton": served.singleton,
        "default_dispatch_point": served.dispatch_point,
        "parallel_dispatch": served.parallel_dispatch,
    }
    lines = [_line(3, name, value, print_values=print_values) for name, value in values.items()]
    if mounts:
        lines.append("   mounts/")
    for client in dict.fromkeys(each.client for each in mounts):
        lines.append(f"     {client}/")
        for each in (mount for mount in mounts if mount.client == client):
            lines += [
                f"       {each.flow_id}/",
                _line(9, "init", True, print_values=print_values),
                _line(9, "config_overrides", each.config_overrides, print_values=print_values),
                _line(9, "state", _state(cl, each, print_values), print_values=print_values),
            ]
    return lines


def _state(cl: "CoLink", instance: Instance, is_wanted: bool) -> dict[str, Any]:
    return cl.run(bucket.read_state(cl.link, instance.flow_id))[0].state if is_wanted else {}


def _line(indent: int, name: str, value: object, *, print_values: bool) -> str:
    return f"{' ' * indent}{name}" + (f": {json.dumps(value)}" if print_values else "")
