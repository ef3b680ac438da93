#!/usr/bin/env bash
# libsndfile 1.2.2 (in soundfile 0.14.0) reads an MP3 of variable bitrate inside a WAV only in part.
#
# Expected: a WAV that holds a ten-second MP3 (format tag 0x0055) gives ten seconds.
# Seen: `soundfile.read` ends after 2 to 6 seconds, without an error and without a warning; PyAV reads
# the same bytes to the end. libsndfile guesses the length from the first frames and the size of the
# file, and stops there. Whoever reads such files has to count the frames of the stream.
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

RATE, SECONDS = 48_000, 10
path = Path(sys.argv[1]) / "vbr.wav"
time = np.arange(RATE * SECONDS) / RATE
# Quiet, then loud and dense: the first frames are small, the later ones are not.
loudness = np.where(time < 2, 0.001, 0.3)
noise = np.random.default_rng(7).standard_normal(time.size)
samples = (np.clip(loudness * noise, -1, 1) * 32767).astype(np.int16)

with av.open(str(path), "w", format="wav") as file:
    stream = file.add_stream("libmp3lame", rate=RATE)
    stream.layout = "mono"
    stream.codec_context.format = "s16p"
    stream.codec_context.flags |= av.codec.context.Flags.qscale
    stream.codec_context.global_quality = 2 * 118
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16p", layout="mono")
    frame.sample_rate = RATE
    for packet in (*stream.encode(frame), *stream.encode(None)):
        file.mux(packet)

with av.open(str(path)) as file:
    whole = sum(frame.samples for frame in file.decode(audio=0)) / RATE
data, rate = soundfile.read(path)
part = len(data) / rate
print(soundfile.__libsndfile_version__, soundfile.info(path).subtype)
print(f"PyAV reads {whole:.1f} s, soundfile reads {part:.1f} s")
assert 9.9 < whole < 10.2, "the file is not what it should be"
assert part < 0.8 * whole, "libsndfile reads it whole now: this finding is out of date"
PY
