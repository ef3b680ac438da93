#!/usr/bin/env bash
# mutagen 1.48.1 reports 20 ms for a WAV of ten seconds, if its samples are ADPCM.
#
# Telephone speech is often a WAV with GSM 6.10, IMA ADPCM or MS ADPCM samples. A block of such a
# file holds hundreds of samples, and the `fact` chunk holds their number.
# Expected: `info.length` is ten seconds, as it is for PCM and for mu-law, or there is an error.
# Seen: each block is counted as one sample, so 10 s become 0.031 s (GSM) and 0.020 s (ADPCM), without
# a warning. A filter that drops clips under half a second by mutagen's length drops all of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mutagen==1.48.1 soundfile==0.14.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

import mutagen
import numpy as np
import soundfile

RATE, SECONDS = 8_000, 10
path = Path(sys.argv[1]) / "call.wav"
tone = (8_000 * np.sin(np.arange(RATE * SECONDS) / 5)).astype(np.int16)
lengths = {}
for subtype in ("PCM_16", "ULAW", "GSM610", "IMA_ADPCM", "MS_ADPCM"):
    soundfile.write(path, tone, RATE, subtype=subtype)
    right = soundfile.info(path).duration
    lengths[subtype] = mutagen.File(path).info.length
    print(f"{subtype}: soundfile {right:.3f} s, mutagen {lengths[subtype]:.3f} s")
    assert abs(right - SECONDS) < 0.1, "the file is not what it should be"
assert lengths["PCM_16"] == lengths["ULAW"] == SECONDS
for subtype in ("GSM610", "IMA_ADPCM", "MS_ADPCM"):
    assert lengths[subtype] < 0.1, "the length is right now: this finding is out of date"
PY
