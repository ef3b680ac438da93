"""MP3s of constant bitrate, one channel, and exactly as long as their source."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from hugflow.audio.bad import AudioBad
from hugflow.audio.encoding import Encoding
from hugflow.audio.info_tag import crc16, render_info_tag
from hugflow.audio.mono import Samples, to_mono_pcm16
from hugflow.audio.mpeg import parse_frame_header
from hugflow.audio.quality import Quality
from hugflow.audio.spool import Spool
from hugflow.late_dataclass import dataclass
from hugflow.lean_start import Late

if TYPE_CHECKING:
    import lameenc
else:
    lameenc = Late("lameenc")

DEFAULT: Final = Encoding()


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What is known of an MP3 and of what it was made from.

    `sampling_rate` (Hz) and `num_samples` are the MP3's. `bitrate_kbps` of a copied one is the
    mean. `source_path` is the dataset's word for it, never a file that was opened. `repaired`: codes
    of what was wrong with the source's framing. `level`: the code of what became of its sound, None
    of one that is as it was; see `level_watch`. `quality`: None of a clip that was not measured.
    """

    sampling_rate: int
    num_samples: int
    source_format: str
    source_sampling_rate: int
    source_channels: int
    bitrate_kbps: int
    copied: bool
    source_path: str | None
    repaired: tuple[str, ...] = ()
    level: str | None = None
    quality: Quality | None = None

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.num_samples / self.sampling_rate

    @property
    def notes(self) -> dict[str, Any]:
        """What not all clips have, by its name as JSON has it."""
        notes: dict[str, Any] = {}
        if self.repaired:
            notes["repaired"] = list(self.repaired)
        if self.level is not None:
            notes["level"] = self.level
        if self.quality is not None:
            notes["quality"] = self.quality.to_json()
        return notes


@dataclass(frozen=True, slots=True)
class Mp3:
    """A whole MP3 file, mono: `head`, which is the Info tag or nothing, and then `body`.

    Close it once it is written: the body of a long one lies in a temporary file.
    """

    info: AudioInfo
    head: bytes
    body: bytes | memoryview | Spool

    @property
    def size_bytes(self) -> int:
        return len(self.head) + len(self.body)

    @property
    def data(self) -> bytes:
        """The file in one piece; of a long one rather take `pieces`."""
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes | bytearray | memoryview]:
        """The file in order, piece by piece, as often as needed."""
        if self.head:
            yield self.head
        if isinstance(self.body, Spool):
            yield from self.body.pieces()
        else:
            yield self.body

    def close(self) -> None:
        """Give back the room of a long one; closing twice does no harm."""
        if isinstance(self.body, Spool):
            self.body.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def encode_mp3(
    blocks: Iterable[Samples], sampling_rate: int, stream: Spool, encoding: Encoding = DEFAULT
) -> tuple[bytes, int]:
    """Encode decoded blocks into `stream`: the MP3's Info tag, and how many samples there are.

    blocks: as `to_mono_pcm16` takes them, of any length; how the sound is cut into blocks does
    not change the bytes. sampling_rate: Hz, one of MP3's nine. stream: empty; it is closed where
    encoding fails, and else holds the rest of the MP3. encoding: quality and bitrate.

    Raises AudioBad: `audio_empty` when there is not one sample.
    """
    encoder = _start_encoder(sampling_rate, encoding)
    num_samples = 0
    try:
        for block in blocks:
            pcm = to_mono_pcm16(block)
            stream.append(encoder.encode(pcm))
            num_samples += len(pcm)
        if not num_samples:
            raise AudioBad("audio_empty", "the audio has no samples")
        stream.append(encoder.flush())
        return _keep_time(stream, num_samples), num_samples
    except BaseException:
        stream.close()
        raise


def _start_encoder(sampling_rate: int, encoding: Encoding) -> "lameenc.Encoder":
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_channels(1)
    encoder.set_in_sample_rate(sampling_rate)
    # Else LAME resamples, without a word, where it finds the bitrate low for the rate.
    encoder.set_out_sample_rate(sampling_rate)
    encoder.set_bit_rate(encoding.bitrate_for(sampling_rate))
    encoder.set_quality(encoding.quality)
    return encoder


def _keep_time(stream: Spool, num_samples: int) -> bytes:
    """Render the Info tag of what LAME wrote."""
    first = parse_frame_header(int.from_bytes(next(stream.pieces())[:4], "big"))
    if first is None:
        raise AudioBad("audio_undecodable", "LAME wrote no frame")
    # Padding keeps the mean frame at this size, so that the count comes out even.
    mean_size = first.samples * 125 * first.bitrate_kbps / first.sampling_rate
    frames = round(len(stream) / mean_size)
    crc = 0
    for piece in stream.pieces():
        crc = crc16(piece, crc)
    return render_info_tag(first, frames, len(stream), crc, num_samples)
