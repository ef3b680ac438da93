#!/usr/bin/env bash
# kaldiio 2.18.1 gives the codes of a mu-law, A-law or ADPCM WAV as if they were samples.
#
# Speech from telephones is mostly kept as WAV with 8-bit mu-law or A-law codes.
# Expected: `load_scp` gives the decoded samples, as int16 or as floats, or raises, as it does for
# GSM 6.10.
# Seen: it gives the bytes of the file as uint8 from 0 to 255, without a warning. The code of silence
# is 255 in mu-law, so a pause becomes the largest value. An ADPCM file of two seconds becomes one
# second of noise, since a byte holds two samples.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet kaldiio==2.18.1 soundfile==0.14.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

import kaldiio
import numpy as np
import soundfile

RATE = 8_000
folder = Path(sys.argv[1])
# One second of a tone, then one of silence.
call = np.zeros(2 * RATE, np.int16)
call[:RATE] = 8_000 * np.sin(np.arange(RATE) / 5)
loaded = {}
for subtype in ("PCM_16", "ULAW", "ALAW", "IMA_ADPCM"):
    path = folder / f"{subtype}.wav"
    soundfile.write(path, call, RATE, subtype=subtype)
    right = soundfile.read(path, dtype="int16")[0]
    assert np.corrcoef(right[: len(call)], call)[0, 1] > 0.99, "the file is not what it should be"
    (folder / "wav.scp").write_text(f"call {path}\n")
    _, loaded[subtype] = kaldiio.load_scp(str(folder / "wav.scp"))["call"]
    samples = loaded[subtype]
    print(f"{subtype}: {len(samples)} of {samples.dtype}, the last is {samples[-1]}")
assert (loaded["PCM_16"] == call).all()
for subtype in ("ULAW", "ALAW", "IMA_ADPCM"):
    assert loaded[subtype].dtype == np.uint8, "it decodes now: this finding is out of date"
assert (loaded["ULAW"][RATE:] == 255).all()
assert len(loaded["IMA_ADPCM"]) < 0.6 * len(call)
PY
