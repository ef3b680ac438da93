"""The list of decoders, and which of them takes a clip."""

from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.decoders import libsndfile, pyav
from hugflow.audio.decoders.decoder import ClipDecoder
from hugflow.audio.strangers import name_stranger

# In the order in which they are asked.
DECODERS: Final[tuple[ClipDecoder, ...]] = (libsndfile, pyav)


def choose_decoder(data: bytes | memoryview) -> tuple[ClipDecoder, str]:
    """The first decoder that recognises a clip's bytes, and what it calls their container.

    Raises AudioBad (`audio_unsupported`) where none does, and names the format where it is known.
    """
    for decoder in DECODERS:
        container = decoder.recognise(data)
        if container is not None:
            return decoder, container
    name = name_stranger(data)
    words = "begins like no audio format we know" if name is None else f"is {name}"
    raise AudioBad("audio_unsupported", f"the audio {words}")
