"""Futures of served flows, under the name that the notebooks import."""

from hugflow.flows.messages import FlowFuture, FlowMessage

__all__ = ["FlowFuture", "FlowMessage"]
