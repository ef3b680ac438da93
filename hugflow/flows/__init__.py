"""Flow modules: processing steps, shared as repositories of the Hub.

from hugflow.flows import flow_verse

flow_verse.sync_dependencies([{"url": "saibo/ChatFlows", "revision": "main"}])
from flow_modules.saibo.ChatFlows import ChatGPT4
"""

from hugflow.errors import FlowModuleConflict, FlowModuleNotFound, UntrustedFlowModule
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
