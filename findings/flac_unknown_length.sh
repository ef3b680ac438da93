#!/usr/bin/env bash
# soundfile 0.14.0 cannot give the last samples of a FLAC of unknown length.
#
# FLAC allows a total of 0 samples in STREAMINFO: encoders that write to a pipe leave it so.
# Expected: reading to the end gives all samples, as for a FLAC that names its length.
# Seen: the length is reported as 2^63-1. Every read that reaches the last sample raises
# LibsndfileError ("psf_fseek() failed"), because soundfile seeks to where it has read to; one sample
# less is fine. So `blocks` gives whole blocks and loses the rest with an error, and `read` of the
# whole file gives nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet soundfile==0.14.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import io

import numpy as np
import soundfile

samples = (8000 * np.sin(np.arange(40_000) / 20)).astype(np.int16)
file = io.BytesIO()
soundfile.write(file, samples, 16_000, format="FLAC", subtype="PCM_16")
data = bytearray(file.getvalue())
# STREAMINFO begins at byte 8; its 36-bit count of samples ends at byte 26 of the file.
data[21] &= 0xF0
data[22:26] = bytes(4)

with soundfile.SoundFile(io.BytesIO(data)) as file:
    print("length as reported:", file.frames)
    assert file.frames == 2**63 - 1
    most = file.read(len(samples) - 1, dtype="int16")
assert (most == samples[:-1]).all()

blocks = []
try:
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        blocks = []
        for block in file.blocks(8192, dtype="int16"):
            blocks.append(len(block))
except soundfile.LibsndfileError as error:
    print(f"blocks {blocks} of {len(samples)} samples, then: {error}")
else:
    raise AssertionError(f"blocks gave {blocks}: this finding is out of date")
assert sum(blocks) == 32_768
PY
