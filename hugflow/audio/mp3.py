"""MP3s of constant bitrate, one channel, and exactly as long as their source."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import lameenc

from hugflow.audio.bad import AudioBad
from hugflow.audio.info_tag import render_info_tag
from hugflow.audio.mono import Samples, to_mono_pcm16
from hugflow.audio.mpeg import parse_frame_header

# What LAME gives at each rate when asked for 192 kbit/s: seed 004.
BITRATE_KBPS_BY_RATE: Final = {
    48_000: 192,
    44_100: 192,
    32_000: 192,
    24_000: 160,
    22_050: 160,
    16_000: 160,
    12_000: 64,
    11_025: 64,
    8_000: 64,
}
# ffmpeg's default; 2 takes a third longer for a difference that speech does not show.
QUALITY: Final = 3


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What is known of an MP3 and of what it was made from.

    `sampling_rate` (Hz) and `num_samples` are the MP3's. `bitrate_kbps` of a copied one is the
    mean. `source_path` is the dataset's word for it, never a file that was opened.
    """

    sampling_rate: int
    num_samples: int
    source_format: str
    source_sampling_rate: int
    source_channels: int
    bitrate_kbps: int
    copied: bool
    source_path: str | None

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.num_samples / self.sampling_rate


@dataclass(frozen=True, slots=True)
class Mp3:
    """A whole MP3 file, mono."""

    data: bytes
    info: AudioInfo


def encode_mp3(blocks: Iterable[Samples], sampling_rate: int) -> tuple[bytes, int]:
    """Encode decoded blocks, and count them: the MP3's bytes and its samples.

    blocks: as `to_mono_pcm16` takes them, of any length; how the sound is cut into blocks does
    not change the bytes. sampling_rate: Hz, one of `BITRATE_KBPS_BY_RATE`.

    Raises AudioBad: `rate_unsupported`, and `audio_empty` when there is not one sample.
    """
    if sampling_rate not in BITRATE_KBPS_BY_RATE:
        raise AudioBad("rate_unsupported", f"the audio has {sampling_rate} samples a second")
    encoder = _start_encoder(sampling_rate)
    stream, num_samples = bytearray(), 0
    for block in blocks:
        pcm = to_mono_pcm16(block)
        stream += encoder.encode(pcm)
        num_samples += len(pcm)
    if not num_samples:
        raise AudioBad("audio_empty", "the audio has no samples")
    stream += encoder.flush()
    return _keep_time(stream, num_samples), num_samples


def _start_encoder(sampling_rate: int) -> lameenc.Encoder:
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_channels(1)
    encoder.set_in_sample_rate(sampling_rate)
    # Else LAME resamples, without a word, where it finds the bitrate low for the rate.
    encoder.set_out_sample_rate(sampling_rate)
    encoder.set_bit_rate(BITRATE_KBPS_BY_RATE[sampling_rate])
    encoder.set_quality(QUALITY)
    return encoder


def _keep_time(stream: bytearray, num_samples: int) -> bytes:
    first = parse_frame_header(int.from_bytes(stream[:4], "big"))
    if first is None:
        raise AudioBad("audio_undecodable", "LAME wrote no frame")
    # Padding keeps the mean frame at this size, so that the count comes out even.
    mean_size = first.samples * 125 * first.bitrate_kbps / first.sampling_rate
    frames = round(len(stream) / mean_size)
    return b"".join((render_info_tag(first, stream, frames, num_samples), stream))
