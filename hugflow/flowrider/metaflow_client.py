"""`auto_getter`, by the other name that the document of flowrider uses."""

from hugflow.flowrider.cache import cache_getter_fn
from hugflow.flowrider.getters import auto_getter

__all__ = ["auto_getter", "cache_getter_fn"]
