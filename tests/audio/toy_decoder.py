"""A decoder for a test: `TOY1`, the rate in two bytes, then 16-bit samples of one channel."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from hugflow.audio.clip import Clip, ClipRules


def recognise(data: bytes | memoryview) -> str | None:
    return "toy" if bytes(data[:4]) == b"TOY1" else None


@contextmanager
def open_bytes(data: bytes | memoryview, container: str, rules: ClipRules) -> Iterator[Clip]:
    samples = np.frombuffer(data, "<i2", offset=6)[:, None]
    rate_hz = int.from_bytes(data[4:6], "little")
    yield Clip(container, rate_hz, 1, len(samples), iter([samples]))


def write_toy(samples: np.ndarray, rate_hz: int) -> bytes:
    return b"TOY1" + rate_hz.to_bytes(2, "little") + samples.astype("<i2").tobytes()
