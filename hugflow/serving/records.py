"""What a user's bucket holds: endpoints, instances and their states.

served.<endpoint>      Served
singleton.<endpoint>   Instance     written once, by compare-and-set: all callers get this one
instance.<id>          Instance
state.<id>             State        written once a message, with its reply
"""

from dataclasses import asdict, field
from datetime import UTC, datetime
from typing import Any

from hugflow.late_dataclass import dataclass

LOCAL = "local"
# Ids in a state. The reply to the newest may not be stored yet; that of an older one is, and an
# instance's worker looks for it. So a few would do; the rest saves work on a message that hurries.
RECENT = 16


@dataclass(frozen=True, slots=True)
class Served:
    """One endpoint.

    allow: ids of the users who may have an instance; None for everyone.
    allow_subflow_overrides: whether other users may say who serves the subflows of their instance.
    is_open: False once unserved: no new instances, and those that exist keep answering.
    declared: it is in the project file's `serve:`, and unserved when it is no longer there.
    """

    flow_class_name: str
    dispatch_point: str
    parallel_dispatch: bool = False
    singleton: bool = False
    allow: tuple[str, ...] | None = None
    allow_subflow_overrides: bool = False
    is_open: bool = True
    declared: bool = False
    description: dict[str, Any] = field(default_factory=dict)
    signature: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Served":
        """Read what `to_json` gave."""
        allow = value.get("allow")
        return cls(**{**value, "allow": tuple(allow) if allow is not None else None})


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of a served flow.

    client: the user who got it; `local` for its owner.
    subflows: by key, the instance that was fetched for each served subflow.
    """

    flow_id: str
    flow_endpoint: str
    flow_class_name: str
    client: str
    dispatch_point: str
    parallel_dispatch: bool = False
    singleton: bool = False
    allow: tuple[str, ...] | None = None
    config_overrides: dict[str, Any] = field(default_factory=dict)
    subflows: dict[str, dict[str, Any]] = field(default_factory=dict)
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    def may_be_messaged_by(self, caller: str, owner: str) -> bool:
        """Its owner, the user who got it, and for a singleton everyone who may get it."""
        if caller in (owner, self.client):
            return True
        return self.singleton and (self.allow is None or caller in self.allow)

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Instance":
        """Read what `to_json` gave."""
        allow = value.get("allow")
        return cls(**{**value, "allow": tuple(allow) if allow is not None else None})


@dataclass(frozen=True, slots=True)
class State:
    """An instance's state after a message, and the reply to that message.

    recent: ids of the last messages that were taken in, the newest last.
    reply: to the newest; it is sent again when a worker died before it was sent.
    """

    state: dict[str, Any] = field(default_factory=dict)
    recent: tuple[str, ...] = ()
    reply: dict[str, Any] = field(default_factory=dict)

    def after(self, state: dict[str, Any], message_id: str, reply: dict[str, Any]) -> "State":
        """The state after one more message."""
        return State(state, (*self.recent, message_id)[-RECENT:], reply)

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "State":
        """Read what `to_json` gave."""
        return cls(value["state"], tuple(value["recent"]), value["reply"])
