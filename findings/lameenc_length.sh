#!/usr/bin/env bash
# lameenc 1.9.0 writes MP3s that decode to more samples than it was given.
#
# Expected: a clip of one second comes back as one second, as it does from `lame` and ffmpeg, which
# write the encoder's delay and padding into an Info tag, and decoders leave both out.
# Seen: lameenc writes no Info tag, so a decoder returns delay and padding as sound: the clip is 1,200
# to 2,000 samples longer and begins about 1,100 samples late. Labels with times, and losses that
# compare lengths, are off by up to 0.2 s at 8 kHz. Whoever uses lameenc has to write the tag.
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

for rate in (8_000, 16_000, 44_100):
    samples = np.zeros(rate, np.int16)
    # One click in the middle says how late the sound begins.
    samples[rate // 2] = 30_000
    encoder = lameenc.Encoder()
    encoder.set_channels(1)
    encoder.set_in_sample_rate(rate)
    encoder.set_bit_rate(64)
    encoder.set_quality(3)
    mp3 = encoder.encode(samples.tobytes()) + encoder.flush()
    decoded, found = soundfile.read(io.BytesIO(bytes(mp3)))
    late = int(np.abs(decoded).argmax()) - rate // 2
    longer = len(decoded) - rate
    print(f"{rate} Hz: {longer} samples longer, {late} samples late, tag: {b'Info' in mp3[:200]}")
    assert found == rate
    assert b"Info" not in mp3[:200] and b"Xing" not in mp3[:200], "there is a tag now: out of date"
    assert longer > 1_000 and late > 500, "the length is right now: this finding is out of date"
PY
