#!/usr/bin/env bash
# pydub 0.25.1 moves the high half of the sound into speech when it lowers the sample rate.
#
# Expected: `set_frame_rate(16000)` of a tone of 10 kHz at 48 kHz gives near silence: 16 kHz hold
# nothing above 8 kHz, and resamplers filter it out first, as soxr does.
# Seen: the tone comes back at 6 kHz and at full level, because samples are interpolated without a
# filter. Nothing warns. Hiss and the sound "s" of a recording at 48 kHz become noise in the middle of
# the band of speech, in each dataset that pydub brought to 16 kHz.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pydub==0.25.1 soxr==1.1.0 numpy==2.4.6 \
  'audioop-lts==0.2.2; python_version >= "3.13"'
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import pydub
import soxr

tone = (8_000 * np.sin(2 * np.pi * 10_000 * np.arange(48_000) / 48_000)).astype(np.int16)
segment = pydub.AudioSegment(tone.tobytes(), sample_width=2, frame_rate=48_000, channels=1)
found = np.array(segment.set_frame_rate(16_000).get_array_of_samples(), np.float64)
right = soxr.resample(tone.astype(np.float64), 48_000, 16_000)


def level(samples):
    return float(np.sqrt(np.mean(samples[1_000:-1_000] ** 2)))


loudest = int(np.abs(np.fft.rfft(found)).argmax() * 16_000 / len(found))
print(f"level with soxr {level(right):.1f}, with pydub {level(found):.0f}")
print(f"pydub's tone is at {loudest} Hz")
assert level(right) < 10
assert loudest == 6_000 and level(found) > 5_000, "there is a filter now: this finding is out of date"
PY
