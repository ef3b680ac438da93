"""Where the web UI's server gives clips, and the page that plays them."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

LISTEN: Final = "/_hugflow/listen/"
CLIP: Final = "/_hugflow/clip/"


def listen_url(name: str, rows: Sequence[int]) -> str:
    """The page with the clips of these rows, as a path of the web UI's own server."""
    return f"{LISTEN}{quote(name)}?rows={','.join(map(str, rows))}"
