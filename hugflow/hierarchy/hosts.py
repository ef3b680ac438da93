"""Which hosts may be asked: no loopback, private or link-local one, unless the root allows it."""

import ipaddress
import os
import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from hugflow.hierarchy.access import Access
from hugflow.hierarchy.errors import ParentUnavailable, UnsafeLocationError
from hugflow.redact import redact

_PORTS = {"http": 80, "https": 443, "ssh": 22}


def check_host(url: str, access: Access) -> list[str]:
    """Refuse a host that may not be asked; the addresses to connect to, none if that is free.

    Raises UnsafeLocationError, and ParentUnavailable for a host that has no address.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise UnsafeLocationError(
            f"{redact(url)[:100]} cannot be asked",
            why="only http, https and ssh are followed, at a host and port that can exist",
            mend="name another location",
        ) from None
    if access.allows_host(host, port):
        return []
    is_proxied = uses_proxy(url)
    try:
        addresses = _look_up(host, port)
    except ParentUnavailable:
        if not is_proxied:
            raise
        # Only the proxy knows the name, and it decides.
        return []
    for address in addresses:
        refuse_address(address, f"{host}:{port}")
    return [] if is_proxied else list(dict.fromkeys(addresses))


def refuse_address(address: str, shown: str) -> None:
    """Raise UnsafeLocationError for an address that is not public."""
    known = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(known, "ipv4_mapped", None) or getattr(known, "sixtofour", None) or known
    if not mapped.is_global or known.is_multicast or mapped.is_multicast:
        raise UnsafeLocationError(
            f"{shown} is a loopback, private or link-local host",
            why="a parent could read what only this network may see",
            mend=f"if you trust it, write `policy: {{parent_hosts: ['{shown}']}}` into the root's "
            "hugflow.yaml",
        )


def uses_proxy(url: str) -> bool:
    """Whether a proxy is asked in place of the host; then the proxy decides."""
    parts = urlsplit(url)
    if parts.scheme not in getproxies() and "all" not in getproxies():
        return False
    return not (os.environ.get("no_proxy") or os.environ.get("NO_PROXY")) or not proxy_bypass(
        parts.hostname or ""
    )


def _look_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ParentUnavailable(
            f"{host} has no address",
            why=str(getattr(error, "strerror", None) or error),
            mend="check the location's host, and the network",
        ) from None
    return [str(each[4][0]) for each in found]
