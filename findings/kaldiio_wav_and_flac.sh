#!/usr/bin/env bash
# kaldiio 2.18.1 gives the same sound in two units: WAV as int16, FLAC as float64 within 1.
#
# Expected: one corpus converted from WAV to FLAC gives the same arrays.
# Seen: `kaldiio.load_mat` of the WAV returns int16 samples up to 32767; of the FLAC, float64 samples
# up to 1.0. Neither warns. A `wav.scp` that mixes the two feeds a trainer samples that differ by
# 32768 times; whoever takes arrays from Kaldi-style readers has to look at the type of each.
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

folder = Path(sys.argv[1])
samples = (8000 * np.sin(np.arange(16_000) / 20)).astype(np.int16)
found = {}
for ending in ("wav", "flac"):
    path = folder / f"clip.{ending}"
    soundfile.write(path, samples, 16_000, subtype="PCM_16")
    (folder / f"{ending}.scp").write_text(f"clip {path}\n")
    loaded = kaldiio.load_scp(str(folder / f"{ending}.scp"))["clip"]
    array = next(each for each in loaded if isinstance(each, np.ndarray))
    found[ending] = array
    print(ending, array.dtype, f"loudest {np.abs(array).max():g}")
same, _ = soundfile.read(folder / "clip.flac", dtype="int16")
assert (same == samples).all(), "the two files are not the same sound"
assert found["wav"].dtype == np.int16
assert found["flac"].dtype == np.float64
assert np.abs(found["flac"]).max() < 1, "FLAC comes in 16-bit units now: this finding is out of date"
PY
