"""Flows that the tests serve."""

import time
from typing import Any, ClassVar

from hugflow.flows import AtomicFlow, CompositeFlow

Row = dict[str, Any]


class Count(AtomicFlow):
    """Counts its messages in its state, and gives what it was configured with."""

    defaults: ClassVar[Row] = {"greeting": "hello", "nested": {"a": 1, "b": 2}, "any": {}}
    version = "3"
    input_fields: ClassVar[dict[str, str]] = {"number": "int"}

    def run(self, data: Row) -> Row:
        """Give the count and the configuration."""
        if data.get("fails"):
            self.state["count"] = -1
            raise ValueError("it cannot be")
        time.sleep(data.get("seconds", 0))
        self.state["count"] = self.state.get("count", 0) + 1
        seen = [*self.state.get("seen", []), data.get("number")][-100:]
        self.state["seen"] = seen
        return {"count": self.state["count"], "greeting": self.config["greeting"], "seen": seen}


class Upper(AtomicFlow):
    """Keeps nothing; bytes come back as they are."""

    def run(self, data: Row) -> Row:
        """Give text in capitals, and the bytes."""
        time.sleep(data.get("seconds", 0))
        return {"text": str(data.get("text", "")).upper(), "audio": data.get("audio")}


class Slow(AtomicFlow):
    """Loads something at its first message, and notes its messages in its state."""

    loads = 0

    def run(self, data: Row) -> Row:
        """Give what its state has seen, and how often something was loaded."""
        seen = self.state.setdefault("seen", [])
        seen.append(data["number"])
        time.sleep(0.1)
        if not hasattr(self, "model"):
            self.model = object()
            self.loads += 1
        return {"seen": seen, "loads": self.loads}


class Made(AtomicFlow):
    """Takes its time to be made, as one that loads a model, and counts how often it was."""

    made: ClassVar[list[int]] = []

    def __init__(self, **config: Any) -> None:
        """Count."""
        super().__init__(**config)
        time.sleep(0.2)
        self.made.append(1)

    def run(self, data: Row) -> Row:
        """Give how often it was made."""
        return {"made": len(self.made)}


class Odd(AtomicFlow):
    """Gives what cannot be sent for some rows."""

    def run(self, data: Row) -> Row:
        """Give an object of Python's own, or the row."""
        return {"row": object() if data.get("is_odd") else data["row"]}


class Twice(CompositeFlow):
    """Two counters in a row."""

    defaults: ClassVar[Row] = {
        "subflows_config": {
            "first": {"flow_class_name": "served_classes.Count", "flow_endpoint": "count"},
            "second": {"flow_class_name": "served_classes.Count", "flow_endpoint": "count"},
        }
    }

    def run(self, data: Row) -> Row:
        """Give both counts."""
        return {key: flow.run(data)["count"] for key, flow in self.subflows.items()}


class Circle(CompositeFlow):
    """It is its own subflow."""

    defaults: ClassVar[Row] = {
        "subflows_config": {
            "again": {"flow_class_name": "served_classes.Circle", "flow_endpoint": "circle"}
        }
    }


class Unplaced(CompositeFlow):
    """A subflow without an endpoint."""

    defaults: ClassVar[Row] = {
        "subflows_config": {"nowhere": {"flow_class_name": "served_classes.Count"}}
    }


class Listen(AtomicFlow):
    """Says how many bytes a clip has; a row every `seconds`."""

    defaults: ClassVar[Row] = {"seconds": 0.0}

    def run(self, data: Row) -> Row:
        """Give the clip's size and first bytes."""
        time.sleep(self.config["seconds"])
        if data["row"] == 3:
            raise ValueError("no such voice")
        return {"heard": len(data["audio"]["bytes"]), "was": data["row"]}


class Later(CompositeFlow):
    """Asks its subflow for a reply that comes as a message of its own, and keeps what came."""

    defaults: ClassVar[Row] = {
        "subflows_config": {
            "count": {"flow_class_name": "served_classes.Count", "flow_endpoint": "count"}
        }
    }

    def run(self, data: Row) -> Row:
        """Keep a reply, or ask for one."""
        assert self.message is not None
        if self.message.reply_to is not None:
            kept = {"reply_to": self.message.reply_to, **data}
            self.state["replies"] = [*self.state.get("replies", []), kept]
        elif "number" in data:
            subflow = self.subflows["count"]
            message = subflow.package_input_message(data)
            subflow.get_reply(message)
            return {"asked": message.message_id}
        return {"replies": self.state.get("replies", [])}


class LaterHere(Later):
    """The same with a subflow of its own."""

    defaults: ClassVar[Row] = {
        "subflows_config": {"count": {"flow_class_name": "served_classes.Count"}}
    }
