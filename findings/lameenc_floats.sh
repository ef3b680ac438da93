#!/usr/bin/env bash
# lameenc 1.9.0 encodes an array of floats as noise, and says nothing.
#
# Expected: `encode` of a float32 array, which is what soundfile and librosa give, is refused, or the
# samples from -1 to 1 are scaled.
# Seen: it reads the array's bytes as 16-bit samples: twice as many, loud noise, no error. Integers of
# 16 bits are right. Whoever passes arrays has to convert them first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet lameenc==1.9.0 soundfile==0.14.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import io

import lameenc
import numpy as np
import soundfile

RATE = 16_000
tone = (0.1 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)


def decoded(samples):
    encoder = lameenc.Encoder()
    encoder.set_channels(1)
    encoder.set_in_sample_rate(RATE)
    encoder.set_bit_rate(64)
    return soundfile.read(io.BytesIO(bytes(encoder.encode(samples) + encoder.flush())))[0]


right, wrong = decoded((tone * 32_767).astype(np.int16)), decoded(tone)
levels = [float(np.sqrt(np.mean(each[2_000:14_000] ** 2))) for each in (right, wrong)]
print(f"int16: {len(right) / RATE:.2f} s, level {levels[0]:.3f}")
print(f"float32: {len(wrong) / RATE:.2f} s, level {levels[1]:.3f}")
assert abs(levels[0] - 0.07) < 0.01
assert len(wrong) > 1.8 * len(right) and levels[1] > 2 * levels[0], "it reads floats now: out of date"
PY
