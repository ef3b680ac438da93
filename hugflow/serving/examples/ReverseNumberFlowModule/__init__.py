"""Flows that reverse the digits of a number."""

from .ReverseNumberAtomicFlow import ReverseNumberAtomicFlow
from .ReverseNumberSequentialFlow import ReverseNumberSequentialFlow

__all__ = ["ReverseNumberAtomicFlow", "ReverseNumberSequentialFlow"]
