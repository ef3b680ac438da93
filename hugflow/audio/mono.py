"""One 16-bit channel out of whatever was decoded."""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.int16]

FULL_SCALE: Final = 32768


def to_mono_pcm16(samples: Samples) -> npt.NDArray[np.int16]:
    """Mix decoded audio down to one 16-bit channel.

    samples: shape (frames, channels); int16, or float32 with full scale [-1.0, 1.0].
    Returns int16, shape (frames,): the mean over the channels, times 32768 if it was float32, and
    rounded, a half to even. One channel of 16 bits comes out as it went in, by either type.

    Louder input is clipped, never wrapped. Before the mean, NaN becomes silence and infinity full
    scale, each in its own channel: neither may reach an encoder.
    """
    is_int16 = samples.dtype == np.int16
    if is_int16 and samples.shape[1] == 1:
        return samples[:, 0].astype(np.int16, copy=False)
    # Finite floats may still add up to infinity, which the clipping then takes for full scale.
    with np.errstate(over="ignore"):
        mean = _mean(to_reals(samples)) * np.float32(1 if is_int16 else FULL_SCALE)
    pcm: npt.NDArray[np.int16] = np.rint(mean.clip(-FULL_SCALE, FULL_SCALE - 1)).astype(np.int16)
    return pcm


def to_mono_float32(samples: Samples) -> npt.NDArray[np.float32]:
    """Mix decoded audio down to one channel that is yet to be filtered.

    samples: as `to_mono_pcm16` takes them, and so is what is no number. Returns float32, shape
    (frames,), full scale [-1.0, 1.0]; louder input stays louder, up to 32768 times full scale:
    beyond that, one sample would be heard in all that a filter reaches from it.
    """
    with np.errstate(over="ignore"):
        mean = _mean(to_reals(samples))
    if samples.dtype == np.int16:
        mean /= np.float32(FULL_SCALE)
    return mean.clip(-FULL_SCALE, FULL_SCALE)


def to_reals(samples: Samples) -> npt.NDArray[np.float32]:
    """The samples as float32, NaN as silence and infinity as full scale; not scaled."""
    reals: npt.NDArray[np.float32] = samples.astype(np.float32, copy=False)
    if not np.isfinite(reals).all():
        reals = np.nan_to_num(reals, nan=0.0, posinf=1.0, neginf=-1.0)
    return reals


def _mean(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    # Column by column: numpy's own mean along an axis this short takes many times as long.
    total = samples[:, 0].copy()
    for channel in range(1, samples.shape[1]):
        total += samples[:, channel]
    total /= np.float32(samples.shape[1])
    return total
