"""The environment that flows run in: an allow list of names, so that no flow sees a token.

That isolates from accidents; it is no sandbox.
"""

import os
from collections.abc import Mapping
from typing import Final

# What a flow may need of the owner's environment; everything else stays there.
KEPT: Final = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"),
    *("CUDA_VISIBLE_DEVICES", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)


def scrubbed_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker, from that of its owner."""
    return {name: environment[name] for name in KEPT if name in environment}


def scrub_own_environment() -> None:
    """Delete everything else from this process's environment, before it imports a flow."""
    for name in os.environ.keys() - set(KEPT):
        del os.environ[name]
