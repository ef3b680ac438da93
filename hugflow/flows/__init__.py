"""Flow modules: processing steps, shared as repositories of the Hub.

from hugflow.flows import flow_verse

flow_verse.sync_dependencies([{"url": "saibo/ChatFlows", "revision": "main"}])
from flow_modules.saibo.ChatFlows import ChatGPT4
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from hugflow.errors import FlowModuleConflict, FlowModuleNotFound, UntrustedFlowModule

if TYPE_CHECKING:
    from hugflow.flows import flow_verse
    from hugflow.flows.flow import AtomicFlow, CompositeFlow, Flow
    from hugflow.flows.messages import FlowFuture, FlowMessage

__all__ = [
    "AtomicFlow",
    "CompositeFlow",
    "Flow",
    "FlowFuture",
    "FlowMessage",
    "FlowModuleConflict",
    "FlowModuleNotFound",
    "UntrustedFlowModule",
    "flow_verse",
]

# Brought in when somebody asks for them: every command reads the settings of flows.
_HOMES: Final = {
    "AtomicFlow": "hugflow.flows.flow",
    "CompositeFlow": "hugflow.flows.flow",
    "Flow": "hugflow.flows.flow",
    "FlowFuture": "hugflow.flows.messages",
    "FlowMessage": "hugflow.flows.messages",
}


def __getattr__(name: str) -> object:
    """The flow classes and `flow_verse`."""
    if name == "flow_verse":
        return import_module("hugflow.flows.flow_verse")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Also what is not brought in yet."""
    return sorted({*globals(), *__all__})
