"""TLS whose certificate authorities are read with the first connection that needs them.

httpx2 reads them for each client, which takes as long as to ask the Hub for a dataset. A Hub or a
mirror at an http address needs none of them.
"""

import ssl
from functools import cached_property
from typing import Any

import httpx2


class LateCertificates(ssl.SSLContext):
    """What httpx2 verifies connections by, made when the first one begins.

    Made by `late_certificates()`. By itself it knows no authority, so it accepts no server.
    """

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return httpx2.create_ssl_context()

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        """Called before each connection."""
        self._context.set_alpn_protocols(alpn_protocols)

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """TLS over a connection."""
        return self._context.wrap_socket(*arguments, **options)

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """TLS within the TLS of a proxy."""
        return self._context.wrap_bio(*arguments, **options)


def late_certificates() -> LateCertificates:
    """For `verify` of an httpx2 client."""
    return LateCertificates(ssl.PROTOCOL_TLS_CLIENT)
