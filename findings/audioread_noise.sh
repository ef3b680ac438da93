#!/usr/bin/env bash
# audioread 3.1.0 reads a WAV of 8 bits and an AIFF of 24 bits as loud noise.
#
# Expected: `audio_open` of one quiet tone gives about the same 16-bit samples, whichever container
# and width hold it, as it does for WAVs of 16 and 24 bits.
# Seen: two PCM files come back as other sound, without an error. The samples of an 8-bit WAV have no
# sign, and are widened as if they had one: the tone of 8,000 jumps between -32,768 and 32,512. The
# bytes of an AIFF of 24 bits are narrowed before they are swapped: the lowest bits become the
# highest. An AIFF of 32 bits is silence for the same reason.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet audioread==3.1.0 soundfile==0.14.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - "$folder" <<'PY'
import sys
from pathlib import Path

import audioread
import numpy as np
import soundfile

RATE = 16_000
tone = (8_000 * np.sin(np.arange(RATE) / 20)).astype(np.int16)
wrong = {}
for name, subtype in (
    ("16.wav", "PCM_16"), ("24.wav", "PCM_24"), ("16.aiff", "PCM_16"),
    ("8.wav", "PCM_U8"), ("24.aiff", "PCM_24"), ("32.aiff", "PCM_32"),
):
    path = Path(sys.argv[1]) / name
    soundfile.write(path, tone, RATE, subtype=subtype)
    right = soundfile.read(path, dtype="int16")[0].astype(np.int32)
    with audioread.audio_open(str(path)) as file:
        samples = np.frombuffer(b"".join(file), "<i2").astype(np.int32)
    assert np.abs(right - tone).max() <= 256, "the file is not what it should be"
    assert len(samples) == len(right)
    wrong[name] = int(np.abs(samples - right).max())
    print(f"{name}: from {samples.min()} to {samples.max()}, wrong by up to {wrong[name]}")
assert max(wrong["16.wav"], wrong["24.wav"], wrong["16.aiff"]) <= 1
for name in ("8.wav", "24.aiff", "32.aiff"):
    assert wrong[name] > 7_000, f"{name} is read rightly now: this finding is out of date"
PY
