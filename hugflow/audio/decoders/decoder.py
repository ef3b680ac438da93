"""What a decoder is: a library that reads clips of some containers.

To add one, write a module in this package that has what `ClipDecoder` names, and add a line to the
list in `hugflow.audio.decoders.registry`. Every row whose bytes it recognises is then made by it.
"""

from contextlib import AbstractContextManager
from typing import Protocol

from hugflow.audio.clip import Clip, ClipRules


class ClipDecoder(Protocol):
    """A module that decodes clips. It sees untrusted bytes, and opens nothing else."""

    def recognise(self, data: bytes | memoryview) -> str | None:
        """Name the container by its first bytes, such as `flac`; None for what is not ours.

        It never raises and looks no further than it has to: it is asked of every clip.
        """

    def open_bytes(
        self, data: bytes | memoryview, container: str, rules: ClipRules
    ) -> AbstractContextManager[Clip]:
        """Open the bytes of one clip for decoding; they stay as they are until the clip is closed.

        container: what `recognise` called it. rules: what may become a clip.

        Raises AudioBad where the bytes cannot be a whole clip; so does taking a block of the clip.
        """
