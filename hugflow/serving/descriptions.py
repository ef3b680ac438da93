"""What an endpoint is, in its owner's words, signed by the owner's key.

    {"name": "asr", "owner": "U...", "flow_class_name": "flow_modules.ourorg.Speech.Recogniser",
     "description": "...", "version": "1.2", "module": "ourorg/Speech", "commit": "5f0c...",
     "input": {"audio": "bytes"}, "output": {"text": "str"}}

A class says `version`, `input_fields` and `output_fields` itself. The signature is over the JSON
with sorted keys.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hugflow.errors import FlowError
from hugflow.flows.flow import Flow
from hugflow.flows.load import find_module
from hugflow.flows.names import PACKAGE
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import read_lock
from hugflow.redact import in_a_line
from hugflow.serving.keys import is_signed_by

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink


def describe(
    cl: "CoLink", flow_class: type[Flow], flow_class_name: str, endpoint: str
) -> dict[str, Any]:
    """The description of an endpoint."""
    module, commit = None, None
    if flow_class_name.startswith(f"{PACKAGE}."):
        places = FlowPlaces(cl.project.root)
        found = find_module(flow_class_name, places)
        module, commit = str(found), read_lock(places.lock_file)[found].synced.commit
    return {
        "name": endpoint,
        "owner": cl.get_user_id(),
        "flow_class_name": flow_class_name,
        "description": str(flow_class.default_config().get("description", "")),
        "version": str(getattr(flow_class, "version", "")),
        "module": module,
        "commit": commit,
        "input": _fields(flow_class, "input_fields"),
        "output": _fields(flow_class, "output_fields"),
    }


def sign_description(cl: "CoLink", description: Mapping[str, Any]) -> str:
    """The owner's signature."""
    return base64.b64encode(cl.sign(_to_bytes(description))).decode()


def check_description(
    owner: str, endpoint: str, description: dict[str, Any], signature: str
) -> dict[str, Any]:
    """The description. Raises FlowError where it is not signed by the owner for this endpoint."""
    try:
        signed = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        signed = b""
    is_right = (
        description.get("owner") == owner
        and description.get("name") == endpoint
        and is_signed_by(owner, _to_bytes(description), signed)
    )
    if not is_right:
        raise FlowError(
            f"the description of flows:{endpoint} is not signed by user {owner}",
            why="somebody may have changed it, or it is of another endpoint",
            mend="ask the owner to serve the endpoint again",
        )
    return description


def show_description(description: Mapping[str, Any]) -> str:
    """Fields and code in a line: `number: int -> output: int, ourorg/Speech at 5f0c1d2`."""
    ways = [
        ", ".join(f"{name}: {kind}" for name, kind in (description.get(way) or {}).items())
        for way in ("input", "output")
    ]
    code = description.get("module") or ""
    if code and description.get("commit"):
        code += f" at {description['commit'][:7]}"
    parts = [" -> ".join(ways) if any(ways) else "", code]
    return in_a_line(", ".join(filter(None, parts)), 500)


def _fields(flow_class: type[Flow], name: str) -> dict[str, str]:
    found = getattr(flow_class, name, {})
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _to_bytes(description: Mapping[str, Any]) -> bytes:
    return json.dumps(description, sort_keys=True, separators=(",", ":")).encode()
