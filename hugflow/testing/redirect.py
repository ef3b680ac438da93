"""Pointing the Hub's libraries at another Hub, even if they are already imported.

`huggingface_hub` and `datasets` read HF_ENDPOINT and HF_HOME once, on import, and keep derived
values as constants in many modules. This module changes those constants, and changes them back. A
client that was made before keeps its own address, so a client in a module's variable is refused.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hugflow.errors import UsageWrong

LIBRARIES = ("huggingface_hub", "datasets")
OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
# A token or a cache of this machine must not be used with a test's Hub.
NOT_KEPT = (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_TOKEN_PATH",
    "HF_HUB_CACHE",
    "HF_DATASETS_CACHE",
    *OFFLINE,
)

# The module, the name and the old value.
Change = tuple[dict[str, Any], str, Any]


@contextmanager
def redirected(endpoint: str, home: Path) -> Iterator[None]:
    """Make the Hub's libraries, here and in child processes, use only this Hub and this home.

    Raises UsageWrong when a module holds a client that would still use another Hub.
    """
    # Import them before the environment changes, so that they read its real values.
    from huggingface_hub import constants

    old_endpoint, old_home = constants.ENDPOINT, constants.HF_HOME
    if old_endpoint != endpoint:
        _refuse_open_clients(old_endpoint)
    words = {old_endpoint: endpoint, old_home: str(home)}
    changes: list[Change] = []
    try:
        with environment(endpoint, home):
            changes += _translate_constants(words)
            _forget_listings()
            yield
    finally:
        for namespace, name, value in reversed(changes):
            namespace[name] = value
        # Modules imported meanwhile have read the other values.
        _translate_constants({new: old for old, new in words.items()})
        _forget_listings()


@contextmanager
def environment(endpoint: str, home: Path) -> Iterator[None]:
    """The variables that the Hub's libraries read when they are imported."""
    before = dict(os.environ)
    for name in NOT_KEPT:
        os.environ.pop(name, None)
    os.environ |= {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ |= before


def _translate_constants(words: Mapping[str, str]) -> list[Change]:
    """Replace the beginnings of the libraries' constants; returns the changes."""
    changes: list[Change] = []
    for namespace in _namespaces():
        for name, value in list(namespace.items()):
            new = False if name in OFFLINE else _translate(value, words)
            if new is not value:
                changes.append((namespace, name, value))
                namespace[name] = new
    return changes


def _namespaces() -> list[dict[str, Any]]:
    """The variables of every module of the libraries, and the clients among them."""
    from huggingface_hub import HfApi

    modules = [vars(m) for n, m in sys.modules.items() if n.partition(".")[0] in LIBRARIES]
    clients = {
        id(value): value
        for names in modules
        for value in list(names.values())
        if isinstance(value, HfApi)
    }
    return modules + [vars(client) for client in clients.values()]


def _translate(value: Any, words: Mapping[str, str]) -> Any:
    """The value with replacements; the same object if nothing is replaced."""
    for old, new in words.items():
        if isinstance(value, str) and value.startswith(old):
            return new + value.removeprefix(old)
        if isinstance(value, Path) and value.is_relative_to(old):
            return Path(new) / value.relative_to(old)
        # The hosts that count as the Hub.
        if isinstance(value, frozenset) and (host := urlsplit(old).hostname) in value:
            return value - {host} | {urlsplit(new).hostname}
    return value


def _forget_listings() -> None:
    """Drop cached file systems, which remember the content of earlier repositories."""
    from huggingface_hub import HfFileSystem

    HfFileSystem.clear_instance_cache()


def _refuse_open_clients(endpoint: str) -> None:
    from huggingface_hub import HfApi, HfFileSystem

    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] in LIBRARIES:
            continue
        for name, value in list(getattr(module, "__dict__", {}).items()):
            # type() only: asking a proxy for its class may do anything.
            is_client = issubclass(type(value), HfApi | HfFileSystem)
            if is_client and value.endpoint == endpoint:
                raise UsageWrong(
                    f"{module_name}.{name} would speak to {endpoint} and not to the loopback Hub",
                    why="it was made when the module was imported, before the Hub was there",
                    mend="run pytest with --hugflow-hub, which starts the Hub before anything is "
                    "imported, or make the client where it is used",
                )
