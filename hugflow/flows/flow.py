"""Flows: steps that take a mapping and give one.

class Reverse(AtomicFlow):
    defaults = {"key": "number"}

    def run(self, data):
        key = self.config["key"]
        return {key: int(str(data[key])[::-1])}

Reverse().run({"number": 1234}) == {"number": 4321}
"""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from importlib import import_module
from typing import Any, ClassVar, TypeGuard

from hugflow.errors import (
    FlowConfigInvalid,
    FlowError,
    FlowModuleNotFound,
    UntrustedFlowModule,
)
from hugflow.flows.config import Config, read_defaults, set_on_top
from hugflow.flows.messages import Data, FlowFuture, FlowMessage, package
from hugflow.nearest import nearest_name

# Of a subflow: which class, and where it is served; the rest of its part is its configuration.
SERVED_KEYS = ("flow_class_name", "flow_endpoint", "user_id", "singleton", "parallel_dispatch")

# What takes replies for the flow that runs now, instead of its own queue; see `Flow.get_reply`.
push_replies: ContextVar[Callable[[FlowMessage], object] | None] = ContextVar(
    "push_replies", default=None
)
# Subflows that are served elsewhere, by their keys, for the composite that is being made.
served_subflows: ContextVar[Mapping[str, "Flow"]] = ContextVar("served_subflows")
# Finds the class of a subflow. What runs flows sets one that checks trust before it imports.
load_subflow: ContextVar[Callable[[str], type["Flow"]]] = ContextVar("load_subflow")
# Whether the flow that is made gets its values from the defaults of its composite's class.
_is_subflow: ContextVar[bool] = ContextVar("is_subflow", default=False)


class Flow:
    """A step with a configuration, which runs on one mapping at a time, or on a batch.

    `defaults` and a file `<Class>.yaml` say what may be configured. `state` is what the flow keeps
    from one message to the next; a served flow's is stored, so it holds JSON alone.
    """

    defaults: ClassVar[Mapping[str, Any]] = {"name": "", "description": ""}

    def __init__(self, **config: Any) -> None:
        """Take values on top of the defaults. Raises FlowConfigInvalid, a ValueError."""
        name = type(self).__name__
        is_subflow = _is_subflow.get()
        _is_subflow.set(False)
        self.config: Config = set_on_top(
            self.default_config(), config, name, may_name_code=is_subflow
        )
        self.name: str = self.config["name"] or name
        self.state: dict[str, Any] = {}
        # The composite that it is a subflow of, and the message that it works on.
        self.parent: Flow | None = None
        self.message: FlowMessage | None = None
        self._inbox: queue.SimpleQueue[tuple[FlowMessage, Future[FlowMessage]]] | None = None
        self._opening = threading.Lock()

    @classmethod
    def default_config(cls) -> Config:
        """What an instance is configured with when nothing is set."""
        return read_defaults(cls, Flow)

    def run(self, data: Data) -> Data | None:
        """Give the result for one mapping; None leaves the row out of what follows."""
        raise NotImplementedError(f"{type(self).__name__} has no run")

    def run_batch(self, batch: Sequence[Data]) -> list[Data | None]:
        """Give a result for each mapping, in their order; override it where that is faster."""
        return [self.run(data) for data in batch]

    def package_input_message(
        self, data: Mapping[str, Any], private_keys: Sequence[str] = ()
    ) -> FlowMessage:
        """A message to this flow, with a copy of the data. Raises TypeError for what is no JSON."""
        return package(data, dst_flow=self.name, private_keys=private_keys)

    def get_reply_future(self, message: FlowMessage) -> FlowFuture:
        """Hand in a message; the reply comes in its turn, one message at a time."""
        reply: Future[FlowMessage] = Future()
        with self._opening:
            if self._inbox is None:
                self._inbox = queue.SimpleQueue()
                # A daemon, because a flow that never returns must not keep a program from ending.
                threading.Thread(target=self._answer, args=(self._inbox,), daemon=True).start()
        self._inbox.put((message, reply))
        return FlowFuture(message.message_id, reply)

    def get_reply(self, message: FlowMessage) -> None:
        """Hand in a message whose reply goes into the queue of the composite that asks.

        The composite runs on the reply's data, in its turn; `self.message.reply_to` is then the
        message's id. Of an error, the data is `{"error": "..."}`. Raises FlowError for a flow that
        is no subflow.
        """
        if self.parent is None:
            raise no_parent(self.name)
        push = push_replies.get() if self.parent.parent is None else None
        self.get_reply_future(message).when_done(push or self.parent.get_reply_future)

    def _answer(self, inbox: "queue.SimpleQueue[tuple[FlowMessage, Future[FlowMessage]]]") -> None:
        while True:
            message, reply = inbox.get()
            self.message = message
            try:
                data = self.run(message.data) or {}
                answer = package(
                    data,
                    src_flow=self.name,
                    dst_flow=message.src_flow,
                    reply_to=message.message_id,
                )
            except Exception as error:  # noqa: BLE001  # it is the caller's, who waits for a reply
                reply.set_exception(to_flow_error(self.name, error))
            else:
                reply.set_result(answer)


