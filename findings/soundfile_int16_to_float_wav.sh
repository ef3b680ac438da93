#!/usr/bin/env bash
# soundfile 0.14.0 writes int16 samples into a float WAV 32,768 times too loud.
#
# A float WAV holds samples from -1 to 1; every player and every trainer reads it so.
# Expected: `soundfile.write(path, int16_array, rate, subtype="FLOAT")` scales the samples, as it
# does for int16 to PCM_24 and for float32 to PCM_16.
# Seen: a sample of 8,000 is written as 8000.0 in place of 0.244. The way back is wrong as well:
# `read(dtype="int16")` of a right float WAV is silence, as it does not scale either. The two cancel
# out, so a round trip in soundfile shows nothing; PyAV, ffmpeg and players get clipped noise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet soundfile==0.14.0 av==18.0.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 16_000
path = Path(sys.argv[1]) / "tone.wav"
whole = (8_000 * np.sin(np.arange(RATE) / 20)).astype(np.int16)
floats = (whole / 32_768).astype(np.float32)


def loudest(samples, subtype):
    """The loudest sample of the file as PyAV reads it, and as soundfile reads it as int16."""
    soundfile.write(path, samples, RATE, subtype=subtype)
    resampler = av.AudioResampler(format="fltp")
    with av.open(str(path)) as file:
        parts = [
            np.abs(part.to_ndarray()).max()
            for frame in file.decode(audio=0)
            for part in resampler.resample(frame)
        ]
    return float(max(parts)), int(np.abs(soundfile.read(path, dtype="int16")[0]).max())


for samples, subtype in ((whole, "PCM_16"), (whole, "PCM_24"), (floats, "PCM_16")):
    found = loudest(samples, subtype)
    print(f"{samples.dtype} as {subtype}: loudest {found[0]:.4g}; read as int16: {found[1]}")
    assert abs(found[0] - 0.244) < 0.001 and abs(found[1] - 8_000) <= 1
right, silent = loudest(floats, "FLOAT")
wrong, same = loudest(whole, "FLOAT")
print(f"float32 as FLOAT: loudest {right:.4g}; read as int16: {silent}")
print(f"int16 as FLOAT: loudest {wrong:.4g}; read as int16: {same}")
assert abs(right - 0.244) < 0.001
assert wrong > 7_000 and silent == 0, "samples are scaled now: this finding is out of date"
PY
