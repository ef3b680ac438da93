"""How an MP3 is encoded: LAME's quality, the bitrate, and the sampling rate.

The bitrates are those of MPEG's tables for layer III (ISO/IEC 11172-3 and 13818-3); at 12 kHz and
below LAME gives at most 64 kbit/s.
"""

from typing import Final

from hugflow.late_dataclass import dataclass

# ffmpeg's default; 2 takes a third longer for a difference that speech does not show.
QUALITY: Final = 3
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
_MPEG_1: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_2: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_25: Final = (8, 16, 24, 32, 40, 48, 56, 64)
BITRATES_KBPS: Final = tuple(sorted({*_MPEG_1, *_MPEG_2}))


@dataclass(frozen=True, slots=True)
class Encoding:
    """What is asked of an MP3; None: the default for its sampling rate, and the source's rate.

    quality: LAME's, 0 (best, slowest) to 9. bitrate_kbps: one of `BITRATES_KBPS`. sample_rate: Hz,
    one of MP3's nine; a source at a lower rate keeps its own.
    """

    quality: int = QUALITY
    bitrate_kbps: int | None = None
    sample_rate: int | None = None

    def rate_for(self, source_hz: int) -> int:
        """The rate of the MP3 of a source at this rate."""
        rate_hz = nearest_rate(source_hz)
        return rate_hz if self.sample_rate is None else min(rate_hz, self.sample_rate)

    def bitrate_for(self, rate_hz: int) -> int:
        """The bitrate at an MP3's rate: the one that is asked for, or the nearest lower one.

        rate_hz: one of MP3's nine. Where all are higher, it is the lowest.
        """
        if self.bitrate_kbps is None:
            return BITRATE_KBPS_BY_RATE[rate_hz]
        known = bitrates_at(rate_hz)
        return max((kbps for kbps in known if kbps <= self.bitrate_kbps), default=known[0])

    def fits(self, rate_hz: int, bitrate_kbps: int) -> bool:
        """Whether an MP3 is what is asked for already, so that it may be copied."""
        is_rate_right = self.sample_rate is None or rate_hz <= self.sample_rate
        return is_rate_right and self.bitrate_kbps in (None, bitrate_kbps)


def nearest_rate(rate_hz: int) -> int:
    """The rate of an MP3: the source's own, or the nearest lower one, or else 8 kHz."""
    lower = (rate for rate in BITRATE_KBPS_BY_RATE if rate <= rate_hz)
    return max(lower, default=min(BITRATE_KBPS_BY_RATE))


def bitrates_at(rate_hz: int) -> tuple[int, ...]:
    """The bitrates, in kbit/s and rising, that an MP3 at one of the nine rates may have."""
    if rate_hz >= 32_000:
        return _MPEG_1
    return _MPEG_2 if rate_hz >= 16_000 else _MPEG_25