class AtomicFlow(Flow):
    """A flow that does its work by itself."""


class CompositeFlow(Flow):
    """A flow that is made of others, its `subflows`.

    `subflows_config` has for each its `flow_class_name`, a dotted path, and any values of its own
    configuration beside it.
    """

    defaults: ClassVar[Mapping[str, Any]] = {"subflows_config": {}}

    def __init__(self, **config: Any) -> None:
        """Make the subflows, too."""
        super().__init__(**config)
        served = served_subflows.get({})
        # They are this composite's, and not those of the composites that it makes.
        made_here = served_subflows.set({})
        try:
            self.subflows: dict[str, Flow] = {
                name: served[name]
                if name in served
                else _make_subflow(f"{self.name}.{name}", settings)
                for name, settings in self.config["subflows_config"].items()
            }
        finally:
            served_subflows.reset(made_here)
        for subflow in self.subflows.values():
            subflow.parent = self


def find_flow_class(dotted: str, what: str) -> type[Flow]:
    """The class of a dotted path; its module is imported. Raises FlowConfigInvalid for no flow."""
    module, _, name = dotted.rpartition(".")
    try:
        loaded = import_module(module) if module else None
        found = getattr(loaded, name, None)
    except (UntrustedFlowModule, FlowModuleNotFound):
        raise
    except ImportError as error:
        raise FlowConfigInvalid(
            f"{what}: {dotted} cannot be imported",
            why=str(error),
            mend="check the name; sync its module",
        ) from error
    except Exception as error:
        raise FlowConfigInvalid(
            f"{what}: {dotted} cannot be imported",
            why=f"its module raises {type(error).__name__}: {error}",
            mend="correct the module",
        ) from error
    if not _is_flow(found):
        known = [own for own, each in vars(loaded).items() if _is_flow(each)] if loaded else []
        near = nearest_name(name, known)
        raise FlowConfigInvalid(
            f"{what}: {dotted} is no flow",
            why="it is not the dotted path of a class that grows from hugflow.flows.Flow",
            mend=f"did you mean {near}?" if near else "check the name: package.module.Class",
        )
    return found


def _is_flow(value: object) -> TypeGuard[type[Flow]]:
    return isinstance(value, type) and issubclass(value, Flow)


def to_flow_error(name: str, error: BaseException) -> FlowError:
    """What a caller is told of an error that a flow raised."""
    return FlowError(
        f"the flow {name} failed: {type(error).__name__}: {error}",
        why="its code raised this",
        mend="look at the data it was given, or tell the module's owner",
    )


def no_parent(name: str) -> FlowError:
    """The error for a reply that no composite waits for."""
    return FlowError(
        f"the flow {name} has no composite that its reply could go to",
        why="get_reply puts the reply into the queue of the composite that asks",
        mend="call it on a subflow in a composite's run, or use get_reply_future",
    )


def _make_subflow(what: str, settings: object) -> Flow:
    if not isinstance(settings, Mapping) or not isinstance(settings.get("flow_class_name"), str):
        raise FlowConfigInvalid(
            f"{what}: a subflow needs its flow_class_name",
            why="it says which class the subflow is of",
            mend="add flow_class_name: package.Class to its part of subflows_config",
        )
    dotted, load = settings["flow_class_name"], load_subflow.get(None)
    flow_class = load(dotted) if load is not None else find_flow_class(dotted, what)
    own = {key: value for key, value in settings.items() if key not in SERVED_KEYS}
    outer = _is_subflow.set(True)
    try:
        made: Flow = flow_class(**own)
    finally:
        _is_subflow.reset(outer)
    return made
