"""Tars for tests: clips and texts as WebDataset has them."""

import io
import json
import tarfile
from collections.abc import Iterable
from typing import Any

from hugflow.testing.speech import encode, speech_like


def clip(seed: int, seconds: float = 0.2) -> bytes:
    """A short WAV; the same seed is the same clip."""
    return encode(speech_like(seconds, 16_000, seed=seed), 16_000, "wav")


def make_tar(members: Iterable[tuple[str | tarfile.TarInfo, bytes]], mode: str = "w") -> bytes:
    """A tar of these members, in order; a TarInfo is written as it is."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if not isinstance(name, tarfile.TarInfo):
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def sample(row: int, **more: Any) -> list[tuple[str | tarfile.TarInfo, bytes]]:
    """The members of one row: a WAV and a JSON with its text."""
    told = {"text": f"row {row}", "speaker": f"s{row % 3}", **more}
    return [(f"utt{row}.wav", clip(row)), (f"utt{row}.json", json.dumps(told).encode())]


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A member that is no regular file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info
